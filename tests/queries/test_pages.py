"""A page is answered in at most three statements, for fifty rows as for one."""

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
    "/providers/{provider_id}?visit={roomless_type_id}&view=day": 2,
}


@pytest.mark.parametrize("path", PAGES)
def test_pages(observed: dict[int, Observed], path: str) -> None:
    said: dict[int, list[str]] = {}
    for rows in (FEW, MANY):
        here = observed[rows]
        request = httpx.Request("GET", here.service.url + path.format(**here.world.ids), headers=PAGE)
        here.count(request)  # once before, for what the service keeps in memory
        response, said[rows] = here.count(request)
        assert response.status_code == 200, response.text
        assert response.headers["content-type"] == "text/html; charset=utf-8"
        assert not path.startswith("/providers") or "<time" in response.text
    assert len(said[FEW]) == len(said[MANY]) == PAGES[path] <= 3, "\n".join([*said[FEW], "", *said[MANY]])
