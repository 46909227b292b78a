from django.apps import AppConfig


class ChatConfig(AppConfig):
    name = "chat"

    def ready(self) -> None:
        from django.contrib.auth import get_user_model
        from django.db.models.signals import pre_delete

        from chat import retention, standing
        from chat.groups import LOG_PREFIX
        from chat.models import Event, Room
        from chat.record import lock_memberships_of
        from realtime.log import ModelLog, register_log
        from realtime.retention import Retained, register_retention
        from realtime.sweep import register_check

        pre_delete.connect(lock_memberships_of, sender=get_user_model())
        register_check(standing.check, key=standing.room)
        log = ModelLog(Room, Event, "room")
        register_log(LOG_PREFIX, log)
        register_retention("rooms", Retained(log, "slug", retention.forget))
