"""A crowd is begun a few at a time, and whoever has gone is not begun."""

from collections.abc import Callable

from structlog.testing import capture_logs

from realtime.server.handshakes import PER_TURN, Handshakes


def test_a_crowd_is_begun_a_few_in_each_turn_and_in_order() -> None:
    turns: list[Callable[[], None]] = []
    begun: list[int] = []
    handshakes = Handshakes(turns.append)
    crowd = 2 * PER_TURN + 1
    for number in range(crowd):
        handshakes.put(lambda number=number: begun.append(number))
    so_far = []
    while turns:
        (turn,) = turns  # one a turn, however many wait
        turns.clear()
        turn()
        so_far.append(len(begun))
    assert so_far == [PER_TURN, 2 * PER_TURN, crowd]
    assert begun == list(range(crowd))
    handshakes.put(lambda: begun.append(-1))
    turns.pop()()
    assert begun[-1] == -1
    assert not turns


def test_one_that_fails_does_not_keep_the_others_from_their_turn() -> None:
    turns: list[Callable[[], None]] = []
    begun: list[str] = []
    handshakes = Handshakes(turns.append)
    handshakes.put(lambda: [].pop())
    handshakes.put(lambda: begun.append("other"))
    with capture_logs() as logs:
        turns.pop()()
    assert begun == ["other"]
    assert [entry["event"] for entry in logs] == ["connection_failed"]
