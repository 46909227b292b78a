"""What a browser fetches for the room page: scripts and styles, as they go over the wire."""

import urllib.request
from urllib.parse import urlsplit

from benchmarks.browser import chromium, come_in
from benchmarks.options import Options
from benchmarks.outcome import Outcome, Table, Told, at_most, number
from benchmarks.process import Server
from benchmarks.site import site

MUST_KB = 60
KINDS = ("script", "stylesheet")
CODINGS = ("br", "gzip", "identity")


def run(_options: Options, told: Told) -> Outcome:
    outcome = Outcome(table=Table(["kind", "files", *(f"{coding}, KB" for coding in CODINGS)]))
    assert outcome.table
    with (
        site(users=1, rooms={"room": {"messages": 100}}, pages=True) as one,
        one.serve() as server,
    ):
        told("opening the page")
        fetched = _fetched(server)
        totals = dict.fromkeys(CODINGS, 0)
        for kind in KINDS:
            urls = fetched[kind]
            sizes = {coding: sum(_size(url, coding) for url in urls) for coding in CODINGS}
            totals = {coding: totals[coding] + sizes[coding] for coding in CODINGS}
            shown = [number(size / 1000) for size in sizes.values()]
            outcome.table.rows.append([kind, str(len(urls)), *shown])
    for coding in CODINGS[:2]:
        what = f"scripts and styles of the room page, {coding}"
        outcome.figures.append(at_most(what, totals[coding] / 1000, MUST_KB, unit="KB"))
    return outcome


def _fetched(server: Server) -> dict[str, set[str]]:
    fetched: dict[str, set[str]] = {kind: set() for kind in KINDS}
    with chromium() as browser:
        page = come_in(browser, server, "room", "Ada")
        page.on(
            "request",
            lambda request: fetched.get(request.resource_type, set()).add(request.url),
        )
        page.reload(wait_until="networkidle")
    return fetched


def _size(url: str, coding: str) -> int:
    """The body, as this server sends it to a client that takes this coding only."""
    assert urlsplit(url).hostname == "127.0.0.1"
    request = urllib.request.Request(url, headers={"Accept-Encoding": coding})  # noqa: S310 - ours
    with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - as above
        return len(response.read())
