"""What the service should answer, from the permissions and from how the caller stands to the thing. It asks no SQL."""

from enum import StrEnum

from frontdesk.auth.permissions import PERMISSIONS, Reach, Role
from tests.access.callers import Caller, Thing

PUBLIC_THINGS = frozenset({Thing.CLINIC, Thing.PROVIDER, Thing.TIME, Thing.REGISTRATION})
"""Everybody may know that these exist: a refusal need not pretend otherwise."""

BEHIND_GLASS = frozenset({"visits:read"})
"""What breaking the glass opens: reading, never writing, and nothing but the clinical."""


class Verdict(StrEnum):
    LOG_IN_FIRST = "401"
    FORBIDDEN = "403"
    HIDDEN = "404"
    REFUSED = "403 or 404"
    ALLOWED = "done, or refused for a reason that has nothing to do with who asks"
    NOTHING_IN_IT = "a list without it"


def expected(permission: str, caller: Caller, about: frozenset[Thing], *, listing: bool = False) -> Verdict:
    """The verdict of DESIGN §6 on this caller at an operation with this permission, about this thing."""
    reach = PERMISSIONS[permission].get(caller.role)
    if reach is None:
        return Verdict.LOG_IN_FIRST if caller.role is Role.ANONYMOUS else Verdict.FORBIDDEN
    missing = about - caller.within
    behind_glass = permission in BEHIND_GLASS and caller.has_glass
    everything = reach is Reach.ALL and caller.role is not Role.ANONYMOUS  # whose "all" is what is nobody's
    if everything or not missing or behind_glass:
        return Verdict.ALLOWED
    if listing:
        return Verdict.NOTHING_IN_IT
    return Verdict.REFUSED if missing <= PUBLIC_THINGS else Verdict.HIDDEN


def agrees(status: int, verdict: Verdict) -> bool:
    """Whether an answer's status is what the verdict says."""
    match verdict:
        case Verdict.ALLOWED:
            return status < 500 and status not in (401, 403, 404, 405)
        case Verdict.NOTHING_IN_IT:
            return status == 200
        case Verdict.REFUSED:
            return status in (403, 404)
        case _:
            return status == int(verdict.value)
