from django.apps import AppConfig


class TopicsConfig(AppConfig):
    name = "topics"

    def ready(self) -> None:
        from realtime.log import register_log
        from topics.log import TopicLog
        from topics.names import GROUPS

        register_log(GROUPS, TopicLog())
