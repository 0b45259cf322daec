"""What one server worker knows of the limits, so that it need not ask the store at every hit (ADR-0017)."""

import time
from dataclasses import dataclass

from frontdesk.ports.limiter import Limiter
from frontdesk.together import Together

MOST_NAMES = 10_000
"""Remembered at once, some 5 MB. To forget one loses its unused hits and nothing else."""

_MOST_TOGETHER = 1000
_BLOCKS = 32
_MOST_IN_A_BLOCK = 64


@dataclass(frozen=True, slots=True)
class Policy:
    """`limit` hits in a window of `window_s` seconds.

    In blocks: a worker takes hits in advance while more than half of the window is left. All workers together still
    never exceed the limit, but what one has taken and does not use, a 32nd of the limit at most, no other can use.
    """

    name: str
    limit: int
    window_s: float
    in_blocks: bool

    @property
    def block(self) -> int:
        """How many hits are taken in advance."""
        return min(self.limit // _BLOCKS, _MOST_IN_A_BLOCK) if self.in_blocks else 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether one hit is allowed, and what is left after it until the window ends, in `resets_in_s` seconds."""

    policy: Policy
    allowed: bool
    left: int
    resets_in_s: float


class Leases:
    """Asks a Limiter for the hits of one server worker: those that arrive together at once, and some in advance.

    A window that is used up stays so until it ends, so whoever is refused costs the store nothing.
    """

    def __init__(self, limiter: Limiter, *, most_names: int = MOST_NAMES) -> None:
        self._limiter, self._most_names = limiter, most_names
        self._leases: dict[str, _Lease] = {}

    async def hit(self, name: str, policy: Policy) -> Verdict:
        """Count a hit on `name`, which stands for one policy only. Raises Busy when the store cannot be asked."""
        lease = self._leases.get(name)
        if lease is None:
            if len(self._leases) >= self._most_names:
                self._forget()
            lease = self._leases[name] = _Lease(self._limiter, name, policy)
        return lease.at_once() or await lease.together.ask(None)

    def _forget(self) -> None:
        now = time.monotonic()
        live = {name: lease for name, lease in self._leases.items() if now < lease.ends}
        # Still crowded: all go, for to choose among them at each new name would cost more than their hits.
        self._leases = live if len(live) < self._most_names // 2 else {}


class _Lease:
    """What is known of one name: `kept` hits are ours, `left` were in the store when it was last asked.

    Until `ends` (time.monotonic()), which is reckoned from before the question and so is never after the window's end.
    """

    def __init__(self, limiter: Limiter, name: str, policy: Policy) -> None:
        self._limiter, self._name, self._policy = limiter, name, policy
        self._kept = self._left = 0
        self.ends = 0.0
        self.together: Together[None, Verdict] = Together(self._answer, _MOST_TOGETHER)

    def at_once(self) -> Verdict | None:
        """The verdict on a hit, if it takes no question."""
        now = time.monotonic()
        if now >= self.ends or (self._left and not self._kept):
            return None
        allowed = self._kept > 0
        self._kept -= allowed
        return Verdict(self._policy, allowed, self._kept + self._left, self.ends - now)

    async def _answer(self, waiting: list[None]) -> list[Verdict]:
        """The verdicts on hits that arrived together."""
        now = time.monotonic()
        if now >= self.ends:
            self._kept = self._left = 0
        allowed = min(self._kept, len(waiting))
        self._kept -= allowed
        missing = len(waiting) - allowed
        if missing and (self._left or now >= self.ends):
            in_advance = self._policy.block if self._left > self._policy.limit // 2 else 0
            limit, window_s = self._policy.limit, self._policy.window_s
            grant = await self._limiter.take(self._name, missing + in_advance, limit=limit, window_s=window_s)
            allowed += min(missing, grant.granted)
            self._kept, self._left = max(0, grant.granted - missing), grant.left
            self.ends = now + grant.resets_in_s
        left, resets_in_s = self._kept + self._left, max(0.0, self.ends - time.monotonic())
        return [
            Verdict(self._policy, n < allowed, left + max(0, allowed - 1 - n), resets_in_s) for n in range(len(waiting))
        ]
