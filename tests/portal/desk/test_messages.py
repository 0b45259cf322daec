"""Messages that failed: what can be sent once more is listed, and an address blamed as long as nobody corrected it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any
from uuid import UUID

import httpx
import pytest

from frontdesk import ids
from tests.html import Page
from tests.make import STAMP
from tests.portal.desk.conftest import Desk

pytestmark = pytest.mark.postgres("18")

CANCEL = "UPDATE appointment SET status = 'cancelled' WHERE id = %s"
CONFIRM = "UPDATE appointment SET status = 'confirmed' WHERE id = %s"
RIVALS = 4


def failed(desk: Desk, visit: UUID, patient: UUID, kind: str = "confirmation", **columns: Any) -> UUID:
    of = {"appointment_id": visit, "patient_id": patient, "clinic_id": desk.clinic, "version": 1, "channel": "email"}
    return desk.make.row("notification", **{**of, "kind": kind, "status": "failed", **columns})


def listed(desk: Desk) -> list[str]:
    """The ids of the messages on the page."""
    cards = desk.page(f"/desk/messages?clinic={desk.clinic}").all("li")
    return [str(card["id"]).removeprefix("m-") for card in cards if str(card.get("id")).startswith("m-")]


def copies(desk: Desk, patient: UUID) -> int:
    """How many messages to a patient were sent again by hand."""
    found = desk.make.conn.execute(
        "SELECT count(*) FROM notification WHERE patient_id = %s AND copy > 0", [patient]
    ).fetchone()
    assert found is not None
    return int(found[0])


def can_be_sent(desk: Desk, message: UUID) -> bool:
    """Whether a click would send it."""
    answer = desk.send(f"/desk/messages/{message}/resend", clinic=desk.clinic)
    assert answer.status_code in (303, 409)
    return answer.status_code == 303


@pytest.mark.parametrize(
    ("kind", "hours", "change", "true"),
    [
        ("confirmation", 9, "", True),
        ("confirmation", 9, CONFIRM, True),
        ("confirmation", 9, CANCEL, False),
        ("confirmation", -99, "", False),
        ("cancellation", 9, CANCEL, True),
        ("cancellation", 9, "", False),
        ("cancellation", -99, CANCEL, False),
        ("status", 9, CONFIRM, True),
        ("status", 9, CANCEL, False),
        ("reminder_day", 9, "", True),
        ("reminder_day", 9, CANCEL, False),
    ],
)
def test_what_is_no_longer_true_is_not_listed(desk: Desk, kind: str, hours: int, change: str, true: bool) -> None:
    patient = desk.patient()
    visit = desk.visit(desk.provider(), desk.at(hours), patient)
    message = failed(desk, visit, patient, kind)
    if change:
        desk.make.conn.execute(change, [visit])  # type: ignore[arg-type]
    assert (listed(desk), can_be_sent(desk, message)) == ([str(message)] if true else [], true)


def test_a_visit_that_was_moved_is_told_by_a_message_of_its_own(desk: Desk) -> None:
    patient = desk.patient()
    visit = desk.visit(desk.provider(), desk.at(9), patient)
    message, reminder = failed(desk, visit, patient), failed(desk, visit, patient, "reminder_day", version=2)
    span = [desk.at(10), desk.at(10.5)]
    desk.make.conn.execute(
        "UPDATE appointment SET during = tstzrange(%s, %s), claims = tstzrange(%s, %s) WHERE id = %s",
        [*span, *span, visit],
    )
    assert listed(desk) == [str(reminder)]
    assert (can_be_sent(desk, message), can_be_sent(desk, reminder)) == (False, True)


@pytest.mark.parametrize(("stands", "true"), [("1 hour", True), ("-1 minute", False), ("30 seconds", False)])
def test_an_offer_is_listed_as_long_as_it_can_be_answered(desk: Desk, stands: str, true: bool) -> None:
    patient, provider = desk.patient(), desk.provider()
    hold = desk.visit(
        provider, desk.at(9), patient, status="held", hold_client="waitlist", hold_expires_at=desk.at(0, 3)
    )
    wish = {"patient_id": patient, "provider_id": provider, "visit_type_id": desk.visit_type, "urgency": "normal"}
    entry = desk.make.row("waitlist_entry", **wish)
    times = {"freed_at": desk.at(0), "expires_at": desk.at(0)}
    offer = desk.make.row("waitlist_offer", entry_id=entry, appointment_id=hold, **times)
    until = "UPDATE waitlist_offer SET expires_at = now() + %s::interval WHERE id = %s"
    desk.make.conn.execute(until, [stands, offer])
    message = failed(desk, hold, patient, "waitlist_offer")
    assert listed(desk) == ([str(message)] if true else [])
    desk.make.conn.execute(CANCEL, [hold])
    assert (listed(desk), can_be_sent(desk, message)) == ([], False)


def test_of_a_visit_of_several_parts_one_that_stands_is_enough(desk: Desk) -> None:
    patient, request = desk.patient(), ids.new_id()
    group = desk.make.row("appointment_group", part_count=2, request_id=request)
    with desk.make.conn.transaction():
        first, second = (
            desk.visit(
                desk.provider(),
                desk.at(8 + part),
                patient,
                group_id=group,
                part=part,
                request_id=request,
                origin="frontdesk",
            )
            for part in (1, 2)
        )
    message = failed(desk, first, patient)
    desk.make.conn.execute(CANCEL, [first])
    assert listed(desk) == [str(message)]
    desk.make.conn.execute(CANCEL, [second])
    assert (listed(desk), can_be_sent(desk, message)) == ([], False)


def test_what_was_sent_once_more_is_done_unless_that_fails_too(desk: Desk) -> None:
    patient = desk.patient()
    message = failed(desk, desk.visit(desk.provider(), desk.at(9), patient), patient)
    assert can_be_sent(desk, message)
    assert listed(desk) == []
    for status in ("sending", "failed"):
        desk.make.conn.execute(
            "UPDATE notification SET status = %s WHERE patient_id = %s AND copy = 1", [status, patient]
        )
    (again,) = listed(desk)
    assert again != str(message)


@pytest.mark.parametrize("status", ["pending", "sending", "sent", "failed"])
def test_pressed_twice_it_is_sent_once(desk: Desk, status: str) -> None:
    patient = desk.patient()
    message = failed(desk, desk.visit(desk.provider(), desk.at(9), patient), patient)
    assert can_be_sent(desk, message)
    desk.make.conn.execute(
        "UPDATE notification SET status = %s, sent_at = CASE WHEN %s = 'sent' THEN now() END"
        " WHERE patient_id = %s AND copy = 1",
        [status, status, patient],
    )
    again = desk.send(f"/desk/messages/{message}/resend", clinic=desk.clinic)
    assert again.status_code == 409
    assert "is on its way already" in Page(again).text
    assert not can_be_sent(desk, message), "a third time"
    assert copies(desk, patient) == 1


def test_pressed_by_several_at_one_moment_it_is_sent_once(desk: Desk) -> None:
    patient, barrier = desk.patient(), Barrier(RIVALS)
    message = failed(desk, desk.visit(desk.provider(), desk.at(9), patient), patient)

    def press(_: int) -> httpx.Response:
        barrier.wait(30)
        return desk.send(f"/desk/messages/{message}/resend", clinic=desk.clinic)

    with ThreadPoolExecutor(RIVALS) as pool:
        answers = list(pool.map(press, range(RIVALS)))
    assert sorted(one.status_code for one in answers) == [303] + [409] * (RIVALS - 1)
    assert copies(desk, patient) == 1


def test_a_copy_that_was_left_out_is_in_nobodys_way(desk: Desk) -> None:
    patient = desk.patient()
    visit = desk.visit(desk.provider(), desk.at(9), patient)
    message = failed(desk, visit, patient)
    failed(desk, visit, patient, copy=1, status="skipped")
    assert listed(desk) == [str(message)]
    assert can_be_sent(desk, message)


@pytest.mark.parametrize("said", ["wishes", "record"])
def test_a_way_to_which_the_patient_no_longer_agrees_is_not_listed(desk: Desk, said: str) -> None:
    patient = desk.patient()
    visit = desk.visit(desk.provider(), desk.at(9), patient)
    mail = failed(desk, visit, patient)
    assert listed(desk) == [str(mail)]
    if said == "wishes":
        desk.make.conn.execute(
            "INSERT INTO notification_preference (patient_id, channels, reminders, changed_by, request_id)"
            " VALUES (%(patient_id)s, '{sms}', '{}', %(changed_by)s, %(request_id)s)",
            {"patient_id": patient, **STAMP},
        )
    else:
        preferred = """UPDATE patient SET preferences = '{"channels": ["sms"]}' WHERE id = %s"""
        desk.make.conn.execute(preferred, [patient])
    text = failed(desk, visit, patient, channel="sms")
    assert listed(desk) == [str(text)]


@pytest.mark.parametrize(("field", "blamed"), [("email", False), ("address", True)])
def test_an_address_that_was_corrected_is_not_blamed(desk: Desk, field: str, blamed: bool) -> None:
    patient = desk.patient(email="ida@example.test")
    visit = desk.visit(desk.provider(), desk.at(9), patient)
    failed(desk, visit, patient, reason="SMTPRecipientRefused 550")
    page = f"/desk/messages?clinic={desk.clinic}"
    assert "The e-mail address may be wrong." in desk.page(page).text
    desk.make.conn.execute(f"UPDATE patient SET {field} = 'new@example.test' WHERE id = %s", [patient])  # type: ignore[arg-type]
    assert ("The e-mail address may be wrong." in desk.page(page).text) == blamed
    failed(desk, visit, patient, reason="SMTPRecipientRefused 550", copy=1, next_at=desk.today + timedelta(days=9))
    assert "The e-mail address may be wrong." in desk.page(page).text, "the new one was refused, too"
