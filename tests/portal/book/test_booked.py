"""The page after booking: whose look it is, and what it promises."""

from uuid import UUID

import httpx
import pytest

from frontdesk import ids
from tests.html import Page
from tests.portal.book.conftest import Place, enrol, somebody, wish
from tests.portal.conftest import Visitor

pytestmark = pytest.mark.postgres("18")

BEARER = "Somebody with the link to your visit"


def booked(visitor: Visitor, place: Place, browser: httpx.Client) -> tuple[UUID, str]:
    """Keep a time, register, and book it; the patient, and the page after it."""
    path = browser.post(place[2], data=wish(visitor, place[0], visitor.at(72 + 10))).headers["location"]
    return enrol(visitor, browser, path), browser.post(path, data={"reason": ""}).headers["location"]


def test_nobody_is_told_of_their_own_look(visitor: Visitor, place: Place) -> None:
    browser = somebody(visitor)
    _, page = booked(visitor, place, browser)
    assert "Your visit is booked" in Page(browser.get(page)).text
    told = Page(browser.get("/me/accesses")).text
    assert BEARER not in told
    assert "Before you logged in, or somebody without a log-in Changed your visits" in told
    assert "Before you logged in, or somebody without a log-in Changed your record" in told
    assert "Your visit is booked" in Page(somebody(visitor).get(page)).text
    assert Page(browser.get("/me/accesses")).text.count(f"{BEARER} Looked at your visits") == 1


def test_what_the_patient_does_next_is_done_by_themself(visitor: Visitor, place: Place) -> None:
    """And not told of as done by somebody with the link. To whom else has the link the buttons go by it."""
    browser = somebody(visitor)
    _, page = booked(visitor, place, browser)
    mine, others = (buttons(Page(one.get(page))) for one in (browser, somebody(visitor)))
    assert [path.split("/")[1] for path in mine] == ["visits", "visits"]
    assert [path.split("/")[1] for path in others] == ["m", "m"]
    file, sheet = (browser.get(path) for path in mine)
    assert file.headers["content-type"].startswith("text/calendar")
    assert "Cancel" in Page(sheet).text
    assert Page(browser.get("/me/accesses")).text.count(BEARER) == 1, "that of the other"
    browser.post("/me/logout-everywhere")
    visitor.make.conn.execute("UPDATE patient SET link_generation = 0")
    assert [path.split("/")[1] for path in buttons(Page(browser.get(page)))] == ["m", "m"]


def buttons(page: Page) -> list[str]:
    """Where the links lead that look like buttons."""
    return [str(a["href"]) for a in page.all("a") if a.get("class") == "button"]


def test_a_session_that_is_over_hides_no_look(visitor: Visitor, place: Place) -> None:
    browser, stolen = somebody(visitor), somebody(visitor)
    patient, page = booked(visitor, place, browser)
    stolen.cookies = httpx.Cookies(browser.cookies)
    browser.post("/me/logout-everywhere")
    visitor.make.conn.execute("UPDATE patient SET link_generation = 0 WHERE id = %s", [patient])  # the link lives on
    assert "Your visit is booked" in Page(stolen.get(page)).text
    assert looks(visitor, patient) == [ids.GUEST]


def test_a_guardian_who_looks_is_told_of_as_one(visitor: Visitor, place: Place) -> None:
    browser = somebody(visitor)
    guardian = enrol(visitor, browser)
    child = {"first_name": "Ana", "last_name": "Pérez", "date_of_birth": "2019-05-04", "relation": "mother"}
    browser.post("/family", data=child)
    row = visitor.make.conn.execute(
        "SELECT g.patient_id, u.id FROM guardianship g JOIN user_account u ON u.patient_id = g.guardian_id"
        " WHERE g.guardian_id = %s",
        [guardian],
    ).fetchone()
    assert row is not None
    ana, user = row
    browser.post("/family/act", data={"whom": str(ana)})
    path = browser.post(place[2], data=wish(visitor, place[0], visitor.at(72 + 10))).headers["location"]
    page = browser.post(path, data={"reason": "", "whom": str(ana)}).headers["location"]
    before = looks(visitor, ana)
    assert "Your visit is booked" in Page(browser.get(page)).text
    assert looks(visitor, ana) == [*before, user]
    browser.post("/family/act", data={"whom": str(guardian)})
    assert "Your visit is booked" in Page(browser.get(page)).text
    assert looks(visitor, ana)[-1] not in (user, guardian), "for themself they have no more than the link"


def promised(page: Page) -> list[str]:
    """What the page says of messages."""
    messages = ("and remind you.", "all of this, and no reminder.", "No message about this")
    return [one for one in (*messages, "in the message", "among your visits") if one in page.text]


@pytest.mark.parametrize(
    ("mode", "wishes", "said"),
    [
        ("in_person", {}, ["and remind you."]),
        ("in_person", {"channels": ["email"]}, ["all of this, and no reminder."]),
        ("in_person", {"channels": ["email"], "reminders": ["sms"]}, ["all of this, and no reminder."]),
        ("in_person", {"channels": []}, ["No message about this"]),
        ("in_person", {"channels": ["sms", "push"], "reminders": ["sms"]}, ["No message about this"]),
        ("telehealth", {}, ["and remind you.", "in the message"]),
        ("telehealth", {"channels": ["sms"]}, ["No message about this", "among your visits"]),
    ],
)
def test_a_message_is_promised_where_one_goes(
    visitor: Visitor, place: Place, mode: str, wishes: dict[str, list[str]], said: list[str]
) -> None:
    browser = somebody(visitor)
    patient, page = booked(visitor, place, browser)
    visitor.make.conn.execute("UPDATE appointment SET mode = %s WHERE patient_id = %s", [mode, patient])
    if wishes:
        assert browser.post("/me/messages", data={"version": "0", **wishes}).status_code == 303
    assert promised(Page(browser.get(page))) == said
    assert promised(Page(somebody(visitor).get(page))) == said, "by the link it is told alike"


def test_a_phone_number_is_an_address(visitor: Visitor, place: Place) -> None:
    browser = somebody(visitor)
    patient, page = booked(visitor, place, browser)
    browser.post("/me/messages", data={"version": "0", "channels": ["sms"], "reminders": ["sms"]})
    warned = Page(browser.get("/me/messages"))
    assert "You have no phone number here: add one" in warned.text
    assert "You have no e-mail address" not in warned.text
    assert "/me/details" in {a.get("href") for a in warned.all("a")}
    visitor.make.conn.execute("UPDATE patient SET phone = '+34 600 123 456' WHERE id = %s", [patient])
    assert promised(Page(browser.get(page))) == ["and remind you."]
    assert "You have no phone number" not in Page(browser.get("/me/messages")).text


def looks(visitor: Visitor, patient: UUID) -> list[UUID]:
    """Who looked at the patient, the first first."""
    rows = visitor.make.conn.execute(
        "SELECT actor FROM audit_entry WHERE row_id = %s AND action = 'READ' ORDER BY id", [str(patient)]
    )
    return [row[0] for row in rows]
