"""`manage.py serve`: the site in production, on one worker or several."""

import os
import socket
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from realtime import redis
from realtime.conf import conf
from realtime.static import are_collected

BACKLOG = conf.BACKLOG  # connections that wait to be accepted, as after a restart
# Seconds; a worker that has not drained by then is killed.
GRACE = round(conf.DRAIN_SECONDS + conf.FLUSH_SECONDS) + 10


class Command(BaseCommand):
    help = "Serve the site. SIGHUP replaces the workers; SIGTERM drains them and ends."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--bind",
            action="append",
            metavar="HOST:PORT",
            help="where to listen, or unix:PATH; may be repeated (default: 127.0.0.1:8000)",
        )
        parser.add_argument(
            "--fd",
            action="append",
            type=int,
            default=[],
            help="a listening socket that this process was given; the first of systemd's is 3",
        )
        parser.add_argument("--workers", type=int, default=1, help="processes (default: 1)")

    def handle(self, *_: Any, **options: Any) -> None:
        workers = options["workers"]
        if workers < 1:
            raise CommandError("--workers must be 1 or more.")
        if workers > 1 and not redis.configured():
            raise CommandError(
                "More than one worker needs Redis: without it they do not hear of each other's "
                "messages. Set REDIS_URL, or serve with --workers 1."
            )
        for number in options["fd"]:
            if not _listens(number):
                raise CommandError(f"--fd {number} is not a socket that listens.")
        if not (settings.DEBUG or are_collected()):
            call_command("collectstatic", interactive=False, verbosity=0)
        # Systemd's word of the same sockets: taken twice, each would be listened on twice.
        os.environ.pop("LISTEN_FDS", None)
        binds = [*(options["bind"] or []), *(f"fd://{number}" for number in options["fd"])]
        arguments = [
            *("--worker-class", "realtime.worker.Worker"),
            *("--workers", str(workers)),
            *("--backlog", str(BACKLOG)),
            *("--graceful-timeout", str(GRACE)),
            "--no-control-socket",
            *(part for bind in binds or ["127.0.0.1:8000"] for part in ("--bind", bind)),
            settings.ASGI_APPLICATION.replace(".application", ":application"),
        ]
        # Another program, not a function: gunicorn's master must not carry what is loaded here.
        os.execv(sys.executable, [sys.executable, "-m", "realtime.supervisor", *arguments])  # noqa: S606


def _listens(number: int) -> bool:
    try:
        given = socket.socket(fileno=number)
    except OSError:
        return False
    try:
        return bool(given.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
    finally:
        given.detach()  # it stays open, for the server
