"""The weekly editor: what is typed stays, what a change comes to is told first, and nobody overwrites anybody."""

from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import httpx
import pytest

from tests.html import Page
from tests.portal.days import clocks_change, night_of_change
from tests.portal.desk.conftest import Desk

pytestmark = pytest.mark.postgres("18")

Form = dict[str, list[str]]
MADRID = ZoneInfo("Europe/Madrid")


def typed(page: Page) -> Form:
    """What the form of the week would send as it stands, without a button."""
    said: Form = {}
    select = ""
    for tag, attributes in page.tags:
        name, value = attributes.get("name") or "", attributes.get("value") or ""
        if tag == "select":
            select = name
        elif tag == "option" and "selected" in attributes:
            said[select] = [value]
        elif tag == "input" and name and (attributes.get("type") != "checkbox" or "checked" in attributes):
            said.setdefault(name, []).append(value)
    return said


def week(desk: Desk, *hours: tuple[int, str, str], clinic: UUID | None = None) -> UUID:
    """A provider with these weekly hours at the desk's clinic, or at another."""
    provider = desk.make.provider()
    for weekday, start, end in hours:
        desk.make.schedule(provider, clinic or desk.clinic, weekday, start, end)
    desk.link("provider_clinic", provider_id=provider, clinic_id=clinic or desk.clinic)
    desk.link("provider_visit_type", provider_id=provider, visit_type_id=desk.visit_type)
    return provider


def path_of(provider: UUID) -> str:
    return f"/desk/providers/{provider}/week"


def press(desk: Desk, provider: UUID, do: str, form: Form, **changes: Any) -> httpx.Response:
    """A button of the form, with these fields changed; in names, `_0` stands for `-0`."""
    changed = {name.replace("_0", "-0").replace("_1", "-1"): value for name, value in changes.items()}
    data = form | {name: value if isinstance(value, list) else [str(value)] for name, value in changed.items()}
    return desk.client.post(path_of(provider), data=data | {"do": [do]})


def opened(desk: Desk, provider: UUID) -> Form:
    page = desk.page(path_of(provider))
    assert page.status == 200
    return typed(page)


def stored(desk: Desk, provider: UUID) -> list[tuple[Any, ...]]:
    return desk.make.conn.execute(
        "SELECT weekday, to_char(start_time, 'HH24:MI'), to_char(end_time, 'HH24:MI'), clinic_id FROM schedule "
        "WHERE provider_id = %s ORDER BY weekday, start_time",
        [provider],
    ).fetchall()


def traces(desk: Desk, provider: UUID) -> tuple[Any, ...]:
    """What a change of the week leaves behind: the version of the plan, events, and the trail."""
    row = desk.make.conn.execute(
        "SELECT coalesce((SELECT version FROM plan_version WHERE owner = %(of)s), 0), "
        "(SELECT count(*) FROM outbox WHERE payload::text LIKE %(like)s), "
        "(SELECT count(*) FROM audit_entry WHERE table_name = 'schedule' AND concat(old, new) LIKE %(like)s)",
        {"of": provider, "like": f"%{provider}%"},
    ).fetchone()
    assert row is not None
    return row


def next_monday(desk: Desk) -> date:
    today = desk.at(0, 0).date()
    return today + timedelta(days=7 - today.weekday())


def visit_at(desk: Desk, provider: UUID, on: date, hour: int) -> UUID:
    patient = desk.patient(first_name="Wanda", last_name="Weekling")
    return desk.visit(provider, datetime.combine(on, time(hour), MADRID), patient)


def test_the_page_shows_the_whole_set(desk: Desk) -> None:
    provider = week(desk, (1, "09:00", "12:00"), (3, "22:00", "02:00"))
    form = opened(desk, provider)
    assert [form[name] for name in ("row", "weekday-0", "weekday-1")] == [["0", "1"], ["1"], ["3"]]
    assert [form[f"start_time-{n}"] + form[f"end_time-{n}"] for n in (0, 1)] == [["09:00", "12:00"], ["22:00", "02:00"]]
    assert form["clinic_id-0"] == [str(desk.clinic)]
    listed = desk.page(f"/desk/providers?clinic={desk.clinic}")
    assert path_of(provider) in {attributes.get("href") for _, attributes in listed.tags}


