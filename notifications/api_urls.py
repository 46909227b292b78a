"""Mounted at /api/."""

from django.urls import path

from notifications.api import NotificationsView, NotificationView, ReadAllView

app_name = "notifications_api"
urlpatterns = [
    path("notifications/", NotificationsView.as_view(), name="notifications"),
    path("notifications/read-all/", ReadAllView.as_view(), name="read-all"),
    path("notifications/<str:notification_id>/", NotificationView.as_view(), name="notification"),
]
