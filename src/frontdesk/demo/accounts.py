"""The four log-ins of the demo. They exist only where the demo made them."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from frontdesk import db
from frontdesk.auth.passwords import hashed
from frontdesk.db import Connection
from frontdesk.demo.book import Booked
from frontdesk.demo.directory import Directory
from frontdesk.demo.draw import Draw
from frontdesk.demo.family import write_family
from frontdesk.demo.people import Provider
from frontdesk.demo.writer import Writer
from frontdesk.sql import load

q = load(__package__)

PASSWORD = "frontdesk-demo"  # noqa: S105  published on purpose, printed by `make run`
LOGINS = {
    "admin@frontdesk.test": "admin",
    "staff@frontdesk.test": "staff",
    "provider@frontdesk.test": "provider",
    "patient@frontdesk.test": "patient",
}
STAFF_CLINICS = ("nyc", "bos")


@dataclass(frozen=True, slots=True)
class _Links:
    patient_id: UUID | None = None
    provider_id: UUID | None = None


async def work(conn: Connection) -> bool:
    """Whether somebody can log in with LOGINS and PASSWORD: the demo is here, and nobody has changed its accounts."""
    found = await db.one(conn, q.log_ins_work, emails=list(LOGINS), roles=list(LOGINS.values()), count=len(LOGINS))
    return found is not None and bool(found["yes"])


async def password_hash() -> str:
    """The hash of PASSWORD: 35 ms of CPU, so make it before the transaction begins."""
    return await hashed(PASSWORD)


async def write_accounts(
    writer: Writer,
    draw: Draw,
    directory: Directory,
    own_provider: Provider,
    booked: list[Booked],
    at: datetime,
    secret_hash: str,
) -> None:
    """Write the log-ins; all share one password hash. The patient is one whom `own_provider` sees often."""
    patient = regular_patient(own_provider, booked, at.date())
    links = {"provider": _Links(provider_id=own_provider.id), "patient": _Links(patient_id=patient)}
    ids = {email: draw.id(at) for email in LOGINS}
    await writer.copy(
        q.copy_user_account,
        (
            (
                ids[email], email, secret_hash, role, links.get(role, _Links()).patient_id,
                links.get(role, _Links()).provider_id, at, at,
            )
            for email, role in LOGINS.items()
        ),
    )  # fmt: skip
    staff = ids["staff@frontdesk.test"]
    await writer.copy(q.copy_user_clinic, ((staff, directory.clinics[clinic]) for clinic in STAFF_CLINICS))
    await write_family(writer, draw, patient, booked, at)


def regular_patient(provider: Provider, booked: list[Booked], today: date) -> UUID:
    """An adult with the most visits behind and ahead of them, at least one of each, at this provider."""
    past: Counter[UUID] = Counter()
    ahead: Counter[UUID] = Counter()
    for one in booked:
        if one.provider.id == provider.id and one.patient.age(today) >= 18:
            past[one.patient.id] += one.status == "completed"
            ahead[one.patient.id] += one.status in ("scheduled", "confirmed")
    return max(past, key=lambda patient: (min(past[patient], ahead[patient]), past[patient], patient.int))
