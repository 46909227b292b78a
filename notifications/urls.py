"""Mounted at /notifications/."""

from django.urls import path

from notifications.pages import inbox

app_name = "notifications"
urlpatterns = [path("", inbox, name="inbox")]
