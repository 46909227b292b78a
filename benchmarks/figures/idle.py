"""What a socket costs while nothing happens on it."""

from statistics import median
from typing import Any

from benchmarks.loading import load
from benchmarks.options import Options
from benchmarks.outcome import Figure, Outcome, Told, at_most, number
from benchmarks.site import Site, site

SOCKETS, PER_ROOM = 5000, 50
MUST, AIM = 25, 12


def run(options: Options, told: Told) -> Outcome:
    sockets = options.sockets(SOCKETS)
    rooms = [f"room-{number_}" for number_ in range(max(1, sockets // PER_ROOM))]
    samples = []
    with site(users=sockets, rooms={name: {} for name in rooms}) as one:
        for turn in range(options.runs):
            told(f"run {turn + 1} of {options.runs}")
            samples.append(_measure(one, rooms, sockets, told))
    what = f"memory per idle authenticated room socket, {sockets:,} of them"
    p99 = median(sample["p99_ms"] for sample in samples)
    return Outcome(
        runs=options.runs,
        figures=[
            at_most(what, median(sample["kib"] for sample in samples), MUST, AIM, unit="KiB"),
            Figure("p99 to the welcome while they come", f"{number(p99)} ms"),
        ],
        notes=[f"Private memory of the process, each socket another person, {PER_ROOM} to a room."],
    )


def _measure(one: Site, rooms: list[str], sockets: int, told: Told) -> dict[str, Any]:
    with one.serve() as server:
        job = {
            "kind": "idle",
            "urls": [one.url(server, rooms[number_ % len(rooms)]) for number_ in range(sockets)],
            "tokens": one.tokens,
            "pid": server.pid,
            "seconds": 5,
        }
        return load(job, told)
