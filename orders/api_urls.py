"""Mounted at /api/."""

from django.urls import path

from orders.api import OrdersView, ShipView

app_name = "orders_api"
urlpatterns = [
    path("orders/", OrdersView.as_view(), name="orders"),
    path("orders/<str:order_id>/ship/", ShipView.as_view(), name="ship"),
]
