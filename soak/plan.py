"""What is to be done: as the command line says it."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """`seconds` is the length of all faults together; without any, of the load."""

    workers: int = 3
    clients: int = 40
    rooms: int = 4
    rate: float = 20.0  # messages per second, over all rooms
    seconds: float = 60.0
    seed: int = 1
    faults: Sequence[str] = ()
    everything: bool = False  # all faults, as far as they can be staged
    crowd: int = 200  # sockets, where a fault needs many
    database: str = "postgres"
    cool: float = 60.0  # seconds until memory is looked at for the last time

    @property
    def seconds_each(self) -> float:
        return self.seconds / max(1, len(self.faults))


@dataclass(frozen=True)
class Running:
    """A site that somebody else started. The account must be allowed to make rooms."""

    url: str
    username: str
    password: str
