"""One message from window to window: two sockets, then two browsers from key to pixel's text."""

from collections import defaultdict
from statistics import median

from playwright.sync_api import Page

from benchmarks.browser import chromium, come_in
from benchmarks.loading import load
from benchmarks.options import Options
from benchmarks.outcome import Figure, Outcome, Table, Told, at_most, number
from benchmarks.process import Server
from benchmarks.site import Site, site

MUST_MS = 50
COLD, MESSAGES = 5, 40  # a run, between browsers
PER_RUN = 100  # between sockets
QUANTILES = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99}

# Clocks of two windows of one browser agree: both count from the same origin.
WATCH_KEYS = """
window.pressed = [];
addEventListener("keydown", (event) => {
  if (event.key === "Enter") window.pressed.push(performance.timeOrigin + performance.now());
}, {capture: true});
"""
WATCH_TEXTS = """
window.seen = {};
new MutationObserver(() => {
  const now = performance.timeOrigin + performance.now();
  const bodies = document.querySelectorAll(".message__body");
  for (let at = bodies.length - 1; at >= 0 && at > bodies.length - 4; at--) {
    window.seen[bodies[at].textContent.trim()] ??= now;
  }
}).observe(document.querySelector(".messages__list"), {childList: true, subtree: true});
"""


def run(options: Options, told: Told) -> Outcome:
    outcome = Outcome(table=Table(["path", "p50 ms", "p95 ms", "p99 ms"]), runs=options.runs)
    samples: dict[str, list[dict[str, float]]] = defaultdict(list)
    with site(users=2, rooms={"room": {"members": 2}}, pages=True) as one:
        for turn in range(options.runs):
            told(f"run {turn + 1} of {options.runs}")
            for name, spread in _measure(one, told, turn).items():
                samples[name].append(spread)
    for name, taken in samples.items():
        _add(outcome, NAMES[name], *(median(one[key] for one in taken) for key in QUANTILES))
    return outcome


def _measure(one: Site, told: Told, turn: int) -> dict[str, dict[str, float]]:
    """Of one run, in ms."""
    with one.serve() as server:
        job = {
            "kind": "windows",
            "url": one.url(server, "room"),
            "tokens": one.tokens,
            "messages": PER_RUN,
        }
        spreads = load(job, told)
    with one.serve() as server:
        # The room still shows what was said in the run before.
        texts = [f"run {turn}, number {number_}" for number_ in range(COLD + MESSAGES)]
        times = sorted(_between_browsers(server, texts))
    browsers = {key: _quantile(times, q) for key, q in QUANTILES.items()}
    return {**spreads, "browser": browsers}


NAMES = {
    "window": "socket to socket",
    "ack": "socket to its own `sent`",
    "browser": "browser to browser, Enter to text in the page",
}


def _add(outcome: Outcome, name: str, p50: float, p95: float, p99: float) -> None:
    assert outcome.table
    outcome.table.rows.append([name, number(p50), number(p95), number(p99)])
    if name == NAMES["ack"]:
        outcome.figures.append(Figure(f"p95, {name}", f"{number(p95)} ms"))
    else:
        outcome.figures.append(at_most(f"p95, {name}", p95, MUST_MS, unit="ms"))


def _between_browsers(server: Server, texts: list[str]) -> list[float]:
    """Milliseconds from the key to the text, message by message, without the first few."""
    with chromium() as browser:
        a = come_in(browser, server, "room", "Ada")
        b = come_in(browser, server, "room", "Grace")
        a.evaluate(WATCH_KEYS)
        b.evaluate(WATCH_TEXTS)
        for text in texts:
            _say(a, text)
            b.wait_for_function("text => text in window.seen", arg=text)
        pressed, seen = a.evaluate("window.pressed"), b.evaluate("window.seen")
    return [seen[text] - key for text, key in zip(texts, pressed, strict=True)][COLD:]


def _say(page: Page, text: str) -> None:
    page.locator("#composer-text").fill(text)
    page.keyboard.press("Enter")


def _quantile(ordered: list[float], q: float) -> float:
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]
