"""Limits of how often something may happen, counted for all server workers together."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Grant:
    """What a Limiter allows: `granted` hits now; `left` more before the window ends, in `resets_in_s` seconds."""

    granted: int
    left: int
    resets_in_s: float


class Limiter(Protocol):
    """Never grants a name more than `limit` hits in one window, whoever asks at once and from wherever.

    A window begins with its first hit and ends `window_s` seconds later, by the store's clock (ADR-0017).
    """

    async def take(self, name: str, hits: int, *, limit: int, window_s: float) -> Grant:
        """As many of `hits` (at least 1) as the window still has. Raises Busy when nobody can tell."""
        ...
