"""The doors of the site, and which of them a fault touches."""

import random
import time
from collections.abc import Sequence
from math import inf

from soak.workers import Door


class Streets:
    def __init__(self, doors: Sequence[Door]) -> None:
        self.doors = doors
        self.hurt: set[int] = set()  # cannot be reached
        self.all_hurt = False  # all can be reached, and all miss something
        self._calm: dict[int, float] = {}  # door -> when a fault touched it last
        self._reached: dict[int, float] = {}  # door -> when it could not be reached last

    def touch(self, *doors: int) -> None:
        """A fault touches those who are at these doors, or, if none is named, everybody."""
        self.hurt |= set(doors)
        self.all_hurt = self.all_hurt or not doors

    def spare(self, *doors: int) -> None:
        """It lets go of them, or of everybody."""
        for door in doors or range(len(self.doors)):
            if not self.calm(door):
                self._calm[door] = time.monotonic()
            if door in self.hurt:
                self._reached[door] = time.monotonic()
        self.hurt -= set(doors or self.hurt)
        self.all_hurt = self.all_hurt and bool(doors)

    def calm(self, door: int) -> bool:
        return not self.all_hurt and door not in self.hurt

    def calm_since(self, door: int) -> float:
        """`inf` while a fault touches it."""
        return self._calm.get(door, 0.0) if self.calm(door) else inf

    def reached_since(self, door: int) -> float:
        """`inf` while it cannot be."""
        return inf if door in self.hurt else self._reached.get(door, 0.0)

    def another(self, door: int, rng: random.Random) -> int:
        others = [n for n in range(len(self.doors)) if n != door]
        return rng.choice(others) if others else door
