from django.apps import AppConfig


class ChatConfig(AppConfig):
    name = "chat"

    def ready(self) -> None:
        from chat.groups import LOG_PREFIX
        from chat.models import Event, Room
        from realtime.log import ModelLog, register_log

        register_log(LOG_PREFIX, ModelLog(Room, Event, "room"))
