"""What is asked for and answered about messages. Neither address nor text: the desk finds the patient in the record."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from frontdesk.clinics.models import Page
from frontdesk.web.fields import Body, Patch, omitted, storable

Channel = Literal["email", "sms", "push"]
Status = Literal["pending", "sending", "sent", "failed", "skipped"]


def _each_once(channels: list[Channel]) -> list[Channel]:
    return sorted(set(channels))


Channels = Annotated[list[Channel], Field(max_length=3), AfterValidator(_each_once)]
LocalTime = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class Notification(BaseModel):
    """One message about one version of a visit. `copy` above 0: sent again by hand."""

    id: UUID
    appointment_id: UUID
    patient_id: UUID
    clinic_id: UUID
    appointment_version: int
    kind: str
    channel: Channel
    copy_number: int = Field(description="0; above: sent again by hand.")
    status: Status
    due_at: datetime
    sent_at: datetime | None
    next_at: datetime | None = Field(description="Of a pending one: when it is tried.")
    attempts: int
    reason: str | None = Field(
        description="Of one that was skipped, in a word; of one that failed, the error's type and the server's code."
    )


class NotificationPage(Page):
    items: list[Notification]


class NotificationPreferences(BaseModel):
    """By which channels the patient agrees to hear of visits, and by which of these to be reminded."""

    channels: list[Channel]
    reminders: list[Channel]
    quiet_from: str | None = Field(description="Local time of the clinic, as 21:00.")
    quiet_until: str | None
    push_topic: str | None = Field(
        description="What the patient subscribes to at the clinic's push service, if it has one; told to nobody else."
    )
    push_subscribe_at: str | None = Field(description="The page where to do so.")
    version: int


class NotificationPreferencesPatch(Patch):
    """Quiet hours need both ends or none."""

    channels: Channels = omitted()
    reminders: Channels = omitted()
    quiet_from: LocalTime | None = None
    quiet_until: LocalTime | None = None


class PushKeys(Body):
    """What only the device can read messages with."""

    p256dh: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{87}=?$")]
    auth: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{22}={0,2}$")]


class NewDevice(Body):
    """A PushSubscription as a browser tells it (`JSON.stringify(subscription)`)."""

    endpoint: Annotated[str, StringConstraints(max_length=1000), AfterValidator(storable)]
    keys: PushKeys
    expirationTime: float | None = None  # noqa: N815  # the browser's name for it; push services say it by 410


class Device(BaseModel):
    id: UUID
    created_at: datetime


class DeviceList(BaseModel):
    """`application_server_key` is what a browser subscribes with."""

    items: list[Device]
    next_cursor: str | None
    application_server_key: str
