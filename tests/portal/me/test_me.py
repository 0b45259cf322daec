"""What a patient sees and changes of themself, and where they are logged in."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.html import Page
from tests.portal.conftest import ACCEPT
from tests.portal.patients import Patient

pytestmark = pytest.mark.postgres("18")

DETAILS = {
    "email": "ana@example.test",
    "phone": "+34 600 5550100",
    "language": "es",
    "address": "Calle Mayor 1\nMadrid",
    "contact_name": "Bo Li",
    "contact_phone": "+34 600 5550101",
    "contact_relation": "brother",
}


def column(patient: Patient, table: str = "patient", key: str = "id") -> dict[str, Any]:
    query = f"SELECT to_jsonb(t) FROM {table} t WHERE {key} = %s"
    row = patient.visitor.make.conn.execute(query, [patient.id]).fetchone()  # type: ignore[arg-type]
    assert row is not None
    found: dict[str, Any] = row[0]
    return found


def version_in(page: Page) -> str:
    return next(str(i["value"]) for i in page.all("input") if i.get("name") == "version")


def test_details_are_changed_and_emptied(patient: Patient) -> None:
    saved = patient.press(patient.page("/me/details"), "/me/details", **DETAILS)
    assert "It is saved." in saved.text
    row = column(patient)
    assert [row[name] for name in ("email", "phone", "language")] == [
        DETAILS[name] for name in ("email", "phone", "language")
    ]
    assert row["emergency_contact"] == {"name": "Bo Li", "phone": "+34 600 5550101", "relation": "brother"}
    values = {str(i["name"]): i.get("value") for i in saved.all("input")}
    assert (values["email"], values["contact_name"]) == (DETAILS["email"], "Bo Li")
    patient.press(
        saved,
        "/me/details",
        **{**DETAILS, "phone": "", "contact_name": "", "contact_phone": "", "contact_relation": ""},
    )
    row = column(patient)
    assert (row["phone"], row["emergency_contact"], row["email"]) == (None, None, DETAILS["email"])


@pytest.mark.parametrize(
    ("field", "value"), [("email", "nobody"), ("contact_name", ""), ("phone", "9" * 41), ("address", "x" * 501)]
)
def test_what_is_wrong_is_told_and_what_was_typed_is_kept(patient: Patient, field: str, value: str) -> None:
    version = version_in(patient.page("/me/details"))
    refused = Page(patient.post("/me/details", **{**DETAILS, "version": version, field: value}))
    assert (refused.status, "not saved yet" in refused.text) == (422, True)
    values = {str(i["name"]): i.get("value") for i in refused.all("input")}
    assert values["contact_phone"] == DETAILS["contact_phone"]
    if field in values:
        assert values[field] == value
    assert column(patient)["phone"] is None


@pytest.mark.parametrize("field", ["phone", "contact_phone"])
@pytest.mark.parametrize("value", ["abc", "123"])
def test_what_nobody_can_dial_is_no_phone_number(patient: Patient, field: str, value: str) -> None:
    version = version_in(patient.page("/me/details"))
    refused = Page(patient.post("/me/details", **{**DETAILS, "version": version, field: value}))
    assert (refused.status, "Enter a phone number." in refused.text) == (422, True)
    marked = [(one["name"], one["value"]) for one in refused.all("input") if "aria-invalid" in one]
    assert marked == [(field, value)]


@pytest.mark.parametrize("left", [{"contact_phone": "", "email": "nobody"}, {"contact_relation": ""}])
def test_a_number_of_nobody_is_told_where_the_name_is_missing(patient: Patient, left: dict[str, str]) -> None:
    version = version_in(patient.page("/me/details"))
    refused = Page(patient.post("/me/details", **{**DETAILS, "version": version, "contact_name": "", **left}))
    assert (refused.status, "Please fill this in." in refused.text) == (422, True)
    marked = {one["name"]: one["aria-describedby"] for one in refused.all("input") if "aria-invalid" in one}
    assert marked == {"contact_name": "contact_name-told"} | ({"email": "email-told"} if "email" in left else {})


def test_an_address_of_several_lines(patient: Patient) -> None:
    filled = "\r\n".join(["x" * 99] * 5) + "y"  # 500, as a browser counts
    page = patient.page("/me/details")
    refused = Page(patient.post("/me/details", version=version_in(page), address=filled + "z"))
    assert "At most 500 characters" in refused.text
    assert refused.all("textarea")[0]["aria-describedby"] == "address-told"
    patient.press(page, "/me/details", address=filled)
    assert column(patient)["address"] == filled.replace("\r", "")


def test_what_changed_meanwhile_is_not_overwritten(patient: Patient) -> None:
    page = patient.page("/me/details")
    patient.press(page, "/me/details", **DETAILS)
    refused = Page(patient.post("/me/details", **{**DETAILS, "version": version_in(page), "phone": "123456"}))
    assert (refused.status, "changed meanwhile" in refused.text) == (412, True)
    assert column(patient)["phone"] == DETAILS["phone"]
    assert version_in(refused) != version_in(page), "who saves again has seen it"
    assert f"Phone: {DETAILS['phone']}" in refused.text
    assert "E-mail address: " not in refused.text, "of what does not differ nothing is said"


@pytest.mark.parametrize(
    ("path", "wrong"),
    [("details", {"email": "nobody"}), ("details", {"contact_phone": "123456"}), ("messages", {"quiet_from": "x"})],
)
def test_what_is_wrong_does_not_hide_what_changed_meanwhile(patient: Patient, path: str, wrong: dict[str, str]) -> None:
    page = patient.page(f"/me/{path}")
    patient.press(page, f"/me/{path}")  # by somebody else, in another tab
    refused = Page(patient.post(f"/me/{path}", **{"version": version_in(page), **wrong}))
    assert (refused.status, version_in(refused)) == (422, version_in(page))
    mended = Page(patient.post(f"/me/{path}", version=version_in(refused)))
    assert (mended.status, "changed meanwhile" in mended.text) == (412, True)


def test_another_address_is_no_other_log_in(patient: Patient) -> None:
    execute = patient.visitor.make.conn.execute
    row = execute("SELECT email FROM user_account WHERE patient_id = %s", [patient.id]).fetchone()
    assert row is not None
    same = patient.press(patient.page("/me/details"), "/me/details", **{**DETAILS, "email": row[0].upper()})
    assert "You still log in" not in same.text
    saved = patient.press(same, "/me/details", **DETAILS)
    assert f"You still log in with {row[0]}." in saved.text
    described = {str(i["name"]): i.get("aria-describedby") for i in saved.all("input")}
    assert described["email"] == "email-told"
    assert "/me/password" in {a.get("href") for a in patient.page("/me").all("a")}
    assert "/forgot" in {a.get("href") for a in patient.page("/me/password").all("a")}


def test_messages_that_are_agreed_to(patient: Patient) -> None:
    wishes = {"channels": ["email", "sms"], "reminders": ["sms"], "quiet_from": "21:00", "quiet_until": "07:30"}
    saved = patient.press(patient.page("/me/messages"), "/me/messages", **wishes)  # type: ignore[arg-type]
    row = column(patient, "notification_preference", "patient_id")
    assert (row["channels"], row["reminders"], row["quiet_from"]) == (["email", "sms"], ["sms"], "21:00:00")
    ticked = [i["id"] for i in saved.all("input") if "checked" in i]
    assert ticked == ["channels-email", "channels-sms", "reminders-sms"]
    patient.press(saved, "/me/messages", quiet_from="", quiet_until="")
    row = column(patient, "notification_preference", "patient_id")
    assert (row["channels"], row["reminders"], row["quiet_from"]) == ([], [], None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"quiet_from": "21:00"},
        {"quiet_until": "21:00"},
        {"quiet_from": "21:00", "quiet_until": "21:00"},
        {"channels": ["pigeon"]},
        {"quiet_from": "x", "quiet_until": "07:00"},
    ],
)
def test_wishes_that_make_no_sense(patient: Patient, wrong: dict[str, Any]) -> None:
    version = version_in(patient.page("/me/messages"))
    refused = Page(patient.post("/me/messages", version=version, **wrong))
    assert (refused.status, "not saved yet" in refused.text) == (422, True)
    marked = {one["name"]: one["aria-describedby"] for one in refused.all("input") if "aria-invalid" in one}
    quiet = dict.fromkeys(("quiet_from", "quiet_until"), "quiet-told")
    assert marked == ({} if "channels" in wrong else quiet)
    assert ("Both, and not the same." in refused.text) == ("channels" not in wrong)
    stale = Page(patient.post("/me/messages", version="999", channels=["email"]))
    assert (stale.status, "changed meanwhile" in stale.text) == (412, True)


def test_who_has_looked(patient: Patient) -> None:
    make, service = patient.visitor.make, patient.visitor.service
    visit = patient.visit(9)
    provider = service.client(make.token("provider", provider_id=patient.provider))
    assert provider.get(f"/patients/{patient.id}").status_code == 200
    desk = service.client(make.token("staff", clinic_ids=(patient.clinic,)))
    assert desk.get(f"/appointments/{visit}").status_code == 200
    page = patient.page("/me/accesses")
    for told in ("Marisol Quintanilla", "Looked at your record", "Front desk", "Looked at your visits"):
        assert told in page.text
    assert "Marisol" not in Page(patient.other().get("/me/accesses")).text


def test_the_record_is_taken_along(patient: Patient) -> None:
    patient.visit(9)
    file = patient.get("/me/export")
    assert file.headers["content-disposition"] == 'attachment; filename="record.json"'
    assert file.headers["cache-control"] == "no-store"
    assert file.json()["patient"]["id"] == str(patient.id)
    assert "a rash named xanthomirel" in patient.get("/me/export?form=html").text


def test_sessions_are_ended_one_by_one_or_all(patient: Patient) -> None:
    make, service = patient.visitor.make, patient.visitor.service
    row = make.conn.execute("SELECT id FROM user_account WHERE patient_id = %s", [patient.id]).fetchone()
    assert row is not None
    other = make.row("login_session", user_id=row[0], refresh_hash=b"other", expires_at=patient.at(100))
    ended = patient.press(patient.page("/me"), f"/me/sessions/{other}/end")
    assert "You are logged out there." in ended.text
    assert "Another device" not in ended.text
    assert patient.post(f"/me/sessions/{other}/end").status_code == 404
    assert patient.post(f"/me/sessions/{session_of(patient.other())}/end").status_code == 404
    away = patient.post("/me/logout-everywhere")
    assert (away.status_code, away.headers["location"]) == (303, "/login")
    assert "frontdesk_session=" in away.headers["set-cookie"]
    again = patient.get("/visits")
    assert (again.status_code, again.headers["location"].split("?")[0]) == (303, "/login")
    assert service.client().get(f"{service.url}/me", headers=ACCEPT).headers["location"].startswith("/login")


def session_of(patient: Patient) -> UUID:
    row = patient.visitor.make.conn.execute(
        "SELECT s.id FROM login_session s JOIN user_account u ON u.id = s.user_id WHERE u.patient_id = %s", [patient.id]
    ).fetchone()
    return row[0] if row else uuid4()


@pytest.mark.parametrize("role", ["staff", "provider", "admin"])
def test_who_is_no_patient_sees_their_account_alone(patient: Patient, role: str) -> None:
    make, service = patient.visitor.make, patient.visitor.service
    more = {"staff": {"clinic_ids": (patient.clinic,)}, "provider": {"provider_id": patient.provider}}.get(role, {})
    client = service.client(make.token(role, **more))  # type: ignore[arg-type]
    page = Page(client.get(f"{service.url}/me", headers=ACCEPT))
    assert (page.status, "Log out everywhere" in page.text or "todos" in page.text) == (200, True)
    for path in ("details", "messages", "accesses", "export"):
        answer = client.get(f"{service.url}/me/{path}", headers=ACCEPT)
        assert answer.status_code in (303, 403), path
