"""Many small rooms, an event in each per second."""

from statistics import median

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
            "seconds": 4 * options.seconds,
            "rounds": options.runs,
        }
        rounds = load(job, told)["rounds"]
    what = f"CPU of one core, {rooms:,} rooms of {MEMBERS}, an event in each per second"
    p99 = median(one["p99_ms"] for one in rounds)
    return Outcome(
        runs=options.runs,
        figures=[
            at_most(what, median(one["cpu_percent"] for one in rounds), MUST, AIM, unit="%"),
            Figure("p99 to the last member", f"{number(p99)} ms"),
        ],
        notes=["The runs follow one another on the same sockets."],
    )
