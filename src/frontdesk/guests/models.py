"""What the bearer of a link sends, and what they are told."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from frontdesk.booking.models import Mode, Status
from frontdesk.web.fields import Body, Instant, Number, Text

Action = Literal["confirm", "move", "cancel", "accept", "decline"]


class _Change(Body):
    version: Annotated[int, Number] | None = Field(None, description="The version that was seen, as If-Match.")


class ConfirmByLink(_Change):
    pass


class CancelByLink(_Change):
    reason: Text | None = None


class MoveByLink(_Change):
    start: Instant


class GuestClinic(BaseModel):
    name: str
    address: str | None
    phone: str | None


class GuestOffer(BaseModel):
    """A time that is kept for the patient, who waits for one or needs another; not booked."""

    status: Literal["standing", "declined", "expired"]
    expires_at: datetime = Field(description="Until when it can be accepted.")
    displaced: bool = Field(description="The visit that they have cannot take place where it stands.")
    moves_from: datetime | None = Field(description="When the visit begins that moves here if it is accepted.")


class GuestAppointment(BaseModel):
    """One appointment as its link shows it: of the patient nothing but the first name, and nothing clinical."""

    status: Status
    version: int
    start: datetime
    end: datetime
    time_zone: str = Field(description="The clinic's, an IANA name.")
    mode: Mode
    provider: str
    clinic: GuestClinic
    first_name: str = Field(description="Of the patient.")
    actions: list[Action] = Field(description="What may be done now.")
    expires_at: datetime = Field(description="When the link stops to work, if the appointment stays where it is.")
    offer: GuestOffer | None = Field(description="If the time is offered and not booked.")


class GuestSlot(BaseModel):
    start: datetime
    end: datetime
    time_zone: str


class GuestSlots(BaseModel):
    """Starts to which the appointment can be moved, with the same provider at the same clinic."""

    slots: list[GuestSlot]
