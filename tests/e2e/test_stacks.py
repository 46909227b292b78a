"""What the run around this one has on SQLite and in memory, it has on PostgreSQL and Redis too."""

import warnings

from tests.e2e.stacks import Run

STACK = "chatsite: postgresql, RedisPubSubChannelLayer"


def test_sockets_and_database_keep_their_promises_on_postgresql_and_redis(
    other_stack: Run,
) -> None:
    try:
        code = other_stack.ended()
    finally:
        print(other_stack.output)  # noqa: T201 - pytest shows it with a failure
    for line in other_stack.output.splitlines():
        if line.startswith("RERUN"):
            warnings.warn(line, stacklevel=1)
    assert code == 0
    assert STACK in other_stack.output
