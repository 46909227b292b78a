"""What it costs to come in: handshake, credential, membership, join, welcome."""

import json
from statistics import median

from benchmarks.loading import load
from benchmarks.options import Options
from benchmarks.outcome import Outcome, Told, at_most
from benchmarks.site import Site, site

SOCKETS, PER_ROOM = 450, 10
MUST, AIM = 3.0, 1.5


def run(options: Options, told: Told) -> Outcome:
    rooms = [f"room-{number}" for number in range(SOCKETS // PER_ROOM)]
    spent: dict[str, list[float]] = {"JWT": [], "ticket": []}
    with site(users=SOCKETS, rooms={name: {"members": SOCKETS} for name in rooms}) as one:
        for turn in range(min(3, options.runs)):
            for credential, times in spent.items():
                told(f"run {turn + 1}, {credential}")
                times.append(_measure(one, rooms, told, by_ticket=credential == "ticket"))
    return Outcome(
        figures=[
            at_most(f"CPU per connect, {credential}", median(times), MUST, AIM, unit="ms")
            for credential, times in spent.items()
        ]
    )


def _measure(one: Site, rooms: list[str], told: Told, *, by_ticket: bool) -> float:
    with one.serve() as server:
        urls = [one.url(server, rooms[number % len(rooms)]) for number in range(SOCKETS)]
        if by_ticket:  # fresh: they are good for 30 seconds
            tickets = json.loads(one.run("-m", "benchmarks.tickets", str(SOCKETS)))
            urls = [f"{url}?ticket={ticket}" for url, ticket in zip(urls, tickets, strict=True)]
        job = {
            "kind": "connects",
            "urls": urls,
            "tokens": [] if by_ticket else one.tokens,
            "pid": server.pid,
        }
        return float(load(job, told)["ms"])
