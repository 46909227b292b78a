"""To be included below `api/`."""

from django.urls import path

from accounts import api

urlpatterns = [
    path("token/", api.TokenView.as_view()),
    path("token/refresh/", api.TokenRefreshView.as_view()),
    path("token/revoke/", api.TokenRevokeView.as_view()),
    path("guest/", api.GuestView.as_view()),
    path("ws-ticket/", api.WebSocketTicketView.as_view()),
]
