"""Seeded chance: the same seed draws the same clinic group, ids included."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from random import Random
from typing import TypeVar
from uuid import UUID

T = TypeVar("T")


class Draw:
    """One stream of chance for one part of the demo, so that a change to one part leaves the others as they were."""

    def __init__(self, seed: int, part: str) -> None:
        # A string seeds through SHA-512, the same on every machine and version; nothing secret is drawn here.
        self.random = Random(f"{seed}/{part}")  # noqa: S311

    def id(self, at: datetime) -> UUID:
        """A UUIDv7 that says it was made at `at` (aware), its 74 random bits drawn from the stream."""
        stamp = int(at.timestamp() * 1000)
        high, low = self.random.getrandbits(12), self.random.getrandbits(62)
        return UUID(int=(stamp << 80) | (0x7 << 76) | (high << 64) | (0b10 << 62) | low)

    def one(self, of: Sequence[T]) -> T:
        """Any of them, each as likely."""
        return of[int(self.random.random() * len(of))]

    def weighted(self, of: Mapping[T, float]) -> T:
        """Any of the keys, as likely as its weight says."""
        return self.random.choices(list(of), weights=list(of.values()))[0]

    def some(self, of: Sequence[T], least: int, most: int) -> list[T]:
        """Between `least` and `most` different ones, in the order of `of`."""
        count = min(len(of), self.random.randint(least, most))
        return [of[i] for i in sorted(self.random.sample(range(len(of)), count))]

    def chance(self, of: float) -> bool:
        """True with probability `of`."""
        return self.random.random() < of

    def whole(self, least: int, most: int) -> int:
        """A whole number, both ends included."""
        return self.random.randint(least, most)