def test_rows_come_and_go_and_what_was_typed_stays(desk: Desk) -> None:
    provider = week(desk, (1, "09:00", "12:00"), (2, "09:00", "12:00"))
    answer = press(desk, provider, "add-5", opened(desk, provider), start_time_0="08:15", first="2027-02-01")
    form = typed(Page(answer))
    assert (answer.status_code, form["row"], form["weekday-2"]) == (200, ["0", "1", "2"], ["5"])
    assert (form["start_time-0"], form["first"], form["clinic_id-2"]) == (["08:15"], ["2027-02-01"], [str(desk.clinic)])
    form = typed(Page(press(desk, provider, "remove-1", form, start_time_0="08:30")))
    assert (form["row"], form["start_time-0"], form["end_time-0"]) == (["0", "2"], ["08:30"], ["12:00"])
    assert "start_time-1" not in form
    assert stored(desk, provider)[1][:3] == (2, "09:00", "12:00")


def test_a_look_tells_the_times_and_the_visits_and_changes_nothing(desk: Desk) -> None:
    provider, monday = week(desk, (1, "09:00", "12:00")), next_monday(desk)
    visit = visit_at(desk, provider, monday, 11)
    before = traces(desk, provider)
    weeks = {"first": monday, "second": monday, "visit": desk.visit_type}
    page = Page(
        press(desk, provider, "preview", opened(desk, provider), start_time_0="10:00", end_time_0="11:00", **weeks)
    )
    assert page.status == 200
    assert "Free times: 5 now, 2 then" in page.text  # a visit stands at 11:00; hours without it are 09:00 to 11:30
    assert "no longer: 09:00" in page.text
    assert "1 visit would stand outside of these hours" in page.text
    assert "Wanda Weekling" in page.text
    assert f"/desk/visits/{visit}" in {attributes.get("href") for _, attributes in page.tags}
    assert (traces(desk, provider), stored(desk, provider)[0][:3]) == (before, (1, "09:00", "12:00"))
    assert "Free times: 5 now, 5 then" in Page(press(desk, provider, "preview", opened(desk, provider), **weeks)).text


def looked(desk: Desk, provider: UUID, form: Form | None = None, **changes: Any) -> Page:
    return Page(press(desk, provider, "preview", form or opened(desk, provider), **changes))


def free_on(desk: Desk, provider: UUID, on: date) -> list[str]:
    """The public's free times on this day of the clinic, as clocks there show them."""
    query = {"visit_type_id": str(desk.visit_type), "from": str(on), "to": str(on + timedelta(days=1))}
    with desk.service.client() as client:
        slots = client.get(f"/providers/{provider}/availability", params=query).json()["slots"]
    return [datetime.fromisoformat(slot["start"]).astimezone(MADRID).strftime("%H:%M") for slot in slots]


def test_what_was_looked_at_is_saved_and_patients_see_it(desk: Desk) -> None:
    provider, monday = week(desk, (1, "09:00", "12:00")), next_monday(desk)
    before = traces(desk, provider)
    assert free_on(desk, provider, monday)[0] == "09:00"
    form = typed(looked(desk, provider, start_time_0="11:00"))
    for _ in range(4):  # taken back, by each worker: its version of the plan will be that of the next change
        looked(desk, provider, start_time_0="11:30")
    answer = press(desk, provider, "save", form)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{path_of(provider)}?saved=yes")
    assert stored(desk, provider) == [(1, "11:00", "12:00", desk.clinic)]
    assert all(now > then for now, then in zip(traces(desk, provider), before, strict=True))
    for _ in range(8):  # whichever worker answers
        assert free_on(desk, provider, monday) == ["11:00", "11:30"]


def test_only_what_was_looked_at_is_saved(desk: Desk) -> None:
    provider = week(desk, (1, "09:00", "12:00"))
    page = Page(press(desk, provider, "save", typed(looked(desk, provider, start_time_0="10:00")), end_time_0="11:00"))
    assert (page.status, "The hours are not those that you looked at" in page.text) == (200, True)
    assert stored(desk, provider)[0][1:3] == ("09:00", "12:00")
    assert press(desk, provider, "save", typed(page)).status_code == 303
    assert stored(desk, provider)[0][1:3] == ("10:00", "11:00")


def test_visits_outside_are_kept_with_a_reason_alone(desk: Desk) -> None:
    provider = week(desk, (1, "09:00", "12:00"))
    visit = visit_at(desk, provider, next_monday(desk), 11)
    form = typed(looked(desk, provider, typed(Page(press(desk, provider, "remove-0", opened(desk, provider))))))
    refused = Page(press(desk, provider, "save", form))
    assert (refused.status, "Nothing was saved yet: visits would stand" in refused.text) == (409, True)
    assert "Wanda Weekling" in refused.text
    assert len(stored(desk, provider)) == 1
    assert press(desk, provider, "save", typed(refused), override_reason="They know").status_code == 303
    kept = desk.make.conn.execute("SELECT override_reason FROM appointment WHERE id = %s", [visit]).fetchone()
    assert (stored(desk, provider), kept) == ([], ("They know",))


