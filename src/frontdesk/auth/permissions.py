"""Who may do what: the matrix of roles and how far each of their permissions reaches."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID


class Role(StrEnum):
    ANONYMOUS = "anonymous"
    PATIENT = "patient"
    PROVIDER = "provider"
    STAFF = "staff"
    ADMIN = "admin"


class Reach(StrEnum):
    """Which rows a permission covers."""

    OWN = "own"  # the caller's own record, list or account
    CARE = "care"  # patients with an appointment with the caller in the last 24 or the next 12 months
    GLASS = "glass"  # patients for whom the caller has broken the glass
    CLINICS = "clinics"  # what belongs to the clinics of a member of staff
    ALL = "all"


_EVERYBODY = dict.fromkeys(Role, Reach.ALL)
_DESK = {Role.STAFF: Reach.CLINICS, Role.ADMIN: Reach.ALL}

PERMISSIONS: dict[str, dict[Role, Reach]] = {
    "public": _EVERYBODY,  # log-in, registration, health
    "account": {role: Reach.OWN for role in Role if role is not Role.ANONYMOUS},
    "factors:enrol": {role: Reach.OWN for role in Role if role is not Role.ANONYMOUS},
    "directory:read": _EVERYBODY,
    "directory:write": {Role.ADMIN: Reach.ALL},
    "availability:read": _EVERYBODY,
    "schedules:read": {Role.PROVIDER: Reach.OWN, **_DESK},
    "schedules:write": _DESK,
    "exceptions:ask": {Role.PROVIDER: Reach.OWN, **_DESK},
    "patients:read": {Role.PATIENT: Reach.OWN, Role.PROVIDER: Reach.CARE, **_DESK},
    "patients:create": _DESK,
    "patients:write": {Role.PATIENT: Reach.OWN, **_DESK},
    "patients:delete": {Role.ADMIN: Reach.ALL},
    "patients:export": {Role.PATIENT: Reach.OWN, Role.ADMIN: Reach.ALL},
    "patients:erase": {Role.ADMIN: Reach.ALL},
    "patients:accesses": {Role.PATIENT: Reach.OWN, Role.ADMIN: Reach.ALL},
    "patients:devices": {Role.PATIENT: Reach.OWN},
    "family": {Role.PATIENT: Reach.OWN},  # for whom one books, and acting for them
    "guardians:manage": _DESK,
    "holds:make": {**_EVERYBODY, Role.PATIENT: Reach.OWN, Role.PROVIDER: Reach.CARE, Role.STAFF: Reach.CLINICS},
    "appointments:read": {Role.PATIENT: Reach.OWN, Role.PROVIDER: Reach.OWN, **_DESK},
    "appointments:book": {Role.PATIENT: Reach.OWN, Role.PROVIDER: Reach.CARE, **_DESK},
    "appointments:move": {Role.PATIENT: Reach.OWN, **_DESK},
    "appointments:cancel": {Role.PATIENT: Reach.OWN, Role.PROVIDER: Reach.OWN, **_DESK},
    "appointments:confirm": {Role.PATIENT: Reach.OWN, Role.PROVIDER: Reach.OWN, **_DESK},
    "appointments:link": _EVERYBODY,  # of one appointment, by the link to it
    "appointments:step": {Role.PROVIDER: Reach.OWN, **_DESK},
    "appointments:arrive": {Role.PATIENT: Reach.OWN},
    "board:read": _DESK,
    "waitlist:read": {Role.PATIENT: Reach.OWN, Role.PROVIDER: Reach.CARE, **_DESK},
    "waitlist:join": {Role.PATIENT: Reach.OWN, Role.PROVIDER: Reach.CARE, **_DESK},  # and leave, and answer offers
    "waitlist:stats": _DESK,
    "visits:read": {Role.PATIENT: Reach.OWN, Role.PROVIDER: Reach.CARE, Role.ADMIN: Reach.GLASS},
    "visits:write": {Role.PROVIDER: Reach.CARE},
    "notifications:read": _DESK,
    "notifications:send": _DESK,
    "break-glass:open": {Role.PROVIDER: Reach.ALL, Role.ADMIN: Reach.ALL},
    "users:manage": {Role.ADMIN: Reach.ALL},
    "api-keys:manage": {Role.ADMIN: Reach.ALL},
    "audit:read": {Role.ADMIN: Reach.ALL},
    "events:replay": {Role.ADMIN: Reach.ALL},
    "metrics:read": _EVERYBODY,
}


IMPERSONAL = frozenset({"public", "availability:read", "metrics:read", "appointments:link"})
"""What is answered without looking at the rows of whoever asks: the database need not know them."""

JUDGED = frozenset({"availability:read"})
"""Of these, what a patient is answered otherwise than others are: only while their session stands."""

WITHOUT_LOGIN = frozenset({"public", "appointments:link"})
"""What no log-in helps with: a bad or old one in the request is taken for none."""

_FOR_PEOPLE = {
    *WITHOUT_LOGIN,
    "board:read",
    "appointments:arrive",
    "events:replay",
    "account",
    "factors:enrol",
    "users:manage",
    "api-keys:manage",
    "break-glass:open",
    "family",
    "guardians:manage",
}

SCOPES = tuple(name for name in PERMISSIONS if name not in _FOR_PEOPLE)
"""What an API key can be for: not what makes or changes log-ins or needs a reason, and what is public needs no key."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who is asking, in which request, and how far the permission of this endpoint reaches for them.

    `user_id` and `request_id` are written into every row that the request changes.
    """

    user_id: UUID
    role: Role
    request_id: UUID
    reach: Reach = Reach.ALL
    patient_id: UUID | None = None
    provider_id: UUID | None = None
    clinic_ids: tuple[UUID, ...] = ()
    guardian_id: UUID | None = None  # their own record, while they act for `patient_id` (ADR-0031)
    login: UUID | None = None  # the session, by which the database knows them
    scopes: frozenset[str] | None = None  # of an API key; None: whatever the role may do
    address: str = ""  # keyed digest of the client's address, for limits on callers without a log-in

    @property
    def is_desk(self) -> bool:
        """Staff and admins: those who may override a rule, with a reason."""
        return self.role in (Role.STAFF, Role.ADMIN)

    @property
    def is_patient_side(self) -> bool:
        """Those who book for themselves: some visit types are not for them."""
        return self.role in (Role.ANONYMOUS, Role.PATIENT)

    @property
    def own_patient(self) -> UUID | None:
        """The record of whoever is asking, whomever they act for."""
        return self.guardian_id or self.patient_id

    @property
    def client(self) -> str:
        """Who counts against a limit: the user, or the digest of an anonymous address."""
        return f"address:{self.address}" if self.role is Role.ANONYMOUS else str(self.user_id)

    @property
    def stamp(self) -> dict[str, UUID]:
        """The two columns of every written row."""
        return {"changed_by": self.user_id, "request_id": self.request_id}

    def may(self, permission: str) -> bool:
        """Whether the role has this permission at all, and the API key, if it is one."""
        return self.role in PERMISSIONS[permission] and (self.scopes is None or permission in self.scopes)

    @property
    def only(self) -> dict[str, Any]:
        """The caller's reach as query parameters: NULL means no limit of that kind.

        `only_patient`, `only_provider` (own list), `only_care_of` (a provider's id), `only_clinics` (uuid[]).
        """
        own, role = self.reach is Reach.OWN, self.role
        return {
            "only_patient": self.patient_id if own and role is Role.PATIENT else None,
            "only_provider": self.provider_id if own and role is Role.PROVIDER else None,
            "only_care_of": self.provider_id if self.reach is Reach.CARE else None,
            "only_clinics": list(self.clinic_ids) if self.reach is Reach.CLINICS else None,
        }
