"""The sockets of a room, each telling the room's tally what it hears."""

from benchmarks.load.sockets import Client
from benchmarks.load.tally import MARK, Tally


class Member(Client):
    def __init__(self, tally: Tally) -> None:
        super().__init__(tally.dialect.ready)
        self.heard: list[int] = []
        self._tally = tally
        self._sit()

    def _sit(self) -> None:
        self._tally.senders.append(self)

    def received(self, payload: bytes) -> None:
        at = payload.find(MARK)
        if at >= 0:
            self._tally.came(self, payload[at : at + self._tally.text_bytes])
        elif b'"error"' in payload:
            self._tally.errors.append(payload)
        elif answer := self._tally.dialect.answer(payload):
            self.send(answer)

    def gone(self) -> None:
        self._tally.failures.append(f"a socket was closed: {self.close_code}")


class Listener(Member):
    """The one that never sends, so that it hears the whole room."""

    def _sit(self) -> None:
        self._tally.listener = self

    def received(self, payload: bytes) -> None:
        if MARK in payload:
            self._tally.numbered(payload)
        super().received(payload)
