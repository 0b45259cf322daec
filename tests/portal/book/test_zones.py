"""Clinic, server and visitor in three zones, near midnight and when clocks change: right day and hour everywhere."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, expect

from frontdesk import clock, db, ids
from frontdesk.envelope import Envelope
from frontdesk.notifications import sending
from frontdesk.notifications.handler import TellPatients
from frontdesk.ports.letters import Inside, Letter
from frontdesk.settings import Settings
from frontdesk.supervisor.postgres import EmbeddedPostgres
from tests.canaries import BORN_ON, WORD
from tests.conftest import copy_database
from tests.html import Page
from tests.portal.book.conftest import codes, enrol, somebody, wish
from tests.portal.browsing import opened
from tests.portal.conftest import Visitor
from tests.portal.days import clocks_change
from tests.service import Service

pytestmark = pytest.mark.postgres("18")

HALF = timedelta(minutes=30)


@pytest.fixture(scope="module")
def service(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """On a machine whose clock is that of California."""
    running = Service(copy_database(postgres), tmp_path_factory.mktemp("zones"), TZ="America/Los_Angeles")
    running.start()
    try:
        yield running
    finally:
        running.stop()


def midnight(zone: str) -> datetime:
    day = clock.now().astimezone(ZoneInfo(zone)) + timedelta(days=10)
    return day.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)


def place(visitor: Visitor, zone: str) -> tuple[UUID, UUID]:
    """A clinic there, which writes days as in Britain, and a provider who works around the clock."""
    visitor.make.conn.execute("UPDATE appointment SET status = 'expired' WHERE status = 'held'")
    clinic = visitor.make.clinic(zone, country="GB")
    return clinic, visitor.provider(clinic)


MOMENTS = {
    "last of a day": lambda zone: midnight(zone) - HALF,
    "first of a day": midnight,
    "before clocks go forward": lambda zone: clocks_change(zone, forward=True) - HALF,
    "after clocks went forward": lambda zone: clocks_change(zone, forward=True),
    "the first of two": lambda zone: clocks_change(zone, forward=False) - 2 * HALF,
    "the second of two": lambda zone: clocks_change(zone, forward=False),
}


@pytest.mark.parametrize("zone", ["Europe/Madrid", "America/New_York", "Pacific/Auckland"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_on_every_page_and_in_the_mail(visitor: Visitor, zone: str, moment: str) -> None:
    start = MOMENTS[moment](zone)
    local = start.astimezone(ZoneInfo(zone))
    told = f"{local:%A}, {local.day} {local:%B} {local.year}, {local:%H:%M}"
    season = ("Summer Time", "Daylight Time") if local.dst() else ("Standard Time",)
    clinic, provider = place(visitor, zone)
    reader = somebody(visitor)
    patient = enrol(visitor, reader)
    day = reader.get(f"/providers/{provider}?view=day&on={local.date()}").text
    assert f'<time datetime="{start.isoformat()}">{local:%H:%M}</time></button>' in day
    held = reader.post(f"/providers/{provider}/hold", data=wish(visitor, clinic, start)).headers["location"]
    pages = [Page(reader.get(held))]
    end = reader.post(held, data={}).headers["location"]
    pages.append(Page(reader.get(end)))
    pages += [
        Page(reader.get(f"/{page}")) for page in (f"visits/{held.rsplit('/', 1)[1]}", f"m/{end.rsplit('/', 1)[1]}")
    ]
    for text in [*(page.text for page in pages), mail(visitor, UUID(held.rsplit("/", 1)[1]), patient)]:
        assert told in text
        assert any(name in text for name in season)


def mail(visitor: Visitor, appointment: UUID, patient: UUID) -> str:
    """What the worker writes to the patient of a visit that was just booked."""
    letters: list[Letter] = []

    class Kept(Inside):
        async def send(self, letter: Letter) -> None:
            letters.append(letter)

    row = visitor.make.conn.execute("SELECT version FROM appointment WHERE id = %s", [appointment]).fetchone()
    assert row is not None
    about = {"appointment_id": str(appointment), "version": row[0], "patient_id": str(patient)}
    booked = Envelope(
        position=1,
        event_id=ids.new_id(),
        topic="appointments.scheduled.v1",
        key=str(appointment),
        occurred_at=clock.now(),
        payload=about,
    )

    async def tell() -> None:
        async with await db.connect(Settings(), visitor.service.dsn) as conn:
            await TellPatients().handle(conn, booked)
            await sending.send_by(conn, {"email": Kept()}, lease=timedelta(seconds=20))

    asyncio.run(tell())
    (letter,) = letters
    return letter.text


@pytest.mark.parametrize(
    ("clinic_zone", "moment", "own_zone"),
    [
        ("Europe/Madrid", "the second of two", "America/New_York"),
        ("Pacific/Auckland", "first of a day", "Asia/Tokyo"),
        ("America/New_York", "after clocks went forward", "Europe/Paris"),
    ],
)
def test_the_visitors_own_day_and_hour_stand_beside(
    browser: Browser, visitor: Visitor, clinic_zone: str, moment: str, own_zone: str
) -> None:
    start = MOMENTS[moment](clinic_zone)
    local, own = (start.astimezone(ZoneInfo(zone)) for zone in (clinic_zone, own_zone))
    day = "" if own.date() == local.date() else f"{own:%a} "
    told = f"{day}{own:%H:%M} your time"
    _, provider = place(visitor, clinic_zone)
    email = f"{uuid4()}@example.test"
    with opened(browser, visitor, zone=own_zone) as seen:
        page = seen.page
        page.goto(f"/providers/{provider}?view=day&on={local.date()}")
        time = page.locator(f'.sheet button[value="{start.isoformat()}"]')
        expect(time).to_contain_text(told)
        expect(time).to_contain_text(f"{local:%H:%M}")
        time.tap()
        expect(page.locator(".facts .yours")).to_have_text(told)
        expect(page.locator(".facts time")).to_have_text(f"{local:%H:%M}")
        page.get_by_role("link", name="As a guest").tap()
        page.get_by_label("First name").fill("Gus")
        page.get_by_label("Last name").fill(WORD)
        page.get_by_label("Date of birth").fill(BORN_ON.isoformat())
        page.get_by_label("E-mail address").fill(email)
        page.get_by_label("Phone").fill("+34 600 123 456")
        page.keyboard.press("Enter")
        expect(page.get_by_label("Code")).to_be_focused()
        page.keyboard.type(codes(visitor, email)[0])
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Your visit is booked")).to_be_visible()
        expect(page.locator(".facts .yours")).to_have_text(told)
        expect(page.locator(".facts time")).to_have_text(f"{local:%H:%M}")
