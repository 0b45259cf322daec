"""A place for values that can be lost at any moment, shared by all server workers: never the only copy of anything."""

from collections.abc import Mapping, Sequence
from typing import Protocol


class Cache(Protocol):
    """Never raises and soon answers, whatever has become of the store: then nothing is kept, and everybody fills.

    What it gives may be old, because a store that failed over can bring back what was overwritten: who reads a value
    must be able to tell.
    """

    async def read(self, keys: Sequence[str]) -> list[bytes | None]:
        """What is kept under each of these, in their order."""
        ...

    async def keep(self, values: Mapping[str, bytes], *, ttl_s: float) -> None:
        """Keep these for so long at most."""
        ...

    async def claim(self, keys: Sequence[str], *, ttl_s: float) -> list[bool]:
        """For each key whether the caller is to fill it: one of all who ask within `ttl_s`. True when none can tell."""
        ...
