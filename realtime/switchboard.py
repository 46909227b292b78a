"""Word to sockets, whatever they follow and whichever worker holds them, and to the workers.

To all of a person, to one connection, to everybody, or to each process.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

import msgspec

from realtime.outbox import Frames

# The one group that every hub is in: what it carries is for the consumers, not for the clients.
PEOPLE = "people"

# Notices that every consumer understands, with their details:
END = "end"  # {close_code, code, message, ground}: what stands on it is to end; "": the socket
RECHECK = "recheck"  # None: what the socket stands on may have changed; see realtime.sweep
ANNOUNCEMENT = "announcement"  # the frame
FIND = "find"  # the connection id of who asks: it is told FOUND {connection_id, person}
FOUND = "found"


class Listener(Protocol):
    connection_id: str
    person_id: str  # empty for whoever showed no credential

    def hear(self, notice: str, details: Any) -> None:
        """Act on a notice. Must not block or raise."""


class Switchboard:
    """The hub's own subscriber to PEOPLE.

    Its packets are `{notice, people: {person id: details}}`, `{notice, connections: {connection id:
    details}}`, `{notice, everybody: details}` or `{notice, processes: details}`.
    """

    connection_id = ""
    person_id = ""

    def __init__(self) -> None:
        self._connections: dict[str, Listener] = {}
        self._listeners: defaultdict[str, dict[Listener, None]] = defaultdict(dict)
        # Called with the details of a notice to the processes. Must not block or raise.
        self.on_notice: dict[str, Callable[[Any], None]] = {}

    def attach(self, listener: Listener) -> None:
        self._connections[listener.connection_id] = listener
        self._listeners[listener.person_id][listener] = None

    def detach(self, listener: Listener) -> None:
        self._connections.pop(listener.connection_id, None)
        if listeners := self._listeners.get(listener.person_id):
            listeners.pop(listener, None)
            if not listeners:
                del self._listeners[listener.person_id]

    def deliver(self, frames: Frames) -> None:
        for text in frames.texts:
            word = msgspec.json.decode(text)
            if "processes" in word and (act := self.on_notice.get(word["notice"])) is not None:
                act(word["processes"])
            for listener, details in list(self._addressed(word)):
                listener.hear(word["notice"], details)

    def _addressed(self, word: dict[str, Any]) -> Iterator[tuple[Listener, Any]]:
        if "everybody" in word:
            yield from ((listener, word["everybody"]) for listener in self._connections.values())
        for connection_id, details in word.get("connections", {}).items():
            if (listener := self._connections.get(connection_id)) is not None:
                yield listener, details
        for person_id, details in word.get("people", {}).items():
            yield from ((listener, details) for listener in self._listeners.get(person_id, ()))

    @staticmethod
    def packed(notice: str, people: Iterable[tuple[str, Any]]) -> bytes:
        return msgspec.json.encode({"notice": notice, "people": dict(people)})

    @staticmethod
    def packed_for_connection(notice: str, connection_id: str, details: Any) -> bytes:
        return msgspec.json.encode({"notice": notice, "connections": {connection_id: details}})

    @staticmethod
    def packed_for_processes(notice: str, details: Any) -> bytes:
        return msgspec.json.encode({"notice": notice, "processes": details})

    @staticmethod
    def packed_for_everybody(notice: str, details: Any) -> bytes:
        return msgspec.json.encode({"notice": notice, "everybody": details})
