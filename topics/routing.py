from django.urls import re_path

from topics.consumers import TopicConsumer

websocket_urlpatterns = [re_path(r"^ws/topics/$", TopicConsumer.as_asgi())]
