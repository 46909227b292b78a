"""Many small rooms, an event in each per second."""

from benchmarks.loading import load
from benchmarks.options import Options
from benchmarks.outcome import Figure, Outcome, Told, at_most, number
from benchmarks.site import site

ROOMS, MEMBERS = 1000, 10
MUST, AIM = 60, 35
PEOPLE = 2000


def run(options: Options, told: Told) -> Outcome:
    rooms = options.sockets(ROOMS)
    names = [f"room-{number_}" for number_ in range(rooms)]
    told("making the rooms")
    with (
        site(users=min(PEOPLE, rooms * MEMBERS), rooms={name: {} for name in names}) as one,
        one.serve() as server,
    ):
        job = {
            "kind": "paced",
            "dialect": "event",
            "urls": [one.url(server, name) for name in names],
            "tokens": one.tokens,
            "members": MEMBERS,
            "pid": server.pid,
            "per_second": rooms,
            "seconds": 10 * options.seconds,
        }
        result = load(job, told)
    what = f"CPU of one core, {rooms:,} rooms of {MEMBERS}, an event in each per second"
    return Outcome(
        figures=[
            at_most(what, result["cpu_percent"], MUST, AIM, unit="%"),
            Figure("p99 to the last member", f"{number(result['p99_ms'])} ms"),
        ]
    )
