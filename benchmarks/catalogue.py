"""All benchmarks, by the name that `python -m benchmarks NAME` takes."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.figures import fanout, paint, queries, weight, window
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
}
