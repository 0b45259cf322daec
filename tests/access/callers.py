"""Everybody who calls, and how they stand to what is asked for: always one patient's things, at one clinic."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

from frontdesk.auth.permissions import Role


class Thing(StrEnum):
    """What an operation is about. Whoever is not within it should not learn that it exists."""

    PATIENT = "the patient"
    VISIT = "an appointment of the patient with the provider at the clinic"
    HOLD = "a hold that the caller made"
    KEPT = "a hold that the patient made"
    TIME = "a free time at the clinic"
    REGISTRATION = "a clinic to register somebody at"
    PROVIDER = "the provider's hours"
    CLINIC = "the clinic's hours"
    ACCOUNT = "the caller's own log-in"
    STRANGER = "a record that only those who see all see"


class Secret(StrEnum):
    """Kinds of values that are planted, each with its own circle of readers."""

    PRESENCE = "that the patient comes here: their id"

    CONTACT = "who the patient is"
    BOOKING = "why the patient comes"
    CLINICAL = "what was found"
    LOG_IN = "the patient's address to log in with"
    COLLEAGUE = "a provider's private contact data"


@dataclass(frozen=True, eq=False)
class Caller:
    """`within`: what they stand close enough to, as DESIGN §6 words it; `reads`: the secrets they may be told."""

    name: str
    role: Role
    within: frozenset[Thing] = frozenset()
    reads: frozenset[Secret] = frozenset()
    has_glass: bool = False
    link: dict[str, Any] = field(default_factory=dict)
    acts_for: UUID | None = None  # a guardian's ward, in this log-in
    clinic_ids: tuple[UUID, ...] = ()


def everybody(*, patients: list[UUID], providers: list[UUID], clinics: list[UUID]) -> list[Caller]:
    """The callers of a world.

    patients: the patient; another; their guardian. providers: the patient's; one who cared for them last month; one
    whose visits are too long ago or too far ahead; a stranger. clinics: of the visit; where the patient is registered;
    another.
    """
    patient, provider, staff, admin = Role.PATIENT, Role.PROVIDER, Role.STAFF, Role.ADMIN
    away = frozenset({Thing.ACCOUNT})  # a desk may do nothing at a clinic that is not its own
    outside = away | {Thing.HOLD, Thing.TIME}
    care = outside | {Thing.PATIENT}
    own = care | {Thing.VISIT}
    desk = own | {Thing.KEPT, Thing.PROVIDER, Thing.CLINIC, Thing.REGISTRATION}
    presence, contact, booking, clinical, log_in, colleague = Secret
    admin_reads = frozenset({presence, contact, booking, log_in, colleague})

    def treats(number: int) -> dict[str, Any]:
        return {"provider_id": providers[number]}

    return [
        Caller("anonymous", Role.ANONYMOUS, frozenset({Thing.HOLD, Thing.TIME})),
        Caller(
            "the patient",
            patient,
            own | {Thing.KEPT},
            frozenset({presence, contact, booking, clinical, log_in}),
            link={"patient_id": patients[0]},
        ),
        Caller("another patient", patient, outside, link={"patient_id": patients[1]}),
        Caller(
            "a guardian who acts for the patient",
            patient,
            own,
            frozenset({presence, contact, booking, clinical}),
            link={"patient_id": patients[2]},
            acts_for=patients[0],
        ),
        # Their family tells them whose guardian they are; nothing else does.
        Caller(
            "a guardian who acts for nobody",
            patient,
            outside,
            frozenset({presence, contact}),
            link={"patient_id": patients[2]},
        ),
        Caller(
            "the patient's provider",
            provider,
            own | {Thing.PROVIDER},
            frozenset({presence, contact, booking, clinical, colleague}),
            link=treats(0),
        ),
        Caller("a provider in care", provider, care, frozenset({presence, contact, clinical}), link=treats(1)),
        # Their own list still holds the visits of long ago, and so says who came.
        Caller("a provider whose care is over, or far ahead", provider, outside, frozenset({presence}), link=treats(2)),
        Caller("a provider outside care", provider, outside, link=treats(3)),
        Caller(
            "a provider who broke the glass",
            provider,
            outside,
            frozenset({presence, clinical}),
            has_glass=True,
            link=treats(3),
        ),
        Caller(
            "staff of the clinic",
            staff,
            desk,
            frozenset({presence, contact, booking, colleague}),
            clinic_ids=(clinics[0],),
        ),
        Caller(
            "staff where the patient is registered",
            staff,
            away | {Thing.PATIENT, Thing.REGISTRATION},
            frozenset({presence, contact, colleague}),
            clinic_ids=(clinics[1],),
        ),
        Caller(
            "staff of another clinic",
            staff,
            away | {Thing.REGISTRATION},
            frozenset({colleague}),
            clinic_ids=(clinics[2],),
        ),
        Caller("staff of no clinic", staff, away, frozenset({colleague})),
        Caller("admin", admin, away, admin_reads),
        Caller("admin who broke the glass", admin, away, admin_reads | {clinical}, has_glass=True),
    ]
