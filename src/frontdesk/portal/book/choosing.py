"""Choosing a time: what the form sends, and what a refusal says on the provider's page, with times near to it."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from frontdesk.auth.permissions import Actor
from frontdesk.availability import service as availability
from frontdesk.availability.rules import NotBookable
from frontdesk.booking.claims import AlreadyBooked, SlotTaken
from frontdesk.db import Connection
from frontdesk.errors import Problem
from frontdesk.metrics import CONFLICTS
from frontdesk.portal.pages import link
from frontdesk.web.fields import Instant

ALTERNATIVES = 3
"""So few that a telephone shows them at once."""

REFUSALS = (SlotTaken, NotBookable, AlreadyBooked)
"""What may be wrong with a time, as opposed to with whoever asks."""


class Why(StrEnum):
    """Why a time was not to be had."""

    TAKEN = "taken"
    BUSY = "busy"  # the patient is, elsewhere
    ONCE = "once"  # one visit with this provider is all that the visit type allows, and they have it
    NEW = "new"  # the provider takes no new patients
    CLOSED = "closed"  # the rules of the schedule
    EXPIRED = "expired"  # it was kept for them, and the time is over
    OTHER = "other"  # the page was shown for somebody else than they act for by now


class Wish(BaseModel):
    """What the button of a time sends."""

    visit: UUID
    clinic: UUID
    start: Instant

    def of(self, provider_id: UUID) -> dict[str, Any]:
        """The time, as those who keep it call it."""
        ids = {"provider_id": provider_id, "visit_type_id": self.visit, "clinic_id": self.clinic}
        return {**ids, "start": self.start}


def why(refused: Problem) -> Why:
    """In one word. A time that is taken counts as a conflict, as it does where programs book."""
    if isinstance(refused, AlreadyBooked):
        return Why.ONCE
    if isinstance(refused, SlotTaken):
        CONFLICTS.inc()
        own = [busy["resource"] == "patient" for busy in refused.extra["conflicts"]]
        return Why.BUSY if own and all(own) else Why.TAKEN
    codes = {reason["code"] for reason in refused.extra.get("reasons", ())}
    return Why.NEW if "not-accepting-new-patients" in codes else Why.CLOSED


def instead(time: Mapping[str, Any], reason: Why | None) -> str:
    """The provider's page, which says why, and shows what is free near to it.

    `time` has the ids of provider, visit type and clinic, and the start.
    """
    gone = {"at": time["clinic_id"], "gone": time["start"].isoformat(), "why": reason} if reason else {}
    return link(f"/providers/{time['provider_id']}", visit=time["visit_type_id"], **gone)


async def near(
    conn: Connection, actor: Actor, start: datetime, *, provider_id: UUID, visit_type_id: UUID, clinic_id: UUID
) -> list[dict[str, Any]]:
    """The free times nearest to `start`, of the same provider at the same clinic, in their order."""
    found = await availability.nearest(
        conn,
        start=start,
        provider_ids=[provider_id],
        visit_type_id=visit_type_id,
        clinic_id=clinic_id,
        patient_id=actor.patient_id,
        self_booking=True,
    )
    nearest = sorted(found, key=lambda slot: abs(slot["start"] - start))[:ALTERNATIVES]
    return sorted(nearest, key=lambda slot: slot["start"])
