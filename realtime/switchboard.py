"""Word to all sockets of a person, whatever they follow and whichever worker holds them."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Protocol

import msgspec

from realtime.outbox import Frames

# The one group that every hub is in: what it carries is for the consumers, not for the clients.
PEOPLE = "people"


class Listener(Protocol):
    person_id: str

    def told(self, notice: str, details: Any) -> None:
        """Act on a notice to this person. Must not block or raise."""


class Switchboard:
    """The hub's own subscriber to PEOPLE: packets of `{notice, people: {person id: details}}`."""

    connection_id = ""
    person_id = ""

    def __init__(self) -> None:
        self._listeners: defaultdict[str, dict[Listener, None]] = defaultdict(dict)

    def attach(self, listener: Listener) -> None:
        self._listeners[listener.person_id][listener] = None

    def detach(self, listener: Listener) -> None:
        if listeners := self._listeners.get(listener.person_id):
            listeners.pop(listener, None)
            if not listeners:
                del self._listeners[listener.person_id]

    def deliver(self, frames: Frames) -> None:
        for text in frames.texts:
            self._hear(text)

    def _hear(self, text: str) -> None:
        word = msgspec.json.decode(text)
        for person_id, details in word["people"].items():
            for listener in list(self._listeners.get(person_id, ())):
                listener.told(word["notice"], details)

    @staticmethod
    def packed(notice: str, people: Iterable[tuple[str, Any]]) -> bytes:
        return msgspec.json.encode({"notice": notice, "people": dict(people)})
