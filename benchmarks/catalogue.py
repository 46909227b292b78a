"""All benchmarks, by the name that `python -m benchmarks NAME` takes."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.figures import (
    body,
    connect,
    doors,
    fanout,
    idle,
    members,
    paint,
    posts,
    queries,
    redis_commands,
    rooms,
    slow_reader,
    weight,
    window,
    workers,
)
from benchmarks.options import Options
from benchmarks.outcome import Outcome, Told


@dataclass(frozen=True)
class Benchmark:
    title: str
    run: Callable[[Options, Told], Outcome]


CATALOGUE = {
    "window": Benchmark("A message from window to window", window.run),
    "weight": Benchmark("Weight of a room page", weight.run),
    "paint": Benchmark("First paint of a long room", paint.run),
    "queries": Benchmark("Queries per post", queries.run),
    "fanout": Benchmark("Fan-out in a room of 200", fanout.run),
    "members": Benchmark("One room of 3,000", members.run),
    "rooms": Benchmark("A thousand rooms of ten", rooms.run),
    "workers": Benchmark("Several workers", workers.run),
    "posts": Benchmark("Grouped posting", posts.run),
    "idle": Benchmark("Idle sockets", idle.run),
    "connect": Benchmark("Coming in", connect.run),
    "redis": Benchmark("Redis commands per message", redis_commands.run),
    "slow": Benchmark("A slow reader", slow_reader.run),
    "doors": Benchmark("Looking before letting in", doors.run),
    "body": Benchmark("A large body without a credential", body.run),
}
