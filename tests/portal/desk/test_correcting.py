"""A patient's record put right at the desk: all of it or nothing, never over what somebody else has changed."""

import json
import re
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest
from playwright.sync_api import Browser, expect

from tests.html import Page
from tests.portal.desk.conftest import Desk
from tests.portal.desk.test_browser import at_desk

pytestmark = pytest.mark.postgres("18")

KEPT: dict[str, Any] = {
    "first_name": "Ida",
    "last_name": "Falk",
    "date_of_birth": date(1980, 2, 28),
    "phone": "+34 611 222 001",
    "email": "ida@example.test",
    "language": "es-ES",
    "address": "Calle Mayor 1\nMadrid",
}


def record(desk: Desk, patient: UUID) -> dict[str, Any]:
    row = desk.make.conn.execute("SELECT to_jsonb(p) FROM patient p WHERE id = %s", [patient]).fetchone()
    assert row is not None
    found: dict[str, Any] = row[0]
    return found


def path_of(patient: UUID) -> str:
    return f"/desk/patients/{patient}/edit"


def shown(page: Page) -> dict[str, str | None]:
    """What stands in the fields of the form."""
    fields = {
        str(one["name"]): one.get("value") for one in page.all("input") if one.get("id") or one["name"] == "version"
    }
    chosen = [one for one in page.all("option") if "selected" in one]
    return fields | {"language": chosen[0].get("value") if chosen else ""}


def filled(page: Page, **typed: Any) -> dict[str, Any]:
    """The form as a browser sends it, with other words in some fields."""
    return {**KEPT, **{"version": shown(page)["version"]}, **typed}


def at_fault(page: Page) -> set[str]:
    fields = [*page.all("input"), *page.all("textarea"), *page.all("select")]
    return {str(one["name"]) for one in fields if "aria-invalid" in one}


def test_a_record_is_corrected(desk: Desk) -> None:
    patient = desk.patient(**KEPT)
    page = desk.page(path_of(patient))
    assert {name: value for name, value in shown(page).items() if name in KEPT} == {
        name: str(value) for name, value in KEPT.items() if name != "address"
    }
    assert KEPT["address"] in "".join(page.texts)
    right = {"last_name": "Falck", "date_of_birth": "1980-02-29", "phone": "+34 611 222 002", "address": "Gran Via 2"}
    saved = desk.send(path_of(patient), **filled(page, **right, email=" ida@new.test "))
    assert (saved.status_code, saved.headers["location"]) == (303, f"/desk/patients/{patient}?saved=yes")
    assert "It is saved." in desk.page(saved.headers["location"]).text
    row = record(desk, patient)
    assert {name: row[name] for name in right} == right
    assert (row["email"], row["language"], row["first_name"]) == ("ida@new.test", "es-ES", "Ida")


def test_what_is_emptied_is_empty(desk: Desk) -> None:
    patient = desk.patient(**KEPT)
    empty = dict.fromkeys(("phone", "email", "language", "address"), "")
    assert desk.send(path_of(patient), **filled(desk.page(path_of(patient)), **empty)).status_code == 303
    row = record(desk, patient)
    assert [row[name] for name in empty] == [None] * 4


def test_only_what_differs_is_changed_and_all_of_it_is_in_the_trail(desk: Desk) -> None:
    patient = desk.patient(**KEPT)
    page = desk.page(path_of(patient))
    assert desk.send(path_of(patient), **filled(page)).status_code == 303
    assert record(desk, patient)["version"] == 1, "nothing differs"
    assert desk.send(path_of(patient), **filled(page, phone="+34 611 222 003")).status_code == 303
    query = """SELECT e.action, e.new, u.role FROM audit_entry e LEFT JOIN user_account u ON u.id = e.actor
               WHERE e.table_name = 'patient' AND e.row_id = %s AND e.action IN ('UPDATE', 'READ') ORDER BY e.id"""
    entries = desk.make.conn.execute(query, [str(patient)]).fetchall()
    (change,) = [one for one in entries if one[0] == "UPDATE"]
    assert change[2] == "staff"
    assert "+34 611 222 003" in json.dumps(change[1])
    fields = desk.make.conn.execute(
        "SELECT payload->'fields' FROM outbox WHERE payload->>'patient_id' = %s AND payload ? 'fields'", [str(patient)]
    ).fetchall()
    assert fields == [(["phone"],)]


