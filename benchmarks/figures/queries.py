"""Queries per post, counted where they are made; the same in a small room and in a large one."""

import json

from benchmarks.options import Options
from benchmarks.outcome import Figure, Outcome, Told, at_most
from benchmarks.site import site

MUST = 6
ROOMS = {"small": 1, "large": 500}


def run(_options: Options, told: Told) -> Outcome:
    told("counting")
    rooms = {slug: {"members": members} for slug, members in ROOMS.items()}
    with site(users=max(ROOMS.values()), rooms=rooms) as one:
        counted: dict[str, list[str]] = json.loads(one.run("-m", "benchmarks.counting", *ROOMS))
    outcome = Outcome(
        figures=[
            at_most(f"queries per post, room of {members}", len(counted[slug]), MUST, unit="")
            for slug, members in ROOMS.items()
        ]
    )
    same = len(set(map(len, counted.values()))) == 1
    outcome.figures.append(
        Figure("the same number for both", "yes" if same else "no", "yes", met=same)
    )
    outcome.notes.append(
        "Counted without BEGIN and COMMIT, with the count of unread messages that follows a post "
        "(at most one query per second and process): "
        + "; ".join(f"`{query.split(' FROM ')[0][:60]}…`" for query in counted["large"])
    )
    return outcome