def test_a_reason_is_about_the_visits_that_were_shown(desk: Desk) -> None:
    provider, monday = week(desk, (1, "09:00", "12:00")), next_monday(desk)
    visit_at(desk, provider, monday, 9)
    form = typed(looked(desk, provider, start_time_0="11:00"))
    desk.visit(provider, datetime.combine(monday, time(10), MADRID), desk.patient(last_name="Meanwhile"))
    refused = Page(press(desk, provider, "save", form, override_reason="They know"))
    assert (refused.status, "Meanwhile" in refused.text, stored(desk, provider)[0][1]) == (409, True, "09:00")
    assert typed(refused)["override_reason"] == ["They know"]
    assert press(desk, provider, "save", typed(refused)).status_code == 303


def test_a_reason_is_not_lost_by_what_is_wrong_elsewhere(desk: Desk) -> None:
    provider = week(desk, (1, "09:00", "12:00"))
    visit_at(desk, provider, next_monday(desk), 9)
    form = typed(looked(desk, provider, start_time_0="11:00"))
    page = Page(press(desk, provider, "save", form, override_reason="They know", end_time_0=""))
    assert (page.status, typed(page)["override_reason"]) == (422, ["They know"])
    page = Page(press(desk, provider, "save", form, override_reason="x" * 121))
    assert (page.status, stored(desk, provider)[0][1]) == (422, "09:00")


@pytest.mark.parametrize("why", ["x" * 121, "\x00", "They\x00know"])
def test_a_reason_that_cannot_be_is_told_where_it_stands(desk: Desk, why: str) -> None:
    provider = week(desk, (1, "09:00", "12:00"))
    visit_at(desk, provider, next_monday(desk), 9)
    form = typed(looked(desk, provider, start_time_0="11:00"))
    for do in ("preview", "save"):
        page = Page(press(desk, provider, do, form, override_reason=why))
        assert (page.status, "At most 120 characters" in page.text) == (422, True)
        assert [one for one in page.tags if one[1].get("name") == "override_reason"] == [
            one for one in page.tags if one[1].get("id") == "override_reason" and "aria-invalid" in one[1]
        ]
    assert stored(desk, provider)[0][1] == "09:00"


def wrong(page: Page) -> set[str]:
    """The ids of what tells a fault."""
    return {attributes.get("id") or "" for _, attributes in page.tags if "fault" in (attributes.get("class") or "")}


def test_whoever_sees_the_names_leaves_a_trace(desk: Desk) -> None:
    provider = week(desk, (1, "09:00", "12:00"))
    patient = desk.patient()
    desk.visit(provider, datetime.combine(next_monday(desk), time(11), MADRID), patient)
    looked(desk, provider, end_time_0="10:00")
    row = desk.make.conn.execute(
        "SELECT count(*) FROM audit_entry WHERE action = 'READ' AND row_id = %s", [str(patient)]
    ).fetchone()
    assert row == (1,)


def test_of_two_who_change_it_the_second_is_told(desk: Desk) -> None:
    provider = week(desk, (1, "09:00", "12:00"))
    first, second = (typed(looked(desk, provider, start_time_0=at)) for at in ("10:00", "11:00"))
    assert press(desk, provider, "save", first).status_code == 303
    page = Page(press(desk, provider, "save", second))
    assert (page.status, "Somebody else has changed these hours" in page.text) == (412, True)
    assert "10:00–12:00" in page.text  # what the first has saved
    assert typed(page)["start_time-0"] == ["11:00"]
    again = Page(press(desk, provider, "save", typed(page)))  # not without a look
    assert (again.status, stored(desk, provider)[0][1]) == (200, "10:00")
    assert press(desk, provider, "save", typed(again)).status_code == 303
    assert stored(desk, provider)[0][1] == "11:00"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"start_time_0": ""}, "Please fill this in."),
        ({"start_time_0": "25:00"}, "This cannot be right."),
        ({"start_time_0": "9"}, "This cannot be right."),
        ({"end_time_0": "09:00"}, "These hours begin and end at the same time."),
        ({"effective_from_0": "2027-01-01", "effective_until_0": "2026-12-31"}, "The last day lies before the first."),
        ({"effective_until_0": "1999-01-01"}, "The last day lies before the first."),
        ({"effective_from_0": "", "effective_until_0": "1999-01-01"}, "The last day lies before the first."),
        ({"interval_weeks_0": "0"}, "This cannot be right."),
        ({"interval_weeks_0": "9" * 5000}, "This cannot be right."),
        ({"release_hours_0": "24"}, "Only hours that are kept for some kinds"),
        ({"visit_type_ids_0": str(uuid4())}, "There is no such kind of visit."),
        ({"clinic_id_0": str(uuid4())}, "There is no such clinic."),
        ({"clinic_id_0": "here"}, "This cannot be right."),
    ],
)
def test_what_cannot_be_is_told_in_place(desk: Desk, changes: dict[str, str], told: str) -> None:
    provider = week(desk, (1, "09:00", "12:00"))
    page = looked(desk, provider, **changes)
    assert (page.status, told in page.text) == (422, True), page.text
    form = typed(page)
    for name, value in changes.items():
        if name not in ("visit_type_ids_0",):
            assert form[name.replace("_0", "-0")] == [value]


