from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "notifications"

    def ready(self) -> None:
        from notifications.groups import INBOX
        from notifications.models import Inbox, InboxEntry
        from realtime.log import ModelLog, register_log

        register_log(INBOX, ModelLog(Inbox, InboxEntry, "inbox"))
