"""In a real browser, on a telephone: find somebody, see their times, and see them change as others book."""

from datetime import timedelta

import pytest
from playwright.sync_api import Browser, expect

from tests.live.world import relay
from tests.portal.browsing import PATIENCE_MS, opened
from tests.portal.conftest import Visitor
from tests.portal.days import next_on

pytestmark = pytest.mark.postgres("18")


@pytest.mark.parametrize("scripts", [True, False])
def test_three_taps_from_home_to_a_day_of_times(browser: Browser, visitor: Visitor, scripts: bool) -> None:
    clinic = visitor.make.clinic("Europe/Madrid", address="Calle Mayor 7\nMadrid", phone="+34 91 5550100")
    named = {"first_name": "Marisol", "last_name": "Quintanilla", "title": "Dr."}
    provider = visitor.provider(clinic, hours=("09:00", "17:00"), **named)
    visitor.not_now(provider)  # so that a whole day comes first
    name = visitor.make.conn.execute("SELECT name FROM specialty WHERE id = %s", [visitor.specialty]).fetchone()
    with opened(browser, visitor, scripts=scripts) as seen:
        seen.page.goto("/")
        seen.page.get_by_role("link", name=str(name and name[0])).tap()
        expect(seen.page.get_by_role("heading", name="Dr. Marisol Quintanilla")).to_be_visible()
        seen.page.get_by_role("link", name="Dr. Marisol Quintanilla", exact=True).tap()
        expect(seen.page.get_by_role("heading", level=1)).to_contain_text("Marisol")
        seen.page.get_by_role("link", name="Day", exact=True).tap()
        times = seen.page.locator(".sheet time")
        expect(times.first).to_have_text("09:00")
        # 09:00 in Madrid is 17:00 or 16:00 in Tokyo, as Madrid has winter or summer.
        expect(seen.page.locator(".sheet .yours")).to_have_count(times.count() if scripts else 0)
        if scripts:
            expect(seen.page.locator(".sheet .yours").first).to_contain_text("your time")


def test_the_visitors_own_time_is_there_only_where_it_differs(browser: Browser, visitor: Visitor) -> None:
    provider = visitor.provider(visitor.make.clinic("Europe/Madrid"), hours=("16:00", "17:00"))
    on = next_on(2, 10)
    next_day = f"{on + timedelta(days=1):%a}"
    for zone, told in (
        ("Europe/Paris", []),
        ("Asia/Tokyo", [f"{next_day} {at} your time" for at in ("00:00", "00:30")]),
    ):
        with opened(browser, visitor, zone=zone) as seen:
            seen.page.goto(f"/providers/{provider}?view=day&on={on}")
            expect(seen.page.locator(".sheet time[data-told]")).to_have_count(2)
            assert seen.page.locator(".sheet .yours").all_inner_texts() == told


def test_a_time_vanishes_and_comes_back_before_ones_eyes(browser: Browser, visitor: Visitor) -> None:
    clinic = visitor.make.clinic("UTC")
    provider = visitor.provider(clinic, hours=("09:00", "10:00"))
    start = visitor.at(72 + 9)
    patient = visitor.make.patient()
    token = visitor.make.token("patient", patient_id=patient)
    me = visitor.service.client(token)
    with relay(visitor.service.dsn), opened(browser, visitor) as seen:
        seen.page.goto(f"/providers/{provider}?view=day&on={start.date()}")
        time = seen.page.locator(f'.sheet time[datetime="{start.isoformat()}"]')
        expect(time).to_have_count(1)
        wish = {"provider_id": provider, "clinic_id": clinic, "visit_type_id": visitor.visit_type}
        booked = me.post("/appointments", json={**{k: str(v) for k, v in wish.items()}, "start": start.isoformat()})
        assert booked.status_code == 201, booked.text
        expect(time).to_have_count(0, timeout=PATIENCE_MS)
        assert me.post(f"/appointments/{booked.json()['id']}/cancel").status_code == 200
        expect(time).to_have_count(1, timeout=PATIENCE_MS)


def test_by_keyboard_alone(browser: Browser, visitor: Visitor) -> None:
    visitor.provider(visitor.make.clinic(), first_name="Zebulon", last_name="Kestrelwing")
    with opened(browser, visitor) as seen:
        seen.page.goto("/")
        seen.page.keyboard.press("Tab")
        expect(seen.page.get_by_role("link", name="Skip to the content")).to_be_focused()
        seen.page.keyboard.press("Enter")
        seen.page.keyboard.press("Tab")
        expect(seen.page.get_by_label("Specialty")).to_be_focused()
        seen.page.keyboard.press("Tab")
        seen.page.keyboard.type("zebulon kestrelwnig")
        seen.page.keyboard.press("Enter")
        expect(seen.page.get_by_role("heading", name="Zebulon Kestrelwing")).to_be_visible()


@pytest.mark.parametrize("dark", [False, True])
def test_pictures(browser: Browser, visitor: Visitor, dark: bool) -> None:
    """Every page fits a telephone's screen, whatever the light."""
    names = [("Marisol", "Quintanilla"), ("Aleksander", "Wojciechowski-Brzezinski"), ("Bo", "Li")]
    clinic = visitor.make.clinic("Europe/Madrid", address="Calle Mayor 7\nMadrid", phone="+34 91 5550100")
    who = [
        visitor.provider(clinic, hours=("09:00", "17:00"), first_name=first, last_name=last, title="Dr.")
        for first, last in names
    ]
    shade = "dark" if dark else "light"
    with opened(browser, visitor, dark=dark) as seen:
        pages = {"home": "/", "find": f"/find?specialty={visitor.specialty}", "none": "/find?name=qqqqqq&speaks=fi"}
        pages |= {view: f"/providers/{who[1]}?view={view}" for view in ("day", "week", "month")}
        for name, path in pages.items():
            seen.page.goto(path)
            seen.picture(f"{name}-{shade}")
