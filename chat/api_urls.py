from django.urls import path

from chat import api, members_api

urlpatterns = [
    path("rooms/", api.RoomsView.as_view(), name="rooms"),
    path("rooms/<slug:slug>/", api.RoomView.as_view(), name="room"),
    path("rooms/<slug:slug>/join/", api.JoinView.as_view(), name="room-join"),
    path("rooms/<slug:slug>/leave/", api.LeaveView.as_view(), name="room-leave"),
    path("rooms/<slug:slug>/members/", members_api.MembersView.as_view(), name="room-members"),
    path("rooms/<slug:slug>/events/", api.EventsView.as_view(), name="room-events"),
    path("rooms/<slug:slug>/messages/", api.MessagesView.as_view(), name="room-messages"),
]
