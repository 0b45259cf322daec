"""A provider's day and the steps they take, their week as it is, and time off: asked for, answered, taken back."""

from datetime import UTC, date, datetime, time, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from frontdesk import clock
from tests.html import Page
from tests.portal.conftest import ACCEPT
from tests.portal.days import clocks_change
from tests.portal.patients import Patient
from tests.portal.provider.conftest import Provider

pytestmark = pytest.mark.postgres("18")

MADRID = ZoneInfo("Europe/Madrid")


def statuses(page: Page) -> list[str]:
    return [str(li["class"]).removeprefix("card visit ") for li in page.all("li") if "visit" in str(li.get("class"))]


def on(patient: Patient, hours: float) -> date:
    return patient.at(hours).astimezone(MADRID).date()


def test_the_day_as_the_clinic_has_it(provider: Provider) -> None:
    me, patient = provider.me, provider.patient
    late, first, off = patient.visit(-48.5), patient.visit(-73), patient.visit(-63, status="cancelled")
    page = me.page(f"/my-day?on={on(patient, -72)}")
    assert statuses(page) == ["scheduled", "cancelled"]
    assert [one["datetime"] for one in page.all("time")] == [patient.at(hours).isoformat() for hours in (-73, -63)]
    assert "a rash named xanthomirel" in page.text
    assert statuses(me.page(f"/my-day?on={on(patient, -48.5)}")) == ["scheduled"], "after midnight in Madrid"
    forms = [str(button["formaction"]) for button in page.all("button") if "formaction" in button]
    assert forms == [f"/my-day/{first}/checked_in", f"/my-day/{first}/no_show"]
    assert not [one for one in forms if str(late) in one or str(off) in one]


def test_today_is_today_at_the_clinic(provider: Provider) -> None:
    now = clock.now().replace(minute=0, second=0, microsecond=0)
    provider.patient.visit((now - provider.patient.at(0)).total_seconds() / 3600)
    assert statuses(provider.me.page("/my-day")) == ["scheduled"]


def test_step_by_step_to_the_end(provider: Provider) -> None:
    visit = provider.patient.visit(-63)
    page = provider.me.page(f"/my-day?on={on(provider.patient, -63)}")
    for step in ("checked_in", "in_progress", "completed"):
        version = next(str(i["value"]) for i in page.all("input") if i.get("name") == "version")
        page = provider.me.press(page, f"/{visit}/{step}", version=version, on=str(on(provider.patient, -63)))
        assert statuses(page) == [step]
    assert provider.patient.row(visit)["status"] == "completed"
    assert [button for button in page.all("button") if "formaction" in button] == []


def test_what_somebody_else_did_first_is_told(provider: Provider) -> None:
    visit = provider.patient.visit(-63)
    day = str(on(provider.patient, -63))
    assert provider.me.post(f"/my-day/{visit}/checked_in", version=1, on=day).status_code == 303
    stale = Page(provider.me.post(f"/my-day/{visit}/no_show", version=1, on=day))
    assert (stale.status, "Somebody else was faster" in stale.text, statuses(stale)) == (412, True, ["checked_in"])
    wrong = Page(provider.me.post(f"/my-day/{visit}/completed", version=2, on=day))
    assert (wrong.status, "not possible as it stands" in wrong.text) == (409, True)
    assert provider.me.post(f"/my-day/{visit}/cancelled", version=2).status_code == 422


def test_nothing_is_done_before_its_time(provider: Provider) -> None:
    patient = provider.patient
    visit, day = patient.visit(9), str(on(patient, 9))
    page = provider.me.page(f"/my-day?on={day}")
    assert [button for button in page.all("button") if "formaction" in button] == []
    for step, told in (("no_show", "the time of the visit has not come yet"), ("checked_in", "is on a later day")):
        refused = Page(provider.me.post(f"/my-day/{visit}/{step}", version=1, on=day))
        assert (refused.status, told in refused.text, statuses(refused)) == (409, True, ["scheduled"])
    assert patient.row(visit)["version"] == 1