def test_what_somebody_else_changed_meanwhile_is_not_overwritten(desk: Desk) -> None:
    patient = desk.patient(**KEPT)
    page = desk.page(path_of(patient))
    sql = "UPDATE patient SET phone = '+34 611 222 999', address = NULL WHERE id = %s"
    desk.make.conn.execute(sql, [patient])
    refused = Page(desk.send(path_of(patient), **filled(page, phone="+34 611 222 004", last_name="Falck")))
    assert (refused.status, "Somebody else changed this record meanwhile" in refused.text) == (409, True)
    assert record(desk, patient)["last_name"] == "Falk"
    assert (shown(refused)["phone"], shown(refused)["last_name"]) == ("+34 611 222 004", "Falck")
    assert "The record says now: +34 611 222 999" in refused.text
    assert "The record says now: Falk" in refused.text
    assert "The record says nothing here now." in refused.text
    told = {str(one["id"]) for one in refused.all("p") if str(one.get("id")).endswith("-now")}
    assert told == {"last_name-now", "phone-now", "address-now"}
    again = desk.send(path_of(patient), **filled(refused, last_name="Falck", phone="+34 611 222 004"))
    assert (again.status_code, record(desk, patient)["last_name"]) == (303, "Falck"), "who saves again has seen it"


def test_a_phone_number_that_registering_takes_nobody_refuses_later(desk: Desk) -> None:
    new = {"first_name": "Ida", "last_name": "Falk", "date_of_birth": "1980-02-28"}
    for phone in ("ext 12", "abc"):
        refused = Page(desk.send("/desk/patients", **new, phone=phone))
        assert (refused.status, at_fault(refused), shown(refused)["phone"]) == (422, {"phone"}, phone)
        assert "Enter a phone number." in refused.text


def test_a_phone_number_of_an_import_does_not_stand_in_the_way(desk: Desk) -> None:
    patient = desk.patient(**KEPT | {"phone": "ext 12"})
    page = desk.page(path_of(patient))
    refused = Page(desk.send(path_of(patient), **filled(page, phone="ext 12", last_name="")))
    assert (refused.status, at_fault(refused)) == (422, {"last_name"})
    assert desk.send(path_of(patient), **filled(page, phone="ext 12", last_name="Falck")).status_code == 303
    assert (record(desk, patient)["phone"], record(desk, patient)["last_name"]) == ("ext 12", "Falck")
    other = Page(desk.send(path_of(patient), **filled(desk.page(path_of(patient)), phone="ext 13")))
    assert (other.status, at_fault(other)) == (422, {"phone"})


def test_a_fault_does_not_hide_that_somebody_else_changed_it(desk: Desk) -> None:
    patient = desk.patient(**KEPT)
    page = desk.page(path_of(patient))
    desk.make.conn.execute("UPDATE patient SET phone = '+34 611 222 999' WHERE id = %s", [patient])
    faulty = Page(desk.send(path_of(patient), **filled(page, email="nobody")))
    assert faulty.status == 422
    assert desk.send(path_of(patient), **filled(faulty)).status_code == 409
    assert record(desk, patient)["phone"] == "+34 611 222 999"


