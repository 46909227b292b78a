"""Who has read how far, told to the room once a second."""

import asyncio

from chat.conf import conf
from chat.frames import Reads, ReadUpTo
from realtime.frames import Person
from realtime.per_loop import PerLoop
from realtime.publish import publish

INTERVAL = conf.READS_INTERVAL


class ReadBoard:
    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._reads: dict[str, dict[str, ReadUpTo]] = {}

    def note(self, group: str, person: Person, seq: int) -> None:
        if group not in self._reads:
            self._reads[group] = {}
            self._loop.call_later(INTERVAL, self._tell, group)
        if (noted := self._reads[group].get(person.id)) and noted.seq > seq:
            seq = noted.seq  # by another of the person's sockets
        self._reads[group][person.id] = ReadUpTo(user=person, seq=seq)

    def _tell(self, group: str) -> None:
        publish(group, Reads(reads=list(self._reads.pop(group).values())))


read_board = PerLoop(ReadBoard)
