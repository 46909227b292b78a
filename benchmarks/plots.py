"""Figures that people compare, drawn."""

from collections.abc import Callable
from itertools import cycle
from pathlib import Path

import matplotlib as mpl

from benchmarks.outcome import Outcome

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

OURS = "#2f6fde"
THEIRS = (
    "#8a8f98", "#b4b8bf", "#d98c3f", "#5a9e6f", "#a76fb0", "#c0605b", "#3fa7a3", "#c9b13a",
    "#7a5c43",
)  # fmt: skip


def draw(name: str, title: str, outcome: Outcome, directory: Path) -> str | None:
    """The plot's path within the directory, for a benchmark that has one."""
    if not outcome.data or (plot := PLOTS.get(name)) is None:
        return None
    figure, axes = plt.subplots(figsize=(9, 4.8), layout="constrained")
    plot(axes, outcome)
    axes.set_title(title)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    path = directory / "img" / f"benchmark-{name}.svg"
    path.parent.mkdir(exist_ok=True)
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
    return f"img/{path.name}"


def _fanout(axes: Axes, outcome: Outcome) -> None:
    """CPU per delivery; on a logarithmic scale, for they lie two powers of ten apart."""
    windows = list(next(iter(outcome.data.values())))
    width = 0.8 / len(outcome.data)
    theirs = cycle(THEIRS)
    for index, (title, costs) in enumerate(outcome.data.items()):
        ours = title.startswith("chatsite")
        bars = axes.bar(
            [x + index * width for x in range(len(windows))],
            list(costs.values()),
            width * 0.92,
            label=title,
            color=OURS if ours else next(theirs),
            alpha=0.6 if "stored" in title else 1,
        )
        axes.bar_label(bars, fmt=lambda v: f"{v:.3g}", fontsize=7, padding=1)
    axes.set_yscale("log")
    axes.set_ylim(top=axes.get_ylim()[1] * 4)  # room for the legend
    axes.set_ylabel("server CPU per delivery, µs")
    middle = 0.4 - width / 2
    axes.set_xticks([x + middle for x in range(len(windows))], [f"{w} in flight" for w in windows])
    axes.legend(fontsize=8, frameon=False, ncols=2, loc="upper right")


PLOTS: dict[str, Callable[[Axes, Outcome], None]] = {"fanout": _fanout}