def test_the_row_that_names_what_is_not_there_says_so(desk: Desk) -> None:
    provider = week(desk, (1, "09:00", "12:00"), (2, "09:00", "12:00"))
    page = looked(desk, provider, clinic_id_1=str(uuid4()))
    assert (page.status, wrong(page)) == (422, {"clinic_id-1-told"})
    page = looked(desk, provider, visit_type_ids_1=str(uuid4()))
    assert (page.status, wrong(page)) == (422, {"visit_type_ids-1-told"})


def test_every_pair_that_overlaps_is_told(desk: Desk) -> None:
    provider = week(desk, (1, "09:00", "12:00"), (7, "22:00", "23:00"))
    form = opened(desk, provider)
    form |= {"row": ["0", "1", "2"], "weekday-2": ["1"], "start_time-2": ["11:00"], "end_time-2": ["13:00"]}
    page = looked(desk, provider, form | {"clinic_id-2": [str(desk.clinic)]}, end_time_1="10:00")
    assert page.status == 422
    assert "Monday 09:00–12:00 and Monday 11:00–13:00 overlap" in page.text
    assert "Monday 09:00–12:00 and Sunday 22:00–10:00 overlap" in page.text
    assert page.text.count("These hours overlap others at the same clinic.") == 3
    form |= {"weekday-1": ["3"]}
    page = looked(desk, provider, form | {"clinic_id-2": [str(desk.clinic)]})
    assert page.text.count("These hours overlap others at the same clinic.") == 2
    assert len(stored(desk, provider)) == 2


def test_24_00_and_hours_across_midnight(desk: Desk) -> None:
    provider, monday = week(desk, (1, "21:00", "22:00")), next_monday(desk)
    page = looked(desk, provider, end_time_0="24:00", first=monday, second=monday, visit=desk.visit_type)
    assert "Free times: 2 now, 6 then" in page.text
    page = looked(desk, provider, start_time_0="23:00", end_time_0="01:00", first=monday, second=monday)
    assert "Free times: 2 now, 4 then" in page.text
    assert "new: 00:30" in page.text
    assert press(desk, provider, "save", typed(page)).status_code == 303
    assert stored(desk, provider)[0][1:3] == ("23:00", "01:00")


def test_the_week_in_which_clocks_change_is_shown_by_itself(desk: Desk) -> None:
    """A night from 00:30 to 06:30 has 14 starts when clocks go back and 10 when they go forward (DESIGN §4)."""
    provider = week(desk, (7, "00:30", "01:00"))
    # Somewhere it is not in the two weeks that are shown anyway.
    zone = max(("Europe/Madrid", "America/New_York", "Pacific/Auckland"), key=night_of_change)
    desk.make.conn.execute("UPDATE clinic SET time_zone = %s WHERE id = %s", [zone, desk.clinic])
    page = looked(desk, provider, end_time_0="06:30")
    assert page.text.count("The clocks change in this week.") == 1
    assert page.text.count("The week of ") == 3 + 1  # and the field
    changing = page.text.partition("The clocks change in this week.")[2]
    _, longer = night_of_change(zone)
    assert changing.startswith(f" Free times: 1 now, {14 if longer else 10} then")
    back = clocks_change(zone, forward=False).date()
    page = looked(desk, provider, end_time_0="06:30", first=back, second=back)
    assert "Free times: 1 now, 14 then" in page.text


