"""What a delivery costs where several workers share a room, against one that has it alone."""

from collections import defaultdict
from statistics import median

from benchmarks import peers
from benchmarks.databases import postgres
from benchmarks.loading import load
from benchmarks.options import Options
from benchmarks.outcome import Outcome, Table, Told, at_most, number
from benchmarks.site import Site, site

MEMBERS = 200
WINDOWS = (1, 4, 64)
MUST, AIM = 1.2, 1.1
ALONE = "1, without Redis"
# One worker needs no Redis; with it, it shows what the link to the others costs by itself.
ROWS: dict[str, tuple[int, dict[str, str]]] = {
    ALONE: (1, {"REDIS_URL": ""}),
    "1": (1, {}),
    "2": (2, {}),
    "4": (4, {}),
}

Samples = dict[str, dict[int, list[dict[str, float]]]]


def run(options: Options, told: Told) -> Outcome:
    samples: Samples = defaultdict(lambda: defaultdict(list))
    room = {"room": {"members": MEMBERS}}
    with (
        postgres() as database,
        peers.redis() as redis,
        site(
            database=database, redis=f"redis://127.0.0.1:{redis.port}/0", users=MEMBERS, rooms=room
        ) as one,
    ):
        for turn in range(options.runs):
            for row in ROWS:
                _measure(one, row, samples, options, told, f"run {turn + 1} of {options.runs}")
    return _judged(samples, runs=options.runs)


def _measure(
    one: Site, row: str, samples: Samples, options: Options, told: Told, turn: str
) -> None:
    workers, env = ROWS[row]
    with one.serve(workers=workers, **env) as server:
        job = {
            "kind": "fanout",
            "dialect": "message",
            "urls": [one.url(server, "room")],
            "tokens": one.tokens,
            "members": MEMBERS,
            "pid": server.pid,
            "windows": WINDOWS,
            "seconds": options.seconds,
        }
        said = load(job, lambda text: told(f"{turn}, workers: {row}: {text}"))
    for window, sample in said.items():
        samples[row][int(window)].append(sample)


def _judged(samples: Samples, *, runs: int) -> Outcome:
    columns = [f"{window} in flight" for window in WINDOWS]
    header = ["workers", *[f"µs, {c}" for c in columns], *[f"p99 ms, {c}" for c in columns]]
    outcome = Outcome(table=Table(header), runs=runs)
    assert outcome.table
    for row in ROWS:
        cells = [_of(samples, row, w, field) for field in ("cpu_us", "p99_ms") for w in WINDOWS]
        outcome.table.rows.append([row, *map(number, cells)])
    for row in ("2", "4"):
        for window in WINDOWS:
            what = f"CPU per delivery, {row} workers against 1, {window} in flight"
            ratio = _of(samples, row, window) / _of(samples, ALONE, window)
            outcome.figures.append(at_most(what, ratio, MUST, AIM, unit="×"))
    outcome.notes.append(
        f"{MEMBERS} members, stored messages; the workers, PostgreSQL and Redis share a core, and "
        "the workers alone are counted."
    )
    return outcome


def _of(samples: Samples, row: str, window: int, field: str = "cpu_us") -> float:
    return median(sample[field] for sample in samples[row][window])
