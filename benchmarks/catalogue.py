"""All benchmarks, by the name that `python -m benchmarks NAME` takes."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.figures import fanout
from benchmarks.options import Options
from benchmarks.outcome import Outcome, Told


@dataclass(frozen=True)
class Benchmark:
    title: str
    run: Callable[[Options, Told], Outcome]


CATALOGUE = {
    "fanout": Benchmark("Fan-out in a room of 200", fanout.run),
}
