"""A patient says on their phone that they are here, and the list at the desk knows before anybody loads it again."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, expect

from frontdesk import clock
from tests.live.world import relay
from tests.portal.browsing import PATIENCE_MS
from tests.portal.conftest import Visitor
from tests.portal.desk.conftest import Desk
from tests.portal.desk.test_browser import at_desk, listening
from tests.portal.patients import patient_of
from tests.portal.test_axe import AXE, JUDGE, RULES
from tests.portal.visits.browsing import at_home

pytestmark = pytest.mark.postgres("18")


def test_here_by_phone_and_seen_at_the_desk(browser: Browser, desk: Desk, visitor: Visitor) -> None:
    provider, start = desk.provider(), clock.now() + timedelta(minutes=20)
    patient = patient_of(visitor, provider, desk.clinic)
    visit = desk.visit(provider, start, patient.id)
    other = desk.visit(desk.provider(), start, status="checked_in")
    day = f"/desk?clinic={desk.clinic}&on={start.astimezone(ZoneInfo('Europe/Madrid')).date()}"
    with (
        relay(desk.service.dsn),
        at_desk(browser, desk) as there,
        at_home(browser, patient, zone="Pacific/Auckland") as phone,
    ):
        listening(there, day)
        phone.page.goto(f"/visits/{visit}")
        phone.picture("check-in")
        phone.page.evaluate(AXE.read_text("utf-8"))
        assert phone.page.evaluate(JUDGE, RULES) == []
        phone.page.get_by_role("button", name="I am here").tap()
        expect(phone.page.get_by_text("You are checked in; the desk knows.")).to_be_visible()
        phone.picture("checked-in")
        phone.page.evaluate(AXE.read_text("utf-8"))
        assert phone.page.evaluate(JUDGE, RULES) == []
        row = there.page.locator(f"#v-{visit}")
        expect(row.locator(".status")).to_have_text("Here", timeout=PATIENCE_MS)
        expect(row).to_contain_text("from their phone")
        expect(there.page.locator(f"#v-{other}")).not_to_contain_text("from their phone")
        there.picture("desk-day-by-phone")
    assert desk.row(visit)[0] == "checked_in"


def test_who_is_checked_in_at_the_desk_did_not_do_it_by_phone(desk: Desk, visitor: Visitor) -> None:
    provider, start = desk.provider(), clock.now() - timedelta(minutes=5)
    patient = patient_of(visitor, provider, desk.clinic)
    visit = desk.visit(provider, start, patient.id)
    where = {"clinic": desk.clinic, "on": desk.at(0).date()}
    assert patient.post(f"/visits/{visit}/check-in", version=1).status_code == 303
    assert "from their phone" in desk.page(f"/desk/visits/{visit}").text
    for to in ("no_show", "checked_in"):
        assert desk.send(f"/desk/visits/{visit}/step", to=to, **where).status_code == 303
    assert "from their phone" not in desk.page(f"/desk/visits/{visit}").text
