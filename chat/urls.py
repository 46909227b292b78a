from django.urls import include, path

from chat import pages

rooms = [
    path("", pages.create, name="create"),
    path("<slug:slug>/", pages.room, name="room"),
    path("<slug:slug>/join/", pages.join, name="join"),
    path("<slug:slug>/leave/", pages.leave, name="leave"),
]

urlpatterns = [
    path("", pages.home, name="home"),
    path("chat/", include((rooms, "chat"))),
]
