"""The cache of whoever has no Redis: it keeps nothing."""

from collections.abc import Mapping, Sequence


class NoCache:
    """A Cache that is always empty."""

    async def read(self, keys: Sequence[str]) -> list[bytes | None]:
        """Nothing."""
        return [None] * len(keys)

    async def keep(self, values: Mapping[str, bytes], *, ttl_s: float) -> None:
        """Lose them at once."""

    async def claim(self, keys: Sequence[str], *, ttl_s: float) -> list[bool]:
        """Everybody fills."""
        return [True] * len(keys)