def test_hours_at_another_clinic_are_shown_and_stay(desk: Desk) -> None:
    elsewhere = desk.make.clinic("UTC")
    provider = week(desk, (1, "09:00", "12:00"))
    desk.make.schedule(provider, elsewhere, 2, "13:00", "17:00")
    form = opened(desk, provider)
    assert form["clinic_id-1"] == [str(elsewhere)]
    assert press(desk, provider, "save", typed(looked(desk, provider, start_time_0="10:00"))).status_code == 303
    assert stored(desk, provider)[1] == (2, "13:00", "17:00", elsewhere)
    for changes in ({"start_time_1": "14:00"}, {"clinic_id_1": str(desk.clinic)}, {"clinic_id_0": str(elsewhere)}):
        assert press(desk, provider, "preview", opened(desk, provider), **changes).status_code == 403
    gone = press(desk, provider, "remove-1", opened(desk, provider))
    assert press(desk, provider, "preview", typed(Page(gone))).status_code == 403


def test_hours_of_another_desk_alone_are_nobodys_here(desk: Desk) -> None:
    provider = week(desk, (1, "09:00", "12:00"), clinic=desk.make.clinic("UTC"))
    assert desk.client.get(path_of(provider)).status_code == 404
    own = week(desk, (1, "09:00", "12:00"))
    for do in ("preview", "save", "add-1"):
        assert press(desk, provider, do, opened(desk, own)).status_code == 404
    assert desk.client.get(path_of(uuid4())).status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [{"row": ["x"]}, {"row": [str(n) for n in range(201)]}, {"weekday-0": ["8"]}, {"weekday-0": []}, {"do": ["add-8"]}],
)
def test_what_no_page_of_ours_sends(desk: Desk, wrong: Form) -> None:
    provider = week(desk, (1, "09:00", "12:00"))
    data = opened(desk, provider) | {"do": ["preview"]} | wrong
    assert desk.client.post(path_of(provider), data=data).status_code == 422


def test_a_large_week_is_edited(desk: Desk) -> None:
    """200 rows, of which each is kept for several kinds of visits, and as many visits outside."""
    provider = week(desk)
    kinds = [str(desk.make.visit_type(30)) for _ in range(8)]
    form = opened(desk, provider) | {"row": [str(n) for n in range(200)]}
    for n in range(200):
        minute = n // 7 * 30
        form |= {f"weekday-{n}": [str(n % 7 + 1)], f"clinic_id-{n}": [str(desk.clinic)], f"visit_type_ids-{n}": kinds}
        form |= {f"start_time-{n}": [f"{minute // 60:02}:{minute % 60:02}"]}
        form |= {f"end_time-{n}": [f"{minute // 60:02}:{minute % 60 + 20:02}"]}
        form |= {f"{name}-{n}": [""] for name in ("effective_from", "effective_until", "release_hours")}
    page = looked(desk, provider, form)
    assert (page.status, "Before you save" in page.text) == (200, True), page.text[:1000]
    assert press(desk, provider, "save", typed(page)).status_code == 303
    assert len(stored(desk, provider)) == 200
    full = Page(press(desk, provider, "add-1", opened(desk, provider), start_time_0="00:05"))
    assert (full.status, "A week has at most 200 rows." in full.text) == (422, True)
    assert (typed(full)["start_time-0"], len(typed(full)["row"])) == (["00:05"], 200)


def test_the_visits_outside_are_one_field(desk: Desk) -> None:
    provider, monday = week(desk, (1, "09:00", "12:00")), next_monday(desk)
    visits = {visit_at(desk, provider, monday, hour) for hour in (9, 10)}
    page = looked(desk, provider, start_time_0="11:00")
    (one,) = typed(page)["outside"]
    assert set(map(UUID, one.split(","))) == visits
    assert press(desk, provider, "save", typed(page), override_reason="They know").status_code == 303


def test_a_form_beyond_all_measure_is_told_in_place(desk: Desk) -> None:
    provider = week(desk, (1, "09:00", "12:00"))
    page = looked(desk, provider, opened(desk, provider) | {"x": ["1"] * 20_001})
    assert (page.status, "The form was too large to be read." in page.text) == (422, True)
    assert typed(page)["start_time-0"] == ["09:00"]


def test_without_any_hours_and_any_kind_of_visit(desk: Desk) -> None:
    """Somebody new, reached from their page; the days chosen for the look are none."""
    provider = desk.make.provider()
    page = looked(desk, provider, first="soon", second="0000-00-00", visit="x")
    assert (page.status, page.text.count("No hours")) == (200, 7)
    assert "No visit would stand outside" in page.text
