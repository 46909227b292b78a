from typing import Any

from realtime.packet import Packet
from realtime.switchboard import Switchboard


class Listener:
    def __init__(self, person_id: str) -> None:
        self.person_id = person_id
        self.notices: list[tuple[str, Any]] = []

    def told(self, notice: str, details: Any) -> None:
        self.notices.append((notice, details))


def tell(board: Switchboard, notice: str, **people: Any) -> None:
    board.deliver(Packet(board.packed(notice, people.items())))


def test_each_person_is_told_what_concerns_them_on_all_their_sockets() -> None:
    board = Switchboard()
    first, second, other, nobody = (Listener(who) for who in ("a", "a", "b", "c"))
    for listener in (first, second, other, nobody):
        board.attach(listener)
    tell(board, "count", a=1, b={"x": "é"}, d=4)
    assert first.notices == second.notices == [("count", 1)]
    assert other.notices == [("count", {"x": "é"})]
    assert nobody.notices == []


def test_who_is_gone_is_told_nothing_and_leaves_nothing_behind() -> None:
    board = Switchboard()
    gone, stays = Listener("a"), Listener("a")
    board.attach(gone)
    board.attach(stays)
    board.detach(gone)
    board.detach(gone)
    tell(board, "count", a=1)
    assert gone.notices == []
    assert stays.notices == [("count", 1)]
    board.detach(stays)
    assert not board._listeners


def test_a_listener_may_go_while_it_is_told() -> None:
    class Leaving(Listener):
        def told(self, notice: str, details: Any) -> None:
            super().told(notice, details)
            board.detach(self)

    board = Switchboard()
    listeners = [Leaving("a"), Leaving("a")]
    for listener in listeners:
        board.attach(listener)
    tell(board, "count", a=1)
    assert [len(listener.notices) for listener in listeners] == [1, 1]


def test_one_that_was_never_attached_can_be_detached() -> None:
    Switchboard().detach(Listener("a"))
