from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        import accounts.schema  # noqa: F401 - it tells the API schema of our ways to sign in
        from accounts import signals, standing
        from realtime.sweep import register_check

        signals.connect()
        register_check(standing.check, key=standing.ground)
