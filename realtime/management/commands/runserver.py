from daphne.management.commands.runserver import Command as DaphneCommand

from realtime.server import Server


class Command(DaphneCommand):  # type: ignore[misc]  # daphne is untyped
    """Development, on the same server as production."""

    server_cls = Server
