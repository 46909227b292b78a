from itertools import count
from typing import Any

from realtime.packet import Packet
from realtime.switchboard import Switchboard

numbers = count()


class Listener:
    def __init__(self, person_id: str) -> None:
        self.person_id = person_id
        self.connection_id = f"c{next(numbers)}"
        self.notices: list[tuple[str, Any]] = []

    def hear(self, notice: str, details: Any) -> None:
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


def test_one_connection_is_told_and_no_other_of_the_same_person() -> None:
    board = Switchboard()
    one, other = Listener("a"), Listener("a")
    board.attach(one)
    board.attach(other)
    board.deliver(Packet(board.packed_for_connection("end", one.connection_id, {"x": 1})))
    board.deliver(Packet(board.packed_for_connection("end", "nobody's", {"x": 1})))
    assert one.notices == [("end", {"x": 1})]
    assert other.notices == []


def test_everybody_is_told_once_with_and_without_a_name() -> None:
    board = Switchboard()
    listeners = [Listener(who) for who in ("a", "a", "b", "", "")]
    for listener in listeners:
        board.attach(listener)
    board.deliver(Packet(board.packed_for_everybody("news", "é")))
    assert [listener.notices for listener in listeners] == [[("news", "é")]] * 5
    for listener in listeners:
        board.detach(listener)
    assert not board._connections


def test_a_listener_may_go_while_it_is_told() -> None:
    class Leaving(Listener):
        def hear(self, notice: str, details: Any) -> None:
            super().hear(notice, details)
            board.detach(self)

    board = Switchboard()
    listeners = [Leaving("a"), Leaving("a")]
    for listener in listeners:
        board.attach(listener)
    tell(board, "count", a=1)
    assert [len(listener.notices) for listener in listeners] == [1, 1]


def test_one_that_was_never_attached_can_be_detached() -> None:
    Switchboard().detach(Listener("a"))


def test_a_process_hears_what_is_for_the_processes_and_no_socket_does() -> None:
    board = Switchboard()
    socket = Listener("a")
    board.attach(socket)
    heard: list[Any] = []
    board.on_notice["told"] = heard.append
    board.deliver(Packet(board.packed_for_processes("told", {"rooms": [1]})))
    board.deliver(Packet(board.packed_for_processes("of another version", 1)))
    tell(board, "told", a=1)
    assert heard == [{"rooms": [1]}]
    assert socket.notices == [("told", 1)]
