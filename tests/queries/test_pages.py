"""A page is answered in at most three statements, for fifty rows as for one."""

from datetime import timedelta

import httpx
import pytest

from tests.queries.conftest import FEW, MANY, Observed

PAGE = {"Accept": "text/html"}
PAGES = {
    "/": 2,  # the choices; whether this is the demo
    "/find": 3,  # who and what there is; what their books take; what the rooms' books take
    "/find?specialty={specialty_id}&clinic={clinic_id}&name=ana&part=morning": 3,
    "/providers/{provider_id}": 3,
    "/providers/{provider_id}?visit={visit_type_id}&view=month": 3,
    "/providers/{provider_id}?visit={visit_type_id}&on={ahead}": 3,  # what is free first of all, too
    "/providers/{provider_id}?visit={roomless_type_id}&view=day": 2,
}


@pytest.mark.parametrize("path", PAGES)
def test_pages(observed: dict[int, Observed], path: str) -> None:
    said: dict[int, list[str]] = {}
    for rows in (FEW, MANY):
        here = observed[rows]
        ahead = here.world.free.date() + timedelta(days=200)
        request = httpx.Request("GET", here.service.url + path.format(**here.world.ids, ahead=ahead), headers=PAGE)
        here.count(request)  # once before, for what the service keeps in memory
        response, said[rows] = here.count(request)
        assert response.status_code == 200, response.text
        assert response.headers["content-type"] == "text/html; charset=utf-8"
        assert not path.startswith("/providers") or "<time" in response.text
    assert len(said[FEW]) == len(said[MANY]) == PAGES[path] <= 3, "\n".join([*said[FEW], "", *said[MANY]])


DESK = {  # each: who asks; which clinics are theirs; what is there
    "/desk?clinic={clinic_id}&on={day}": 3,
    "/desk/calendar?clinic={clinic_id}&on={day}": 2,
    "/desk/calendar/events?clinic={clinic_id}&on={day}": 5,  # and who works there; and who of them does not
    "/desk/waitlist?clinic={clinic_id}": 4,  # and what everybody is called
    "/desk/patients/{patient_id}": 4,  # and that somebody looked
    "/desk/patients/{patient_id}/edit": 4,  # the same, and whether they log in
}


@pytest.mark.parametrize("path", DESK)
def test_pages_of_the_desk(observed: dict[int, Observed], path: str) -> None:
    said: dict[int, list[str]] = {}
    for rows in (FEW, MANY):
        here = observed[rows]
        day = here.world.free.date() - timedelta(days=10)
        headers = PAGE | {"Authorization": f"Bearer {here.admin}"}
        url = here.service.url + path.format(**here.world.ids, day=day)
        response, said[rows] = here.count(httpx.Request("GET", url, headers=headers))
        assert response.status_code == 200, response.text
        if path.startswith("/desk?"):
            assert response.text.count("data-row") >= min(rows, 40)
    assert len(said[FEW]) == len(said[MANY]) == DESK[path], "\n".join([*said[FEW], "", *said[MANY]])


# Who asks, and the account; what guards it, and its passkeys; the address that was asked for.
OWN = {"/me/password": 2, "/me/factors": 4, "/me/address": 3}


@pytest.mark.parametrize("path", OWN)
def test_pages_of_an_account(observed: dict[int, Observed], path: str) -> None:
    here = observed[FEW]
    headers = PAGE | {"Authorization": f"Bearer {here.admin}"}
    response, said = here.count(httpx.Request("GET", here.service.url + path, headers=headers))
    assert response.status_code == 200, response.text
    assert len(said) == OWN[path], "\n".join(said)
