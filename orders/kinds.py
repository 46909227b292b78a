from notifications.kinds import Kind

ORDER_SHIPPED = Kind(name="order-shipped", label="Order shipped")
