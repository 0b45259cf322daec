"""What admins look at: the trail, the figures, and the settings without their secrets."""

from datetime import timedelta
from uuid import uuid4

import pytest
from psycopg.types.json import Jsonb
from pydantic import SecretStr

from frontdesk import clock
from frontdesk.portal.admin.system import seen
from frontdesk.settings import Settings
from tests.canaries import WORD
from tests.html import Page
from tests.portal.admin.conftest import Admin

pytestmark = pytest.mark.postgres("18")

PATHS = ["/admin/audit", "/admin/system", "/admin/settings"]


def entries(page: Page) -> int:
    return sum(one.get("class") == "sheet" for one in page.all("li"))


def test_the_history_of_a_row(admin: Admin) -> None:
    room = admin.make.row("room", clinic_id=admin.make.clinic(), name="Before", kind="consultation")
    admin.make.conn.execute("UPDATE room SET name = 'After' WHERE id = %s", [room])
    page = admin.page(f"/admin/audit?table=room&row_id={room}")
    assert entries(page) == 2
    assert page.text.index("Changed: room") < page.text.index("Added: room")
    assert "before: Before after: After" in page.text
    assert f"/admin/audit?table=room&row_id={room}" in [a.get("href") for a in page.all("a")]
    today = clock.now().date()
    narrowed = f"/admin/audit?table=room&row_id={room}"
    assert entries(admin.page(f"{narrowed}&since={today}&until={today}")) == 2
    assert entries(admin.page(f"{narrowed}&until={today - timedelta(days=2)}")) == 0
    assert entries(admin.page(f"{narrowed}&since={today + timedelta(days=2)}")) == 0
    assert entries(admin.page(f"{narrowed}&actor={uuid4()}")) == 0


def test_the_trail_goes_on(admin: Admin) -> None:
    clinic = admin.make.clinic()
    for _ in range(60):
        admin.make.room(clinic)
    first = admin.page("/admin/audit?table=room")
    onward = next(str(a["href"]) for a in first.all("a") if a.get("rel") == "next")
    assert "table=room" in onward
    assert entries(first) == 50
    assert entries(admin.page(onward)) >= 10


def test_to_look_at_a_patients_entries_is_a_look(admin: Admin) -> None:
    patient = admin.make.patient()
    looks = "SELECT new ->> 'what' FROM audit_entry WHERE row_id = %s AND action = 'READ' AND actor = %s"
    assert admin.rows(looks, str(patient), admin.user) == []
    assert entries(admin.page(f"/admin/audit?table=patient&row_id={patient}")) == 1
    assert admin.rows(looks, str(patient), admin.user) == [("audit:read",)]


@pytest.mark.parametrize("query", ["actor=x", "since=yesterday", "cursor=x", "table=" + "x" * 41])
def test_a_question_that_is_none(admin: Admin, query: str) -> None:
    assert admin.page(f"/admin/audit?{query}").status == 422


def test_a_day_of_the_trail_that_is_none_is_told_at_its_field(admin: Admin) -> None:
    page = admin.page("/admin/audit?table=room&since=202612-11-22")
    assert (page.status, "This is no day that we know, such as 2026-11-21." in page.text) == (422, True)
    fields = {one.get("name"): one for one in page.all("input")}
    assert [fields[name]["value"] for name in ("table", "since", "until")] == ["room", "202612-11-22", ""]
    assert [fields[name].get("aria-invalid") for name in ("table", "since", "until")] == [None, "true", None]


def test_events_that_were_laid_aside_are_handled_again_on_demand(admin: Admin) -> None:
    admin.make.conn.execute("DELETE FROM dead_event")
    assert "No event is laid aside" in admin.page("/admin/system").text
    envelope = Jsonb({"type": "tests.said.v1", "data": {"word": WORD}})
    dead = (
        "INSERT INTO dead_event (handler, event_id, envelope, reason, attempts) VALUES (%s, %s, %s, 'KeyError at x', 5)"
    )
    first, second, other = events = [uuid4() for _ in range(3)]
    for handler, event in zip(("tests", "tests", "others"), events, strict=True):
        admin.make.conn.execute(dead, [handler, event, envelope])
    assert "Some events could not be handled." in admin.page("/admin").text
    page = admin.page("/admin/system")
    assert "laid aside: 3." in page.text
    assert page.text.count("tests.said.v1") == page.text.count("KeyError at x") == 3
    assert WORD not in page.text
    assert "after 5 tries" in page.text
    offered = [(button.get("name"), button.get("value")) for button in page.all("button")]
    assert [one for one in offered if one[0] in ("handler", "event")] == [
        *(("handler", "others"), ("event", str(other))),
        *(("handler", "tests"), ("event", str(first)), ("event", str(second))),
    ]
    asked = "SELECT event_id, asked_by FROM dead_event WHERE asked_at IS NOT NULL ORDER BY event_id"
    told = admin.send("/admin/system/again", handler="tests", event=first)
    assert (told.status_code, told.headers["location"]) == (303, "/admin/system")
    assert admin.rows(asked) == [(first, admin.user)]
    assert admin.page("/admin/system").text.count("Waits for the background worker") == 1
    admin.send("/admin/system/again", handler="tests")
    assert [row[0] for row in admin.rows(asked)] == sorted([first, second])
    assert admin.send("/admin/system/again", handler="tests", event="x").status_code == 422
    assert admin.send("/admin/system/again", handler="nobody", event=first).status_code == 303
    assert admin.send("/admin/system/again", handler="\x00").status_code == 422
    admin.make.conn.execute("DELETE FROM dead_event")


def test_jobs_that_fail_are_told(admin: Admin) -> None:
    assert "No job of the background worker fails." in admin.page("/admin/system").text
    admin.make.conn.execute("INSERT INTO failing_job (name, failures, error) VALUES ('tests.job', 3, 'KeyError')")
    page = admin.page("/admin/system").text
    assert "tests.job" in page
    assert "after 3 tries" in page
    assert "KeyError" in page
    assert "A job of the background worker fails." in admin.page("/admin").text
    admin.make.conn.execute("DELETE FROM failing_job")
    assert "fails." not in admin.page("/admin").text


def test_no_secret_is_shown() -> None:
    word = "hush-hush-9217"
    config = Settings(
        **{
            name: SecretStr(f"smtp://u:{word}@h/{{to}}")
            if name in ("sms_url", "push_url")
            else SecretStr(f"smtp://u:{word}@h")
            for name in ("smtp_url", "sms_url", "push_url", "database_url", "owner_database_url", "secret")
        },
        redis_url=f"redis://u:{word}@h",
        broker_url=f"amqp://u:{word}@h",
    )
    told = {name: (value, kept) for name, value, kept in seen(config)}
    assert len(told) == len(Settings.model_fields)
    assert word not in str(told)
    assert told["FRONTDESK_SECRET"] == ("", True)
    assert told["FRONTDESK_BROKER_URL"] == ("amqp", True)
    assert told["FRONTDESK_HOLD_TTL"] == ("600", False)
    assert told["FRONTDESK_FIELD_KEYS"] == (None, False)


def test_the_settings_page(admin: Admin) -> None:
    page = admin.page("/admin/settings")
    assert "FRONTDESK_HOLD_TTL 600" in page.text
    assert "FRONTDESK_SECRET set" in page.text


@pytest.mark.parametrize("path", PATHS)
def test_for_admins_alone(admin: Admin, path: str) -> None:
    token = admin.make.token("staff")
    assert admin.service.client(token).get(admin.service.url + path).status_code == 403
