from django.urls import re_path

from chat.consumers import RoomConsumer

websocket_urlpatterns = [re_path(r"^ws/chat/(?P<slug>[-\w]{1,60})/$", RoomConsumer.as_asgi())]
