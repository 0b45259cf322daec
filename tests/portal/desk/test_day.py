"""The day's list: who comes, what stands out, and each step of a visit."""

from datetime import timedelta
from uuid import uuid4

import httpx
import pytest

from frontdesk import clock
from tests.html import Page
from tests.portal.desk.conftest import Desk

pytestmark = pytest.mark.postgres("18")


def names(page: Page) -> list[str]:
    """Of the visits, in order, by their ids."""
    return [str(tag["id"])[2:] for tag in page.all("tr") if "data-row" in tag]


def test_the_day_of_the_clinic_in_order_and_nothing_else(desk: Desk) -> None:
    ana, bo = desk.provider(first_name="Ana", last_name="Rey"), desk.provider(first_name="Bo", last_name="Li")
    late, early = desk.visit(ana, desk.at(23.5)), desk.visit(bo, desk.at(0))
    gone = desk.visit(bo, desk.at(9), status="cancelled")
    desk.visit(ana, desk.at(0, 2))
    desk.visit(ana, desk.at(-0.5))
    desk.make.appointment(
        ana, desk.clinic, desk.visit_type, desk.at(12), status="held", hold_expires_at=clock.now() + timedelta(hours=1)
    )
    elsewhere = desk.make.clinic()
    desk.make.appointment(desk.provider(), elsewhere, desk.visit_type, desk.at(9), patient_id=desk.patient())
    page = desk.page(desk.day())
    assert names(page) == [str(early), str(gone), str(late)]
    assert "Bo Li" in page.text
    assert "23:30" in page.text
    assert "Booked: 2" in page.text


def test_what_lags_behind_stands_out(desk: Desk) -> None:
    now, provider = clock.now(), desk.provider()
    for minutes, status in ((12, "scheduled"), (50, "checked_in"), (95, "in_progress"), (150, "completed")):
        desk.visit(provider, now - timedelta(minutes=minutes, seconds=1), status=status)
    texts = [desk.page(desk.day(days)).text for days in (-1, 0)]  # it may be shortly after midnight
    for told in ("12 min late", "waiting 50 min", "65 min over"):
        assert any(told in text for text in texts), told
    assert sum(text.count(" min ") for text in texts) <= 3


def test_each_step_by_its_button(desk: Desk) -> None:
    visit = desk.visit(desk.provider(), desk.at(9, -1))
    where = {"clinic": desk.clinic, "on": desk.at(0, -1).date()}
    path = f"/desk/visits/{visit}"
    for to, act in (("confirmed", "confirm"), ("checked_in", "step"), ("in_progress", "step"), ("completed", "step")):
        buttons = {(b["value"], b["formaction"]) for b in desk.page(desk.day(-1)).all("button") if "formaction" in b}
        assert (to, f"{path}/{act}") in buttons
        answer = desk.send(f"{path}/{act}", to=to, **where)
        assert (answer.status_code, answer.headers["location"]) == (303, f"{desk.day(-1)}#a-{visit}")
        assert desk.row(visit)[0] == to
    assert not [b for b in desk.page(desk.day(-1)).all("button") if "formaction" in b]


def test_cancel_with_a_reason(desk: Desk) -> None:
    visit = desk.visit(desk.provider(), desk.at(9))
    where = {"clinic": desk.clinic, "on": desk.at(0).date()}
    assert desk.send(f"/desk/visits/{visit}/cancel", reason="", **where).status_code == 422
    assert desk.send(f"/desk/visits/{visit}/cancel", reason="They called", **where).status_code == 303
    assert desk.row(visit)[0] == "cancelled"
    assert "They called" in desk.page(f"/desk/visits/{visit}").text


