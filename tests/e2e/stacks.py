"""The tests of sockets and of the database once more, on PostgreSQL and Redis."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from soak.services import PostgresServer, RedisServer, running
from tests.halves import NICENESS

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 1800.0  # seconds; a run that hangs is ended and shows how far it came
# What neither reads the database nor counts, leases and publishes through Redis is left out.
UNIT = [
    "accounts_actions", "accounts_api_keys", "accounts_standing", "accounts_tokens", "chat_actions",
    "chat_actions_posts", "chat_actions_reading", "chat_consumers", "chat_locks", "chat_marks",
    "chat_moderation", "chat_post_queue", "chat_read_queue", "chat_unread", "database", "following",
    "log", "notifications_actions", "ops_actions", "ops_models", "ops_queries", "orders_actions",
    "presence", "presence_processes", "presence_store_away", "publish", "retention", "sweep",
    "testing", "topics_actions", "topics_queries",
]  # fmt: skip


class Run:
    """A pytest within this one, that gives way to it."""

    def __init__(self, output: Path, environment: dict[str, str]) -> None:
        self._output = output
        files = ["tests/websocket", *(f"tests/unit/test_{name}.py" for name in UNIT)]
        # A minute of frames that touch neither.
        files.append("--ignore=tests/websocket/test_generated_frames.py")
        with output.open("w") as file:
            self._process = subprocess.Popen(  # noqa: S603 - our own tests
                [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--durations=5", *files],
                cwd=ROOT,
                env={**os.environ, **environment},
                stdout=file,
                stderr=subprocess.STDOUT,
                preexec_fn=lambda: os.setpriority(os.PRIO_PROCESS, 0, NICENESS),
            )

    @property
    def output(self) -> str:
        return self._output.read_text()

    def ended(self) -> int:
        """Its exit code. Raises TimeoutExpired."""
        return self._process.wait(LIMIT)

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


@contextmanager
def on_postgresql_and_redis(directory: Path) -> Iterator[Run]:
    redis, postgres = RedisServer(directory), PostgresServer(directory, durable=False)
    try:
        with running(redis, postgres):
            environment = {
                "DATABASE_URL": postgres.create_database("chatsite"),
                "REDIS_URL": redis.url,
                "STATE_DIR": str(directory / "state"),
            }
            run = Run(directory / "output", environment)
            try:
                yield run
            finally:
                run.stop()
    finally:
        postgres.remove()
