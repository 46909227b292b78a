"""Mounted at /orders/."""

from django.urls import path

from orders import pages

app_name = "orders"
urlpatterns = [
    path("", pages.order_list, name="list"),
    path("create/", pages.create, name="create"),
    path("<str:order_id>/ship/", pages.ship, name="ship"),
]