@pytest.mark.parametrize("hx", [True, False])
def test_what_is_refused_is_told_in_place(desk: Desk, hx: bool) -> None:
    provider = desk.provider()
    missed = desk.visit(provider, desk.at(9, -1), status="no_show")
    desk.visit(provider, desk.at(9, -1))
    where = {"clinic": desk.clinic, "on": desk.at(0, -1).date()}
    taken = desk.send(f"/desk/visits/{missed}/step", hx=hx, to="checked_in", **where)
    assert taken.status_code == (200 if hx else 409)
    told = Page(taken).text
    assert "This time is taken." in told
    assert "The provider is busy: 09:00–09:30" in told
    stale = desk.send(f"/desk/visits/{missed}/step", hx=hx, to="checked_in", version=7, **where)
    assert "Somebody else changed this visit" in Page(stale).text
    far = desk.send(f"/desk/visits/{missed}/step", hx=hx, to="in_progress", **where)
    assert "That is not possible from where the visit is now." in Page(far).text
    assert desk.row(missed)[0] == "no_show"


def offered(page: Page) -> list[str]:
    return [str(button["value"]) for button in page.all("button") if "formaction" in button]


def test_once_it_should_have_begun_all_is_offered(desk: Desk) -> None:
    visit = desk.visit(desk.provider(), clock.now() - timedelta(minutes=1))
    assert offered(desk.page(f"/desk/visits/{visit}")) == ["checked_in", "confirmed", "no_show"]


@pytest.mark.parametrize("hx", [True, False])
def test_nothing_is_done_before_its_time(desk: Desk, hx: bool) -> None:
    visit = desk.visit(desk.provider(), desk.at(9, 11))
    where = {"clinic": desk.clinic, "on": desk.at(0, 11).date()}
    for path in (desk.day(11), f"/desk/visits/{visit}"):
        assert offered(desk.page(path)) == ["confirmed"], path
    for to, told in (
        ("no_show", "the time of the visit has not come yet"),
        ("checked_in", "the visit is on a later day"),
    ):
        refused = desk.send(f"/desk/visits/{visit}/step", hx=hx, to=to, **where)
        assert refused.status_code == (200 if hx else 409)
        assert f"It is too soon for that: {told}." in Page(refused).text
    assert desk.row(visit)[0] == "scheduled"


def test_to_htmx_only_the_list(desk: Desk) -> None:
    visit = desk.visit(desk.provider(), desk.at(9, -1))
    part = desk.client.get(desk.day(-1), headers={"HX-Request": "true"})
    assert part.text.startswith('<section id="day"')
    where = {"clinic": desk.clinic, "on": desk.at(0, -1).date()}
    done = desk.send(f"/desk/visits/{visit}/step", hx=True, to="checked_in", **where)
    assert done.text.startswith('<section id="day"')
    assert ": Here" in Page(done).text


def test_only_the_desk_of_the_clinic(desk: Desk) -> None:
    visit = desk.visit(desk.provider(), desk.at(9))
    other = desk.make.clinic()
    strangers = {
        "staff": (desk.make.token("staff", clinic_ids=(other,)), 404),
        "patient": (desk.make.token("patient", patient_id=desk.patient()), 403),
        "provider": (desk.make.token("provider", provider_id=desk.provider()), 403),
    }
    for name, (token, status) in strangers.items():
        headers = {"Authorization": f"Bearer {token}"}
        for path in (desk.day(), f"/desk/visits/{visit}"):
            assert desk.client.get(path, headers=headers).status_code == status, (name, path)
    assert desk.client.get(f"/desk/visits/{uuid4()}").status_code == 404
    assert desk.client.get(f"/desk?clinic={uuid4()}").status_code == 404
    nobody = httpx.get(f"{desk.service.url}{desk.day()}", headers={"Accept": "text/html"})
    assert nobody.status_code in (303, 401)
    alone = desk.make.token("staff")
    assert "You work at no clinic" in desk.client.get("/desk", headers={"Authorization": f"Bearer {alone}"}).text


def test_the_desk_gets_no_link_of_a_patient(desk: Desk) -> None:
    """Whoever opens the link of a visit is its patient as far as the trail can tell."""
    visit = desk.visit(desk.provider(), desk.at(10))
    answer = desk.client.get(f"/book/{visit}")
    assert (answer.status_code, answer.headers.get("location")) == (404, None)
