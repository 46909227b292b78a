from django.apps import AppConfig


class OrdersConfig(AppConfig):
    name = "orders"

    def ready(self) -> None:
        from notifications.kinds import register
        from orders.kinds import ORDER_SHIPPED

        register(ORDER_SHIPPED)
