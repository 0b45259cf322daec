"""What admins keep beside the directory: specialties, what to bring, public holidays, closures of a part of a day."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, expect

from frontdesk import clock
from frontdesk.auth import browsers
from tests.html import Page
from tests.portal.admin.conftest import Admin, filled
from tests.portal.admin.test_directory import busy, id_of, made
from tests.portal.browsing import PHONE, Watched

pytestmark = pytest.mark.postgres("18")

CLOSED = "SELECT lower(during), upper(during) FROM closure WHERE clinic_id = %s ORDER BY 1"


def told(page: Page, word: str) -> int:
    """On how many days the page says so."""
    return page.texts.count(word)


def utc(on: date, hour: float) -> datetime:
    return datetime(on.year, on.month, on.day, tzinfo=UTC) + timedelta(hours=hour)


def test_a_specialty_is_added_and_renamed(admin: Admin) -> None:
    name, other = f"Cardiology {uuid4()}", f"Kardiología {uuid4()}"
    path = made(admin, "/admin/specialties", name=name)
    assert name in admin.page("/admin/specialties").text
    form = filled(admin.page(path))
    assert admin.send(path, **form | {"name": other}).status_code == 303
    row = "SELECT name, version FROM specialty WHERE id = %s"
    assert admin.rows(row, id_of(path)) == [(other, 2)]
    stale = Page(admin.send(path, **form | {"name": "Mine"}))
    assert (stale.status, "Somebody else changed this" in stale.text) == (412, True)
    made(admin, "/admin/specialties", name=name)
    taken = Page(admin.change(path, name=name.upper()))
    assert (taken.status, "There is a specialty of this name." in taken.text) == (409, True)
    assert Page(admin.change(path, name="")).status == 422
    assert admin.rows(row, id_of(path)) == [(other, 2)]
    assert admin.page(f"/admin/specialties/{uuid4()}").status == 404


def test_what_to_bring_by_language(admin: Admin) -> None:
    form = filled(admin.page("/admin/visit-types/new")) | {"name": f"Type {uuid4()}", "what_to_bring.es": "El volante"}
    path = made(admin, "/admin/visit-types", **form)
    row = "SELECT what_to_bring FROM visit_type WHERE id = %s"
    assert admin.rows(row, id_of(path)) == [({"es": "El volante"},)]
    admin.make.conn.execute(
        """UPDATE visit_type SET what_to_bring = '{"es": "El volante", "fr": "Le dossier"}' WHERE id = %s""",
        [id_of(path)],
    )
    page = admin.page(path)
    assert "Le dossier" in page.text  # what another program has written is shown, and sent again
    texts = {"what_to_bring.en": "Your letter", "what_to_bring.es": "", "what_to_bring.fr": "Le dossier"}
    assert admin.change(path, **texts).status_code == 303
    assert admin.rows(row, id_of(path)) == [({"en": "Your letter", "fr": "Le dossier"},)]
    for wrong in ({"what_to_bring.es": "x" * 501}, {"what_to_bring.???": "x"}):
        assert Page(admin.change(path, **wrong)).status == 422
    assert admin.change(path, **{"what_to_bring.en": " "}).status_code == 303
    assert admin.rows(row, id_of(path)) == [(None,)]


def test_a_clinic_closes_on_public_holidays(admin: Admin) -> None:
    clinic = admin.make.clinic("Europe/Madrid", country="ES", region="MD")
    path, year = f"/admin/clinics/{clinic}/holidays", clock.now().year + 1
    page = admin.page(f"{path}?year={year}")
    count = told(page, "open")
    assert count > 8
    assert told(page, "closed") == 0
    answer = admin.send(path, year=year)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{path}?saved=yes&year={year}")
    assert len(admin.rows(CLOSED, clinic)) == count
    page = admin.page(answer.headers["location"])
    assert (told(page, "closed"), "Close on all of them" in page.text) == (count, False)
    first = admin.rows("SELECT id FROM closure WHERE clinic_id = %s ORDER BY lower(during) LIMIT 1", clinic)[0][0]
    assert admin.send(f"/admin/clinics/{clinic}/closures/{first}/remove").status_code == 303
    assert told(admin.page(f"{path}?year={year}"), "open") == 1


def test_a_holiday_within_a_longer_closure_is_closed(admin: Admin) -> None:
    clinic, year = admin.make.clinic("Europe/Madrid", country="ES"), clock.now().year + 1
    path = f"/admin/clinics/{clinic}/holidays?year={year}"
    admin.make.closure(clinic, utc(date(year, 12, 24), 0), utc(date(year, 12, 24), 36))  # to the middle of the holiday
    assert told(admin.page(path), "closed") == 0
    admin.make.closure(clinic, utc(date(year, 12, 24), 36), utc(date(year, 12, 24), 60))
    assert told(admin.page(path), "closed") == 1


def test_visits_on_a_holiday_are_told(admin: Admin) -> None:
    clinic, provider = busy(admin)  # a week before New Year the visit there stands on the holiday, at noon
    year = clock.now().year + 1
    admin.make.conn.execute("UPDATE clinic SET country = 'DE' WHERE id = %s", [clinic])
    of = {"patient_id": admin.make.patient(), "origin": "imported"}
    visit = admin.make.appointment(provider, clinic, admin.make.visit_type(), utc(date(year, 1, 1), 9), **of)
    path = f"/admin/clinics/{clinic}/holidays"
    refused = Page(admin.send(path, year=year))
    assert (refused.status, f"/desk/visits/{visit}" in [a.get("href") for a in refused.all("a")]) == (409, True)
    assert admin.rows(CLOSED, clinic) == []
    assert admin.send(path, year=year, override_reason="An emergency surgery").status_code == 303


@pytest.mark.parametrize(("country", "why"), [(None, "in which country"), ("XZ", "are not known")])
def test_a_country_that_tells_no_holidays(admin: Admin, country: str | None, why: str) -> None:
    path = f"/admin/clinics/{admin.make.clinic('UTC', country=country)}/holidays"
    page = admin.page(path)
    assert (page.status, why in page.text, "Close on all of them" in page.text) == (200, True, False)
    assert Page(admin.send(path, year=2027)).status == 422


def test_a_year_that_cannot_be(admin: Admin) -> None:
    clinic = admin.make.clinic("UTC", country="ES")
    path = f"/admin/clinics/{clinic}/holidays"
    for year in ("soon", "1066", "9" * 5000, "2027.5"):
        assert admin.page(f"{path}?year={year}").status == 422
        page = Page(admin.send(path, year=year))
        assert (page.status, "This cannot be right." in page.text) == (422, True)
    assert Page(admin.send(path)).status == 422
    assert admin.rows(CLOSED, clinic) == []
    assert admin.page(f"/admin/clinics/{uuid4()}/holidays").status == 404


def test_a_clinic_closes_for_a_part_of_a_day(admin: Admin) -> None:
    clinic = admin.make.clinic("Europe/Madrid")  # in January an hour ahead of UTC
    path, on = f"/admin/clinics/{clinic}/closures", date(clock.now().year + 1, 1, 20)
    for form in (
        {"begins": "13:00", "ends": "15:30"},
        {"begins": "16:00"},
        {"ends": "08:00"},
        {"begins": "20:00", "until_on": on + timedelta(days=1), "ends": "06:00"},
        {},
    ):
        assert admin.send(path, on=on, **form).status_code == 303
    spans = {(12, 14.5), (15, 23), (-1, 7), (19, 29), (-1, 23)}
    assert set(admin.rows(CLOSED, clinic)) == {(utc(on, since), utc(on, until)) for since, until in spans}


@pytest.mark.parametrize(
    ("form", "why"),
    [
        ({"begins": "15:00", "ends": "15:00"}, "The end lies after the start"),
        ({"begins": "15:00", "ends": "14:00"}, "The end lies after the start"),
        ({"begins": "9"}, "This cannot be right."),
        ({"until_on": "2020-01-01"}, "The end lies after the start"),
        ({"begins": "10:00", "until_on": "2020-01-01"}, "The end lies after the start"),
        ({"begins": "10:00", "until_on": "2099-01-01"}, "The end lies after the start"),
        ({"on": ""}, "Please fill this in."),
    ],
)
def test_a_closure_that_cannot_be(admin: Admin, form: dict[str, Any], why: str) -> None:
    clinic: UUID = admin.make.clinic("Europe/Madrid")
    page = Page(admin.send(f"/admin/clinics/{clinic}/closures", **{"on": "2027-01-20", "reason": "Kept"} | form))
    assert (page.status, why in page.text, filled(page)["reason"]) == (422, True, "Kept"), page.text
    assert admin.rows(CLOSED, clinic) == []


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({}, "on"),
        ({"until_on": "2026-01-21"}, "until_on"),
        ({"begins": "09:00", "ends": "10:00"}, "ends"),
    ],
)
def test_a_closure_that_is_over_is_refused_at_the_field(admin: Admin, form: dict[str, Any], field: str) -> None:
    clinic: UUID = admin.make.clinic("Europe/Madrid")
    sent = {"on": "2026-01-20", **form}
    page = Page(admin.send(f"/admin/clinics/{clinic}/closures", **sent))
    assert (page.status, "It is over already." in page.text) == (422, True)
    assert [i["name"] for i in page.all("input") if "aria-invalid" in i] == [field]
    assert admin.rows(CLOSED, clinic) == []
    today = clock.now().astimezone(ZoneInfo("Europe/Madrid")).date()
    assert admin.send(f"/admin/clinics/{clinic}/closures", on=today).status_code == 303


def test_on_a_telephone_without_scripts(browser: Browser, admin: Admin) -> None:
    clinic, kind = admin.make.clinic("Europe/Madrid", country="ES", region="MD"), admin.make.visit_type()
    context = browser.new_context(
        base_url=admin.service.url,
        viewport=PHONE,
        locale="es-ES",
        java_script_enabled=False,  # type: ignore[arg-type]
    )
    context.add_cookies([{"name": browsers.COOKIE, "value": admin.cookie, "url": admin.service.url}])
    try:
        seen = Watched(context.new_page(), admin.service.url)
        page = seen.page
        page.goto(f"/admin/clinics/{clinic}/closures")
        seen.picture("closures-phone")
        page.get_by_role("link", name="Festivos").click()
        page.get_by_label("Año").fill(str(clock.now().year + 1))
        page.get_by_role("button", name="Ver", exact=True).click()
        page.get_by_role("button", name="Cerrar", exact=True).click()
        expect(page.get_by_role("status")).to_have_text("Se ha guardado.")
        expect(page.get_by_text("cerrado", exact=True).first).to_be_visible()
        seen.picture("holidays-phone")
        page.goto(f"/admin/visit-types/{kind}")
        page.get_by_label("español", exact=True).fill("Traiga el volante.\nVenga en ayunas.")
        seen.picture("visit-type-phone")
        page.get_by_role("button", name="Guardar").click()
        expect(page.get_by_label("español", exact=True)).to_have_value("Traiga el volante.\nVenga en ayunas.")
        assert seen.complaints == []
    finally:
        context.close()
