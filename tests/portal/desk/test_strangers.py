"""Forms of the desk that others send, or that name what is not theirs."""

from typing import Any

import httpx
import pytest

from tests.html import Page
from tests.portal.conftest import ACCEPT
from tests.portal.desk.conftest import Desk

pytestmark = pytest.mark.postgres("18")


def browser_of(desk: Desk, role: str, **link: Any) -> httpx.Client:
    client = desk.service.client(desk.make.token(role, **link))
    client.base_url = httpx.URL(desk.service.url)
    client.headers.update(ACCEPT | {"Accept-Language": "en-GB"})
    return client


def test_what_is_refused_to_a_provider_shows_no_desk(desk: Desk) -> None:
    """They may book for those in their care, by the API; a page of the desk is not theirs, whatever becomes of it."""
    provider, patient = desk.provider(), desk.patient()
    visit = desk.visit(provider, desk.at(9), patient)
    me = browser_of(desk, "provider", provider_id=provider)
    new = {"clinic": str(desk.clinic), "visit": str(desk.visit_type), "provider": str(provider)}
    taken = me.post(f"/desk/patients/{patient}/book", data={**new, "local": f"{desk.at(0).date()}T09:00"})
    step = {"clinic": str(desk.clinic), "on": str(desk.at(0).date())}
    early = me.post(f"/desk/visits/{visit}/step", data={**step, "to": "completed"})
    waits = {name: value for name, value in new.items() if name != "local"}
    assert me.post(f"/desk/patients/{patient}/wait", data=waits).status_code == 303
    twice = me.post(f"/desk/patients/{patient}/wait", data=waits)
    for refused in (taken, early, twice):
        page = Page(refused)
        assert page.status == 409
        assert "That did not work" in page.text
        assert not [form for form in page.all("form") if str(form.get("action")).startswith("/desk")]


def test_what_is_refused_to_a_patient_shows_no_desk(desk: Desk) -> None:
    provider, patient = desk.provider(), desk.patient()
    visit = desk.visit(provider, desk.at(9), patient)
    desk.visit(provider, desk.at(11))
    me = browser_of(desk, "patient", patient_id=patient)
    for path in (f"/desk/visits/{visit}/move", f"/desk/calendar/visits/{visit}/move"):
        refused = me.post(path, data={"provider": str(provider), "local": f"{desk.at(0).date()}T11:00"})
        assert refused.status_code == 409
        assert "That did not work" in Page(refused).text
        assert not [form for form in Page(refused).all("form") if str(form.get("action")).startswith("/desk")]


@pytest.mark.parametrize("hx", [True, False])
def test_a_form_that_names_another_clinic_leads_back_to_where_it_was_done(desk: Desk, hx: bool) -> None:
    visit, elsewhere = desk.visit(desk.provider(), desk.at(9, -1)), desk.make.clinic()
    forged = {"clinic": elsewhere, "on": desk.at(0, -1).date(), "to": "checked_in"}
    answer = desk.send(f"/desk/visits/{visit}/step", hx=hx, **forged)
    if hx:
        assert answer.status_code == 200
        assert [str(tag["id"])[2:] for tag in Page(answer).all("tr") if "data-row" in tag] == [str(visit)]
    else:
        assert answer.headers["location"] == f"{desk.day(-1)}#a-{visit}"
    assert desk.row(visit)[0] == "checked_in"
