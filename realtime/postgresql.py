"""PostgreSQL, given up when it says nothing.

A server that is frozen, or whose machine is gone, refuses nothing: whoever asks it waits. A process
that serves people gives up on it, and they are told to come back (`unavailable`). What was given up
may have been committed all the same: whoever repeats it must be able to, as with `client_id`.
"""

from typing import Any, ClassVar, Self, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.conninfo import make_conninfo
from psycopg.pq import PGconn

T = TypeVar("T")

# All in seconds. The server's own come first, for they keep the connection. A worker that is
# stopped within a transaction must not hold a room for longer than others may wait for it twice.
LOCK_TIMEOUT = 2.5
STATEMENT_TIMEOUT = 3.5
IDLE_IN_TRANSACTION_TIMEOUT = 5.0
SILENCE = 4.0
POOL_TIMEOUT = 2.5  # Django asks the pool once more after a silence, so both add up
# libpq's own; `tcp_user_timeout` is in milliseconds.
CONNECTING = {
    "connect_timeout": 3,
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
# Its words; the last for a statement that took too long.
LOCK_NOT_AVAILABLE, DEADLOCK, QUERY_CANCELED = "55P03", "40P01", "57014"
NOWHERE = {"host": "/nowhere", "hostaddr": "", "port": 1}


class Connection(psycopg.Connection[Any]):
    """Impatient in a process that serves; a migration or an export may take its time."""

    serving: ClassVar[bool] = False

    @classmethod
    def connect(cls, conninfo: str = "", **options: Any) -> Self:
        """`options` of the site's own come after ours, and so win."""
        if cls.serving:
            options["options"] = f"{_timeouts()} {options.get('options', '')}".strip()
        return super().connect(conninfo, **options)

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        try:
            return super().wait(gen, interval, timeout or (SILENCE if self.serving else None))
        except psycopg.OperationalError as error:
            if error.sqlstate is None:  # nothing that the server said
                self.pgconn.finish()
            raise


def sqlstate(error: BaseException) -> str | None:
    """What the server said, of an error as Django raises it; None if it said nothing."""
    return getattr(error.__cause__, "sqlstate", None)


def serve() -> None:
    """From here on this process serves people."""
    Connection.serving = True


def check(options: dict[str, Any]) -> None:
    """Options of libpq. Raises ValueError, without their values."""
    for name in CONNECTING:
        if not str(options.get(name, 0)).isdecimal():
            raise ValueError(f"needs a whole number for {name}")
    try:
        conninfo = make_conninfo(**(options | NOWHERE))
    except psycopg.ProgrammingError as error:
        raise ValueError(f"has an {str(error).strip()}") from None
    # libpq reads the values before it looks for a server.
    said = PGconn.connect_start(conninfo.encode()).get_error_message()
    if said.startswith("invalid"):
        raise ValueError(f"has an {said.strip()}")


def _timeouts() -> str:
    seconds = {
        "lock_timeout": LOCK_TIMEOUT,
        "statement_timeout": STATEMENT_TIMEOUT,
        "idle_in_transaction_session_timeout": IDLE_IN_TRANSACTION_TIMEOUT,
    }
    return " ".join(f"-c {name}={round(value * 1000)}" for name, value in seconds.items())
