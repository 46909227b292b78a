"""What a socket costs while nothing happens on it."""

from benchmarks.loading import load
from benchmarks.options import Options
from benchmarks.outcome import Outcome, Told, at_most
from benchmarks.site import site

SOCKETS, PER_ROOM = 5000, 50
MUST, AIM = 25, 12


def run(options: Options, told: Told) -> Outcome:
    sockets = options.sockets(SOCKETS)
    rooms = [f"room-{number}" for number in range(max(1, sockets // PER_ROOM))]
    with site(users=sockets, rooms={name: {} for name in rooms}) as one, one.serve() as server:
        job = {
            "kind": "idle",
            "urls": [one.url(server, rooms[number % len(rooms)]) for number in range(sockets)],
            "tokens": one.tokens,
            "pid": server.pid,
            "seconds": 5,
        }
        kib = load(job, told)["kib"]
    what = f"memory per idle authenticated room socket, {sockets:,} of them"
    return Outcome(
        figures=[at_most(what, kib, MUST, AIM, unit="KiB")],
        notes=[f"Private memory of the process, each socket another person, {PER_ROOM} to a room."],
    )
