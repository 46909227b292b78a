from django.urls import path

from chat import api

urlpatterns = [
    path("rooms/", api.RoomsView.as_view(), name="rooms"),
    path("rooms/<slug:slug>/", api.RoomView.as_view(), name="room"),
    path("rooms/<slug:slug>/join/", api.JoinView.as_view(), name="room-join"),
    path("rooms/<slug:slug>/leave/", api.LeaveView.as_view(), name="room-leave"),
    path("rooms/<slug:slug>/events/", api.EventsView.as_view(), name="room-events"),
    path("rooms/<slug:slug>/messages/", api.MessagesView.as_view(), name="room-messages"),
]