@pytest.mark.parametrize("version", ["", "one", "0"])
def test_who_saw_no_version_overwrites_nothing(desk: Desk, version: str) -> None:
    patient = desk.patient(**KEPT)
    assert desk.send(path_of(patient), **KEPT | {"version": version, "last_name": "Falck"}).status_code == 409
    assert record(desk, patient)["last_name"] == "Falk"


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("first_name", "", "Please fill this in."),
        ("last_name", "   ", "Please fill this in."),
        ("date_of_birth", "", "Please fill this in."),
        ("date_of_birth", "2999-01-01", "This cannot be right."),
        ("phone", "12345", "Enter a phone number."),
        ("phone", "abc", "Enter a phone number."),
        ("email", "nobody", "This cannot be right."),
        ("address", "x" * 501, "At most 500 characters"),
        ("language", "x" * 41, "This cannot be right."),
    ],
)
def test_a_fault_stands_at_its_field(desk: Desk, field: str, value: str, told: str) -> None:
    patient = desk.patient(**KEPT)
    page = desk.page(path_of(patient))
    refused = Page(desk.send(path_of(patient), **filled(page, **{"address": "Gran Via 2", field: value})))
    assert (refused.status, told in refused.text, at_fault(refused)) == (422, True, {field})
    assert "Gran Via 2" in refused.text or field == "address"
    assert field in ("address", "language") or shown(refused)[field] == value
    assert record(desk, patient)["version"] == 1


def test_a_field_of_the_api_that_is_none_of_the_form(desk: Desk) -> None:
    patient = desk.patient(**KEPT)
    form = filled(desk.page(path_of(patient)), last_name="Falck", active="false")
    refused = Page(desk.send(path_of(patient), **form))
    assert (refused.status, "not saved yet" in refused.text, shown(refused)["last_name"]) == (422, True, "Falck")
    assert (record(desk, patient)["active"], record(desk, patient)["last_name"]) == (True, "Falk")


def test_the_log_in_stays(desk: Desk) -> None:
    patient = desk.patient(**KEPT)
    told = "Its own address stays as it is"
    assert told not in desk.page(path_of(patient)).text
    desk.make.token("patient", patient_id=patient)
    query = "SELECT email FROM user_account WHERE patient_id = %s"
    account = desk.make.conn.execute(query, [patient]).fetchone()
    assert account is not None
    page = desk.page(path_of(patient))
    assert told in page.text
    assert account[0] not in page.text, "the address to log in with is the patient's own"
    assert desk.send(path_of(patient), **filled(page, email="ida@new.test")).status_code == 303
    assert desk.make.conn.execute(query, [patient]).fetchone() == account


def test_who_is_no_patient_any_more(desk: Desk) -> None:
    patient = desk.patient(**KEPT, active=False)
    page = desk.page(path_of(patient))
    assert "no longer a patient here" in page.text
    assert desk.send(path_of(patient), **filled(page, last_name="Falck")).status_code == 303
    assert (record(desk, patient)["active"], record(desk, patient)["last_name"]) == (False, "Falck")


def test_whose_record_one_may_not_see(desk: Desk) -> None:
    stranger = desk.make.patient(**KEPT)
    for patient in (stranger, uuid4()):
        assert desk.client.get(path_of(patient)).status_code == 404
        assert desk.send(path_of(patient), **KEPT, version=1).status_code == 404
        assert desk.send(path_of(patient), email="nobody").status_code == 404
    assert record(desk, stranger)["version"] == 1


def test_the_page_is_for_no_patient(desk: Desk) -> None:
    """They may write their own record, though not who they are, and on a page of their own."""
    patient = desk.patient(**KEPT)
    own = {"Authorization": f"Bearer {desk.make.token('patient', patient_id=patient)}"}
    assert desk.client.get(path_of(patient), headers=own).status_code == 403
    form = {name: str(value) for name, value in (KEPT | {"version": 1}).items()}
    renamed = desk.client.post(path_of(patient), data=form | {"last_name": "Falck"}, headers=own)
    faulty = desk.client.post(path_of(patient), data=form | {"email": "nobody"}, headers=own)
    assert (renamed.status_code, faulty.status_code) == (403, 422)
    assert "Its own address" not in faulty.text
    assert record(desk, patient)["version"] == 1


