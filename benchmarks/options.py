"""How long and how often: small for a look, as given by default for figures to quote."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """`scale` shrinks the numbers of sockets; a figure made with it says so."""

    runs: int = 7
    seconds: float = 1.5
    scale: float = 1.0

    def sockets(self, count: int) -> int:
        return max(10, round(count * self.scale))
