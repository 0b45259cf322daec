"""Times that can all be had at once: no two of them share a provider, a patient or the last free room."""

from bisect import bisect_left, insort
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

Span = tuple[float, float]
"""From one second since 1970 to another, exclusive."""


def overlap(one: Span, other: Span) -> bool:
    """Whether they share a moment."""
    return one[0] < other[1] and other[0] < one[1]


def among(spans: Sequence[Span], one: Span) -> bool:
    """Whether it overlaps one of these, which are in order and do not overlap each other."""
    after = bisect_left(spans, one)
    return any(overlap(span, one) for span in spans[max(after - 1, 0) : after + 1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A time that somebody might be offered: `visit` is the patient's; `claim`, with buffers, is what is taken."""

    patient_id: UUID
    provider_id: UUID
    clinic_id: UUID
    visit_type_id: UUID
    visit: Span
    claim: Span
    day: int  # the local day, counted from 1970-01-01
    rooms: frozenset[UUID] | None  # those free for all of the claim; None: it needs none
    day_left: int | None  # so many more visits of the type the provider's day has room for; None: any number
    once: bool  # the visit type allows one future visit with a provider


@dataclass(slots=True)
class Promised:
    """What has been taken so far."""

    _of_provider: defaultdict[UUID, list[Span]] = field(default_factory=lambda: defaultdict(list))
    _of_patient: defaultdict[UUID, list[Span]] = field(default_factory=lambda: defaultdict(list))
    _roomed: defaultdict[UUID, list[Wish]] = field(default_factory=lambda: defaultdict(list))
    _on_day: Counter[tuple[UUID, UUID, int]] = field(default_factory=Counter)
    _met: dict[tuple[UUID, UUID], bool] = field(default_factory=dict)  # patient, provider: whether once is all

    def has_patient(self, patient_id: UUID, visit: Span) -> bool:
        """Whether this patient was promised another time that overlaps this one."""
        return among(self._of_patient[patient_id], visit)

    def has_provider(self, provider_id: UUID, claim: Span) -> bool:
        """Whether somebody was promised a time of this provider that overlaps this one."""
        return among(self._of_provider[provider_id], claim)

    def take(self, wish: Wish) -> bool:
        """Take it if all that was taken before can still be had beside it, in whatever order and rooms."""
        day = (wish.provider_id, wish.visit_type_id, wish.day)
        pair = (wish.patient_id, wish.provider_id)
        if (
            self.has_provider(wish.provider_id, wish.claim)
            or self.has_patient(wish.patient_id, wish.visit)
            or (wish.day_left is not None and self._on_day[day] >= wish.day_left)
            or (pair in self._met and (wish.once or self._met[pair]))
            or not self._roomy(wish)
        ):
            return False
        insort(self._of_provider[wish.provider_id], wish.claim)
        insort(self._of_patient[wish.patient_id], wish.visit)
        self._on_day[day] += 1
        self._met[pair] = wish.once
        if wish.rooms is not None:
            self._roomed[wish.clinic_id].append(wish)
        return True

    def _roomy(self, wish: Wish) -> bool:
        """Whether each has more rooms to choose from than rivals who could be there before it."""
        if wish.rooms is None:
            return True
        rivals = self._rivals(wish)
        return len(wish.rooms) > len(rivals) and all(
            rival.rooms is not None and len(rival.rooms) > 1 + len(self._rivals(rival)) for rival in rivals
        )

    def _rivals(self, wish: Wish) -> list[Wish]:
        """Those taken that overlap it and might have one of its rooms."""
        return [
            other
            for other in self._roomed[wish.clinic_id]
            if other is not wish and overlap(other.claim, wish.claim) and (other.rooms or _NONE) & (wish.rooms or _NONE)
        ]


_NONE: frozenset[UUID] = frozenset()