def test_nobody_elses_list(provider: Provider) -> None:
    patient, make = provider.patient, provider.patient.visitor.make
    colleague = make.provider()
    visit = patient.visit(9)
    token = make.token("provider", provider_id=colleague)
    client = patient.visitor.service.client(token)
    url = patient.visitor.service.url
    assert client.post(f"{url}/my-day/{visit}/checked_in", data={"version": 1}, headers=ACCEPT).status_code == 404
    assert statuses(Page(client.get(f"{url}/my-day?on={on(patient, 9)}", headers=ACCEPT))) == []
    assert patient.get("/my-schedule").status_code == 403
    assert patient.post(f"/my-day/{visit}/checked_in", version=1).status_code == 403
    assert patient.get("/my-day").status_code == 303
    assert patient.row(visit)["version"] == 1


def test_the_week_is_what_is_left_of_it(provider: Provider) -> None:
    make, me = provider.patient.visitor.make, provider.me
    monday = date(2027, 3, 22)  # of the week in which Madrid's clocks go forward
    make.conn.execute(
        "UPDATE schedule SET start_time = '09:00', end_time = '17:00' WHERE provider_id = %s", [me.provider]
    )
    noon = datetime.combine(monday, time(11), UTC)  # 12:00 in Madrid
    make.exception(me.provider, noon, noon + timedelta(hours=1), clinic_id=me.clinic)
    make.exception(me.provider, noon + timedelta(days=1), noon + timedelta(days=2), status="requested")
    page = me.page(f"/my-schedule?since={monday}")
    for told in ("09:00 – 12:00", "13:00 – 17:00"):
        assert page.text.count(told) == 1
    assert page.text.count("09:00 – 17:00") == 6, "what is only asked for takes nothing away"


def test_time_off_is_asked_for_and_taken_back(provider: Provider) -> None:
    me = provider.me
    page = me.page("/my-schedule")
    clinic = next(str(i["value"]) for i in page.all("input") if i.get("name") == "clinic")
    sunday = clocks_change("Europe/Madrid", forward=True).date()
    saturday = sunday - timedelta(days=1)
    wish = {"clinic": clinic, "first": str(saturday), "last": str(sunday), "reason": "a wedding"}
    asked = me.press(page, "/my-schedule/time-off", **wish)
    assert "You have asked for time off." in asked.text
    assert "Asked for" in asked.text
    query = "SELECT lower(during), upper(during), status, reason FROM schedule_exception WHERE provider_id = %s"
    row = me.visitor.make.conn.execute(query, [me.provider]).fetchone()
    assert row == (
        datetime.combine(saturday - timedelta(days=1), time(23), UTC),
        datetime.combine(sunday, time(22), UTC),  # the clocks have gone forward
        "requested",
        "a wedding",
    )
    gone = me.press(asked, "/withdraw")
    assert ("It is taken back." in gone.text, "Asked for" in gone.text) == (True, False)


def test_what_was_answered_is_seen_and_stays(provider: Provider) -> None:
    me, make = provider.me, provider.patient.visitor.make
    approved = make.exception(me.provider, me.at(48), me.at(72))
    make.exception(me.provider, me.at(96), me.at(120), status="declined")
    page = me.page("/my-schedule")
    assert statuses(page) == ["approved", "declined"]
    assert [form for form in page.all("form") if "withdraw" in str(form.get("action"))] == []
    assert me.post(f"/my-schedule/time-off/{approved}/withdraw").status_code == 403
    assert me.post(f"/my-schedule/time-off/{uuid4()}/withdraw").status_code == 404


@pytest.mark.parametrize(
    ("wrong", "field", "told"),
    [
        ({"last": "2027-03-20"}, "last", "The end does not lie after the start."),
        ({"begins": "10:00", "last": "2027-03-27", "ends": "09:00"}, "ends", "The end does not lie after the start."),
        ({"first": "x"}, "first", "Please check this."),
        ({"last": "2031-01-01"}, "last", "Time off lasts at most two years."),
        ({"begins": "25:00"}, "begins", "Please check this."),
        ({"ends": "25:00"}, "ends", "Please check this."),
        ({"clinic": "x"}, "clinic", "Please check this."),
    ],
)
def test_wishes_that_cannot_be(provider: Provider, wrong: dict[str, str], field: str, told: str) -> None:
    me = provider.me
    wish = {"clinic": str(me.clinic), "first": "2027-03-27", "last": "2027-03-28", "reason": "a wedding"}
    refused = Page(me.post("/my-schedule/time-off", **{**wish, **wrong}))
    assert (refused.status, "Please look at the marked fields." in refused.text) == (422, True)
    assert "front desk takes back" not in refused.text
    assert [p.get("id") for p in refused.all("p") if p.get("class") == "fault"] == [f"{field}-told"]
    assert told in refused.text
    values = {str(i["name"]): i.get("value") for i in refused.all("input")}
    assert values["reason"] == "a wedding"