def failed(desk: Desk, patient: UUID, channel: str, reason: str | None) -> UUID:
    visit = desk.visit(desk.provider(), desk.at(9), patient)
    of = {"appointment_id": visit, "patient_id": patient, "clinic_id": desk.clinic, "version": 1}
    return desk.make.row("notification", **of, kind="confirmation", channel=channel, status="failed", reason=reason)


@pytest.mark.parametrize(
    ("channel", "reason", "blamed"),
    [
        ("email", "SMTPRecipientRefused 550", True),
        ("email", "UnicodeEncodeError", True),
        ("email", "InvalidHeaderDefect", True),
        ("sms", "BadAddress", True),
        ("sms", "GatewayFailed", True),
        ("push", "GatewayFailed", False),
        ("email", "SMTPConnectError", False),
        ("email", "SMTPSenderRefused 550", False),
        ("email", None, False),
    ],
)
def test_a_message_leads_to_the_address_that_may_be_wrong(
    desk: Desk, channel: str, reason: str | None, blamed: bool
) -> None:
    patient = desk.patient(**KEPT, preferences=f'{{"channels": ["{channel}"]}}')
    message = failed(desk, patient, channel, reason)
    page = desk.page(f"/desk/messages?clinic={desk.clinic}")
    links = [str(one["href"]) for one in page.all("a") if path_of(patient) in str(one["href"])]
    field = "email" if channel == "email" else "phone"
    there = f"{path_of(patient)}?clinic={desk.clinic}&message={message}#{field}"
    assert links == ([there] if blamed else [])


def test_only_those_who_may_are_led_there(desk: Desk) -> None:
    patient = desk.patient(**KEPT)
    failed(desk, patient, "email", "SMTPRecipientRefused 550")
    listed, admin = f"/desk/messages?clinic={desk.clinic}", desk.service.client(desk.make.token("admin"))
    assert path_of(patient) in desk.client.get(f"/desk/patients/{patient}").text
    wish = {"name": "reader", "role": "staff", "clinic_ids": [str(desk.clinic)], "scopes": ["notifications:read"]}
    made = admin.post("/api-keys", json=wish)
    assert made.status_code == 201, made.text
    seen = desk.client.get(listed, headers={"Authorization": f"Bearer {made.json()['key']}"})
    assert (seen.status_code, "Ida Falk" in seen.text, path_of(patient) in seen.text) == (200, True, False)


def test_from_a_failed_message_by_keys_alone(browser: Browser, desk: Desk) -> None:
    """Correct, type, Enter, and the message is at hand to be sent once more."""
    patient = desk.patient(**KEPT)
    message = failed(desk, patient, "email", "SMTPRecipientRefused 550")
    with at_desk(browser, desk, phone=True, scripts=False) as seen:
        seen.page.goto(f"/desk/messages?clinic={desk.clinic}")
        keys = seen.page.keyboard
        seen.page.get_by_role("link", name=re.compile(r"Correct\W+Ida Falk")).focus()
        keys.press("Enter")
        expect(seen.page.get_by_label("E-mail")).to_be_focused()
        seen.picture("desk-edit-phone")
        keys.press("Control+a")
        keys.type("ida@right.test")
        keys.press("Enter")
        expect(seen.page.get_by_role("status")).to_have_text("It is saved.")
        assert record(desk, patient)["email"] == "ida@right.test"
        assert seen.page.url.endswith(f"#m-{message}")
        for _ in ("the visit", "the number", "Send once more"):  # nothing is left to correct
            keys.press("Tab")
        expect(seen.page.get_by_role("button", name=re.compile(r"Send once more\W+Ida Falk"))).to_be_focused()
        with seen.page.expect_navigation():
            keys.press("Enter")
    query = "SELECT count(*) FROM notification WHERE patient_id = %s AND status = 'pending'"
    assert desk.make.conn.execute(query, [patient]).fetchone() == (1,)
