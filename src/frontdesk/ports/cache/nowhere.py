"""The cache of whoever has no Redis: it keeps nothing."""

from collections.abc import Mapping, Sequence

from frontdesk.ports.cache import Patience


class NoCache:
    """A Cache that is always empty."""

    async def read(self, keys: Sequence[str], patience: Patience) -> list[bytes | None]:
        """Nothing."""
        return [None] * len(keys)

    async def keep(self, values: Mapping[str, bytes], patience: Patience, *, ttl_s: float) -> None:
        """Lose them at once."""

    async def claim(self, keys: Sequence[str], patience: Patience, *, ttl_s: float) -> list[bool]:
        """Everybody fills."""
        return [True] * len(keys)
