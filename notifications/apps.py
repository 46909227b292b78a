from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "notifications"

    def ready(self) -> None:
        from django.contrib.auth import get_user_model

        from notifications.actions import forget
        from notifications.groups import INBOX
        from notifications.models import Inbox, InboxEntry
        from realtime.log import ModelLog, register_log
        from realtime.retention import Retained, register_retention

        log = ModelLog(Inbox, InboxEntry, "inbox")
        register_log(INBOX, log)
        name = f"user__{get_user_model().USERNAME_FIELD}"
        register_retention("inboxes", Retained(log, name, forget))
