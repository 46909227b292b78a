"""The plots of docs/benchmarks.md."""

from pathlib import Path

import pytest

from benchmarks.outcome import Outcome
from benchmarks.peers import PEERS

pytest.importorskip("matplotlib", reason="of requirements-bench.txt")

from matplotlib.colors import to_hex

from benchmarks import plots

TITLES = ["chatsite, event", "chatsite, stored message", *(peer.title for peer in PEERS)]


def fanout(titles: list[str]) -> Outcome:
    return Outcome(data={title: {1: 10.0, 4: 5.0, 64: 2.0} for title in titles})


def test_all_servers_of_the_comparison_are_drawn(tmp_path: Path) -> None:
    path = plots.draw("fanout", "Fan-out", fanout(TITLES), tmp_path)

    assert path
    drawn = (tmp_path / path).read_text()
    assert all(f"<!-- {title} -->" in drawn for title in TITLES)


def test_no_two_peers_share_a_colour() -> None:
    colours = {to_hex(colour) for colour in plots.THEIRS}

    assert len(colours - {plots.OURS}) >= len(PEERS)


def test_more_servers_than_colours_are_drawn_too(tmp_path: Path) -> None:
    titles = [f"server {number}" for number in range(2 * len(plots.THEIRS))]

    assert plots.draw("fanout", "Fan-out", fanout(titles), tmp_path)


@pytest.mark.parametrize("name", ["fanout", "members"])
def test_nothing_is_drawn_without_data_or_a_plot(name: str, tmp_path: Path) -> None:
    outcome = Outcome() if name == "fanout" else fanout(TITLES)

    assert plots.draw(name, "Nothing", outcome, tmp_path) is None
