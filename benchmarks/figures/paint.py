"""How soon a room is there: one with 10,000 messages beside one with 100."""

from statistics import median

from playwright.sync_api import Page

from benchmarks.browser import chromium, come_in
from benchmarks.options import Options
from benchmarks.outcome import Figure, Outcome, Table, Told, number
from benchmarks.site import site

ROOMS = {"small": 100, "large": 10_000}
PER_RUN = 3
WITHIN = 0.2

# Installed before the page's own scripts. Both times count from the navigation.
WATCH = """
window.newest = new Promise((found) => {
  const look = () => {
    const bodies = document.querySelectorAll(".messages__list .message__body");
    const last = bodies[bodies.length - 1];
    if (last?.textContent.startsWith(`Message ${window.name} of`)) found(performance.now());
    else requestAnimationFrame(look);
  };
  look();
});
window.painted = new Promise((found) => {
  new PerformanceObserver((list) => {
    const entry = list.getEntriesByName("first-contentful-paint")[0];
    if (entry) found(entry.startTime);
  }).observe({type: "paint", buffered: true});
});
"""


def run(options: Options, told: Told) -> Outcome:
    painted: dict[str, list[float]] = {name: [] for name in ROOMS}
    newest: dict[str, list[float]] = {name: [] for name in ROOMS}
    rooms = {name: {"messages": count} for name, count in ROOMS.items()}
    told("filling the rooms")
    with (
        site(users=20, rooms=rooms, pages=True) as one,
        one.serve() as server,
        chromium() as browser,
    ):
        page = come_in(browser, server, "small", "Ada")
        page.add_init_script(WATCH)
        for turn in range(PER_RUN * options.runs + 1):
            told(f"load {turn} of {PER_RUN * options.runs}")
            for name, count in ROOMS.items():
                times = _open(page, f"http://{server.host}/chat/{name}/", count)
                if turn:  # the first one fills the caches
                    painted[name].append(times[0])
                    newest[name].append(times[1])
    outcome = Outcome(
        runs=PER_RUN * options.runs,
        table=Table(["room", "first paint, ms", "newest message in the page, ms"]),
    )
    assert outcome.table
    for name, count in ROOMS.items():
        times_shown = [number(median(painted[name])), number(median(newest[name]))]
        outcome.table.rows.append([f"{count:,} messages", *times_shown])
    for what, times_of in (("first paint", painted), ("newest message in the page", newest)):
        outcome.figures.append(_compared(what, times_of))
    return outcome


def _open(page: Page, url: str, newest: int) -> tuple[float, float]:
    page.evaluate("count => { window.name = String(count) }", newest)
    page.goto(url)
    return page.evaluate("window.painted"), page.evaluate("window.newest")


def _compared(what: str, times: dict[str, list[float]]) -> Figure:
    ratio = median(times["large"]) / median(times["small"])
    return Figure(
        f"{what}, 10,000 messages against 100",
        f"×{ratio:.2f}",
        f"×{1 - WITHIN:.1f} to ×{1 + WITHIN:.1f}",
        met=abs(ratio - 1) <= WITHIN,
    )