def test_the_same_time_off_is_asked_for_once(provider: Provider) -> None:
    me, conn = provider.me, provider.patient.visitor.make.conn
    wish = {"clinic": str(me.clinic), "first": "2027-03-27", "last": "2027-03-28"}
    assert me.post("/my-schedule/time-off", **wish).status_code == 303
    for status in ("requested", "approved"):
        conn.execute("UPDATE schedule_exception SET status = %s WHERE provider_id = %s", [status, me.provider])
        again = Page(me.post("/my-schedule/time-off", **wish, reason="a wedding"))
        assert (again.status, "Exactly this time off is there already." in again.text) == (409, True)
        assert statuses(again) == [status]
        assert [i["value"] for i in again.all("input") if i.get("name") == "reason"] == ["a wedding"]
    conn.execute("UPDATE schedule_exception SET status = 'declined' WHERE provider_id = %s", [me.provider])
    assert me.post("/my-schedule/time-off", **wish).status_code == 303


def test_extra_hours_are_called_so(provider: Provider) -> None:
    me, make = provider.me, provider.patient.visitor.make
    make.exception(me.provider, me.at(48), me.at(50), kind="extra_session", clinic_id=me.clinic)
    make.exception(me.provider, me.at(72), me.at(96))
    page = me.page("/my-schedule")
    assert "Time off and extra hours" in page.text
    assert (page.text.count("Extra hours: "), page.text.count("Time off: ")) == (1, 1)


@pytest.mark.parametrize(("times", "field"), [({}, "last"), ({"begins": "09:00", "ends": "10:00"}, "ends")])
def test_time_off_that_is_over_is_refused_at_the_field(provider: Provider, times: dict[str, str], field: str) -> None:
    me = provider.me
    day = str(clock.now().astimezone(MADRID).date() - timedelta(days=1))
    answer = me.post("/my-schedule/time-off", clinic=str(me.clinic), first=day, last=day, **times)
    refused = Page(answer)
    assert (refused.status, "It is over already." in refused.text) == (422, True)
    (end,) = [i for i in refused.all("input") if i.get("name") == field]
    assert (end["aria-invalid"], end["aria-describedby"]) == ("true", f"{field}-told")
    query = "SELECT 1 FROM schedule_exception WHERE provider_id = %s"
    assert me.visitor.make.conn.execute(query, [me.provider]).fetchall() == []
    today = str(clock.now().astimezone(MADRID).date())
    asked = me.post("/my-schedule/time-off", clinic=str(me.clinic), first=day, last=today)
    assert asked.status_code == 303, "what is running is not over"


def test_time_off_that_was_approved_meanwhile_is_not_withdrawn_and_says_why(provider: Provider) -> None:
    me, conn = provider.me, provider.patient.visitor.make.conn
    assert me.post("/my-schedule/time-off", clinic=str(me.clinic), first="2027-04-03", last="2027-04-04").is_redirect
    sql = "UPDATE schedule_exception SET status = 'approved' WHERE provider_id = %s RETURNING id"
    row = conn.execute(sql, [me.provider]).fetchone()
    assert row is not None
    refused = Page(me.post(f"/my-schedule/time-off/{row[0]}/withdraw"))
    assert refused.status == 403
    assert "The front desk has approved it meanwhile: ask them to take it back." in refused.text
    assert statuses(refused) == ["approved"]


def test_who_is_out_of_use_still_reads_their_pages(provider: Provider) -> None:
    me = provider.me
    me.visitor.make.conn.execute("UPDATE provider SET active = false WHERE id = %s", [me.provider])
    for path in ("/my-day", "/my-schedule"):
        assert me.page(path).status == 200
    assert me.page(f"/providers/{me.provider}").status == 404
