"""What it costs to come in: handshake, credential, membership, join, welcome."""

import json
from statistics import median
from typing import Any

from benchmarks.loading import load
from benchmarks.options import Options
from benchmarks.outcome import Figure, Outcome, Told, at_most, number
from benchmarks.site import Site, site

SOCKETS, PER_ROOM = 450, 10
AT_ONCE = 4
MUST, AIM = 3.0, 1.5


def run(options: Options, told: Told) -> Outcome:
    rooms = [f"room-{number}" for number in range(SOCKETS // PER_ROOM)]
    samples: dict[str, list[dict[str, float]]] = {"JWT": [], "ticket": []}
    with site(users=SOCKETS, rooms={name: {"members": SOCKETS} for name in rooms}) as one:
        for turn in range(options.runs):
            for credential, taken in samples.items():
                told(f"run {turn + 1} of {options.runs}, {credential}")
                taken.append(_measure(one, rooms, told, by_ticket=credential == "ticket"))
    outcome = Outcome(runs=options.runs)
    for credential, taken in samples.items():
        spent = median(sample["ms"] for sample in taken)
        p99 = median(sample["p99_ms"] for sample in taken)
        outcome.figures += [
            at_most(f"CPU per connect, {credential}", spent, MUST, AIM, unit="ms"),
            Figure(f"p99 to the welcome, {credential}, {AT_ONCE} at once", f"{number(p99)} ms"),
        ]
    return outcome


def _measure(one: Site, rooms: list[str], told: Told, *, by_ticket: bool) -> dict[str, Any]:
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
            "at_once": AT_ONCE,
        }
        return load(job, told)
