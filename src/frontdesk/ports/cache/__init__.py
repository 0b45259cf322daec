"""A place for values that can be lost at any moment, shared by all server workers: never the only copy of anything."""

from collections.abc import Mapping, Sequence
from typing import Protocol

PATIENCE_S = 0.08
"""A normal answer takes 0.2 ms, and what is asked for here takes PostgreSQL 5 ms."""


class Patience:
    """How long one request still waits for the store, in seconds, whatever it asks and however often."""

    def __init__(self, left_s: float = PATIENCE_S) -> None:
        self.left_s = left_s


class Cache(Protocol):
    """Never raises and soon answers, whatever has become of the store: then nothing is kept, and everybody fills.

    It is asked no more once the patience is spent. What it gives may be old, because a store that failed over can bring
    back what was overwritten: who reads a value must be able to tell.
    """

    async def read(self, keys: Sequence[str], patience: Patience) -> list[bytes | None]:
        """What is kept under each of these, in their order."""
        ...

    async def keep(self, values: Mapping[str, bytes], patience: Patience, *, ttl_s: float) -> None:
        """Keep these for so long at most."""
        ...

    async def claim(self, keys: Sequence[str], patience: Patience, *, ttl_s: float) -> list[bool]:
        """For each key whether the caller is to fill it: one of all who ask within `ttl_s`. True when none can tell."""
        ...
