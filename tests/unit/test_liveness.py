"""When a peer is asked, when it is given up, and what is not held against it."""

import pytest

from realtime.server.liveness import DROP, PING_INTERVAL, SILENCE, STALL, Liveness, Verdict


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def looks(liveness: Liveness, clock: Clock, seconds: float, *, answering: bool) -> list[Verdict]:
    """What is found by looking every 2 s, as the server does."""
    verdicts = []
    for _ in range(int(seconds / 2)):
        clock.now += 2
        verdicts.append(liveness.look())
        if answering and verdicts[-1] is Verdict.ASK:
            liveness.heard()
    return verdicts


def test_a_peer_is_asked_every_ten_seconds_and_lives_while_it_answers(clock: Clock) -> None:
    verdicts = looks(Liveness(clock), clock, 600, answering=True)
    assert verdicts.count(Verdict.ASK) == 600 / PING_INTERVAL == 60
    assert Verdict.GONE not in verdicts


def test_a_peer_that_answers_nothing_is_gone_after_twenty_seconds(clock: Clock) -> None:
    verdicts = looks(Liveness(clock), clock, 20, answering=False)
    assert verdicts[:-1].count(Verdict.ASK) == 1
    assert Verdict.GONE not in verdicts[:-1]
    assert verdicts[-1] is Verdict.GONE
    assert SILENCE + 2 < DROP < 25


def test_whoever_sends_frames_is_heard_though_it_answers_no_ping_and_is_asked_all_the_same(
    clock: Clock,
) -> None:
    liveness, verdicts = Liveness(clock), []
    for _ in range(60):
        clock.now += 2
        liveness.heard()
        verdicts.append(liveness.look())
    assert Verdict.GONE not in verdicts
    assert verdicts.count(Verdict.ASK) == 12


def test_silence_counts_from_what_was_heard_last(clock: Clock) -> None:
    liveness = Liveness(clock)
    looks(liveness, clock, 18, answering=False)
    liveness.heard()
    assert liveness.silence == 0
    assert Verdict.GONE not in looks(liveness, clock, 18, answering=False)
    assert liveness.silence == 18
    assert looks(liveness, clock, 2, answering=False) == [Verdict.GONE]


def test_the_time_that_the_server_slept_is_not_held_against_the_peer(clock: Clock) -> None:
    liveness = Liveness(clock)
    looks(liveness, clock, 18, answering=False)
    clock.now += 3600
    assert liveness.look() is Verdict.ASK
    clock.now += STALL
    assert liveness.look() is Verdict.GONE


def test_the_first_ping_may_be_early_and_the_others_follow_at_their_distance(clock: Clock) -> None:
    verdicts = looks(Liveness(clock, early=6.0), clock, 26, answering=True)
    assert [n for n, verdict in enumerate(verdicts) if verdict is Verdict.ASK] == [1, 6, 11]
