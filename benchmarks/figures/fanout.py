"""What a delivery costs in a room of 200, ours beside the others, in interleaved runs."""

from collections import defaultdict
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks import peers
from benchmarks.loading import LoadFailed, load
from benchmarks.options import Options
from benchmarks.outcome import Figure, Outcome, Table, Told, failed, number
from benchmarks.process import DidNotStart, Server
from benchmarks.site import Site, site

MEMBERS = 200
WINDOWS = (1, 4, 64)
# What ours may cost, as a part of what the other does, by messages in flight: must and aim.
AGAINST = {
    "robyn": ({1: 1.25, 4: 1.0, 64: 1.0}, {1: 1.0, 4: 1.0, 64: 1.0}),
    "tutorial": ({1: 1 / 30, 4: 1 / 50, 64: 1 / 50}, {}),
    "nchan": ({}, {4: 1.0, 64: 1.0}),
}
LEAST_US = 2.0  # the aim at 64 in flight
STORED = (2.0, 1.3)  # a stored message against an event
# Beside the title of a server that promises no order, and was seen to have none.
REORDERS = " (members hear different orders)"


@dataclass
class Entrant:
    name: str
    title: str
    dialect: str
    serve: Callable[[], AbstractContextManager[Server]]
    url: Callable[[Server], str]
    tokens: list[str]


Samples = dict[str, dict[int, list[dict[str, float]]]]


def run(options: Options, told: Told) -> Outcome:
    outcome = Outcome(runs=options.runs)
    with ExitStack() as stack:
        ours = stack.enter_context(site(users=MEMBERS, rooms={"room": {"members": MEMBERS}}))
        entrants = [*_ours(ours), *_others(outcome)]
        samples: Samples = defaultdict(lambda: defaultdict(list))
        for turn in range(options.runs):
            for entrant in list(entrants):
                label = f"run {turn + 1} of {options.runs}, {entrant.title}"
                try:
                    _measure(
                        entrant, samples, options, lambda text, at=label: told(f"{at}: {text}")
                    )
                except (LoadFailed, DidNotStart) as error:
                    entrants.remove(entrant)
                    samples.pop(entrant.name, None)
                    outcome.figures.append(failed(f"{entrant.title}, run {turn + 1}", error))
    _judge(outcome, samples)
    _tabulate(outcome, samples)
    outcome.notes.append(
        f"{MEMBERS} members, 120-byte text, interleaved runs; as many senders as messages in "
        "flight; p99 is from sending to the last member's delivery."
    )
    return outcome


def _ours(one: Site) -> list[Entrant]:
    def url(server: Server) -> str:
        return one.url(server, "room")

    return [
        Entrant("event", "chatsite, event", "event", one.serve, url, one.tokens),
        Entrant("message", "chatsite, stored message", "message", one.serve, url, one.tokens),
    ]


def _others(outcome: Outcome) -> list[Entrant]:
    entrants = []
    for peer in peers.PEERS:
        try:
            peers.prepare(peer)
        except peers.Missing as missing:
            outcome.figures.append(Figure(peer.title, f"missing: {missing}"))
            continue
        entrants.append(Entrant(peer.name, peer.title, peer.dialect, peer.serve, peer.url, []))
    return entrants


def _measure(entrant: Entrant, samples: Samples, options: Options, told: Told) -> None:
    told("starting")
    with entrant.serve() as server:
        job: dict[str, Any] = {
            "kind": "fanout",
            "dialect": entrant.dialect,
            "urls": [entrant.url(server)],
            "tokens": entrant.tokens,
            "members": MEMBERS,
            "pid": server.pid,
            "windows": WINDOWS,
            "seconds": options.seconds,
        }
        for window, sample in load(job, told).items():
            samples[entrant.name][int(window)].append(sample)


def _cost(samples: Samples, name: str, window: int, field: str = "cpu_us") -> float:
    return median(sample[field] for sample in samples[name][window])


def _judge(outcome: Outcome, samples: Samples) -> None:
    if "event" not in samples:
        return
    for window in WINDOWS:
        ours = _cost(samples, "event", window)
        last = window == WINDOWS[-1]
        outcome.figures.append(
            Figure(
                f"µs per delivery, event, {window} in flight",
                f"{number(ours)} µs",
                aim=f"≤ {LEAST_US} µs" if last else "",
                aim_met=last and ours <= LEAST_US,
            )
        )
        for other, (must, aim) in AGAINST.items():
            if other in samples:
                ratio = ours / _cost(samples, other, window)
                what = f"event against {other}, {window} in flight"
                outcome.figures.append(_ratio(what, ratio, must.get(window), aim.get(window)))
        if "message" in samples:
            ratio = _cost(samples, "message", window) / ours
            what = f"stored message against event, {window} in flight"
            outcome.figures.append(_ratio(what, ratio, *STORED))


def _ratio(what: str, ratio: float, must: float | None, aim: float | None) -> Figure:
    def shown(limit: float | None) -> str:
        return "" if limit is None else f"≤ ×{limit:.3g}"

    return Figure(
        what,
        f"×{ratio:.3g}",
        shown(must),
        shown(aim),
        met=None if must is None else ratio <= must,
        aim_met=aim is not None and ratio <= aim,
    )


def _tabulate(outcome: Outcome, samples: Samples) -> None:
    columns = [f"{window} in flight" for window in WINDOWS]
    outcome.table = Table(
        ["server", *[f"µs, {c}" for c in columns], *[f"ours, {c}" for c in columns]]
        + [f"p99 ms, {c}" for c in columns]
    )
    for name, by_window in samples.items():
        costs = {window: _cost(samples, name, window) for window in by_window}
        ratios = [
            f"×{_cost(samples, 'event', window) / cost:.3g}" if "event" in samples else "–"
            for window, cost in costs.items()
        ]
        p99 = [number(_cost(samples, name, window, "p99_ms")) for window in costs]
        title = TITLES[name] + (REORDERS if _reorders(by_window) else "")
        outcome.table.rows.append([title, *map(number, costs.values()), *ratios, *p99])
        outcome.data[TITLES[name]] = costs


def _reorders(by_window: dict[int, list[dict[str, float]]]) -> bool:
    return any(sample["reordered"] for runs in by_window.values() for sample in runs)


TITLES = {
    "event": "chatsite, event",
    "message": "chatsite, stored message",
    **{peer.name: peer.title for peer in peers.PEERS},
}
