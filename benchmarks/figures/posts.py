"""What grouping does: stored posts per second, and a single post that has nobody to wait with."""

from collections import defaultdict
from contextlib import ExitStack
from statistics import median

from benchmarks.databases import NoPostgres, postgres
from benchmarks.loading import load
from benchmarks.options import Options
from benchmarks.outcome import Figure, Outcome, Table, Told, at_least, at_most, number
from benchmarks.site import Site, site

ROOMS, MEMBERS, WINDOW = 10, 10, 16
MUST_AIM = {"SQLite": (2.5, 4.0), "PostgreSQL with fsync": (5.0, 8.0)}
SINGLE_MUST, SINGLE_AIM = 1.2, 1.0
MODES: dict[str, dict[str, str]] = {"grouped": {}, "one by one": {"BENCHMARK_POST_BATCH": "1"}}
SINGLES, TURNS = 40, 2


def run(options: Options, told: Told) -> Outcome:
    header = ["database", "mode", "posts/s", "p99 ms", "single post, p50 ms"]
    outcome = Outcome(table=Table(header), runs=options.runs)
    with ExitStack() as stack:
        databases: dict[str, str | None] = {"SQLite": None}
        try:
            databases["PostgreSQL with fsync"] = stack.enter_context(postgres())
        except NoPostgres as missing:
            outcome.figures.append(Figure("PostgreSQL with fsync", f"missing: {missing}"))
        names = {f"room-{number_}": {} for number_ in range(ROOMS)}
        sites = {
            name: stack.enter_context(site(database=url, users=ROOMS * MEMBERS, rooms=names))
            for name, url in databases.items()
        }
        for name, one in sites.items():
            _compare(outcome, name, one, options, told)
    outcome.notes.append(
        f"{ROOMS} rooms of {MEMBERS}, {WINDOW} posts in flight in each, each post delivered to all "
        "members; the database shares the server's core."
    )
    return outcome


def _compare(outcome: Outcome, name: str, one: Site, options: Options, told: Told) -> None:
    rates: dict[str, list[float]] = defaultdict(list)
    p99: dict[str, list[float]] = defaultdict(list)
    singles: dict[str, list[float]] = defaultdict(list)
    for turn in range(options.runs):
        # In turn first, so that what drifts on the machine favours neither.
        for mode, env in sorted(MODES.items(), reverse=turn % 2 == 1):
            told(f"{name}, run {turn + 1} of {options.runs}, {mode}")
            sample = _many(one, options, env, told)
            rates[mode].append(sample["messages_per_second"])
            p99[mode].append(sample["p99_ms"])
        told(f"{name}, run {turn + 1} of {options.runs}, one post at a time")
        for mode, p50 in _singles(one, told).items():
            singles[mode].append(p50)
    assert outcome.table
    for mode in MODES:
        cells = (rates[mode], p99[mode], singles[mode])
        outcome.table.rows.append([name, mode, *(number(median(cell)) for cell in cells)])
    grouped, single = MODES
    ratio = median(rates[grouped]) / median(rates[single])
    what = f"stored posts/s grouped against one by one, {name}"
    outcome.figures.append(at_least(what, ratio, *MUST_AIM[name], unit="×"))
    ratio = median(singles[grouped]) / median(singles[single])
    what = f"p50 of a single post grouped against one by one, {name}"
    outcome.figures.append(at_most(what, ratio, SINGLE_MUST, SINGLE_AIM, unit="×"))


def _many(one: Site, options: Options, env: dict[str, str], told: Told) -> dict[str, float]:
    with one.serve(**env) as server:
        job = {
            "kind": "fanout",
            "dialect": "message",
            "urls": [one.url(server, f"room-{number_}") for number_ in range(ROOMS)],
            "tokens": one.tokens,
            "members": MEMBERS,
            "pid": server.pid,
            "windows": [WINDOW],
            "seconds": 2 * options.seconds,
        }
        return dict(load(job, told)[str(WINDOW)])


def _singles(one: Site, told: Told) -> dict[str, float]:
    """p50 of each mode in ms. Both servers are up, and take turns of a few posts."""
    waits: dict[str, list[float]] = defaultdict(list)
    with ExitStack() as stack:
        servers = {mode: stack.enter_context(one.serve(**env)) for mode, env in MODES.items()}
        for _ in range(TURNS):
            for mode, server in servers.items():
                job = {
                    "kind": "windows",
                    "url": one.url(server, "room-0"),
                    "tokens": one.tokens,
                    "messages": SINGLES,
                }
                waits[mode].append(float(load(job, told)["ack"]["p50_ms"]))
    return {mode: median(p50) for mode, p50 in waits.items()}
