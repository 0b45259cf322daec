"""An offer is taken or left by the link in its message, without an account."""

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from frontdesk import clock, links
from frontdesk.secrets import Keys
from tests.service import SECRET
from tests.waitlist.conftest import Row, World

pytestmark = pytest.mark.postgres("18")

PAGE = {"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}
REASON = "a rash named xanthomirel"


class Offered:
    """Somebody who was offered 09:00, and the link to it."""

    def __init__(self, world: World, *, later: bool = False, language: str = "en") -> None:
        self.world = world
        self.patient, self.me = world.someone()
        world.make.conn.execute("UPDATE patient SET language = %s WHERE id = %s", (language, self.patient))
        visits = world.fill_day(9, 10.5)
        self.later = world.book(10.5, self.patient if later else None)
        more = {"appointment_id": self.later} if later else {}
        self.entry = world.wait(self.me, reason=REASON, **more)
        world.cancel(visits[0])
        self.offer: Row = world.entry(self.me, self.entry)["offer"]
        row = world.make.conn.execute(
            "SELECT appointment_id FROM waitlist_offer WHERE id = %s", [self.offer["id"]]
        ).fetchone()
        assert row is not None
        self.hold: UUID = row[0]
        facts = {"appointment_id": self.hold, "patient_id": self.patient, "generation": 0}
        self.path = links.manage_url("", Keys(SECRET), **facts)
        self.guest = world.service.client()
        self.guest.base_url = httpx.URL(world.service.url)

    def see(self) -> Row:
        answer = self.guest.get(self.path)
        assert answer.status_code == 200, answer.text
        row: Row = answer.json()
        return row

    def page(self) -> str:
        answer = self.guest.get(self.path, headers=PAGE)
        assert answer.status_code == 200, answer.text
        return answer.text

    def press(self, button: str) -> httpx.Response:
        """As a browser sends the form: the page that it comes to."""
        return self.guest.post(f"{self.path}/{button}", data={}, headers=PAGE, follow_redirects=True)

    def post(self, what: str) -> httpx.Response:
        return self.guest.post(f"{self.path}/{what}")

    @property
    def status(self) -> str:
        return str(self.world.entry(self.me, self.entry)["status"])


def at(row: Row, name: str = "start") -> datetime:
    return datetime.fromisoformat(row[name])


def test_the_link_shows_the_offer_and_until_when(world: World) -> None:
    link = Offered(world)
    shown = link.see()
    assert (shown["status"], shown["actions"], at(shown)) == ("held", ["accept", "decline"], world.at(9))
    assert at(shown["offer"], "expires_at") == at(link.offer, "expires_at")
    assert shown["offer"] | {"expires_at": None} == {
        "status": "standing",
        "expires_at": None,
        "displaced": False,
        "moves_from": None,
    }
    assert link.guest.get(f"{link.path}/slots").json() == {"slots": []}
    assert link.guest.get(f"{link.path}/calendar.ics").status_code == 200
    assert link.status == "offered", "looking changes nothing"


def test_accepted_it_is_the_booked_visit(world: World) -> None:
    link = Offered(world)
    taken = link.post("accept")
    assert taken.status_code == 200, taken.text
    assert (taken.json()["status"], taken.json()["offer"]) == ("scheduled", None)
    assert taken.json()["actions"] == ["confirm", "move", "cancel"]
    assert link.see() == taken.json()
    assert link.status == "booked"
    mine = link.me.get(f"/appointments/{link.hold}").json()
    assert (mine["status"], mine["reason"]) == ("scheduled", REASON)
    again = link.post("accept")
    assert (again.status_code, again.json()["type"]) == (409, "/problems/offer-gone")
    assert link.post("cancel").json()["status"] == "cancelled"
    assert link.see()["offer"] is None


def test_declined_it_goes_to_the_next_and_the_link_says_so(world: World) -> None:
    link = Offered(world)
    _, them = world.someone()
    theirs = world.wait(them)
    left = link.post("decline")
    assert left.status_code == 200, left.text
    assert (left.json()["offer"]["status"], left.json()["actions"]) == ("declined", [])
    assert link.see() == left.json()
    assert link.status == "waiting"
    assert at(world.entry(them, theirs)["offer"]) == world.at(9)
    for what in ("accept", "decline"):
        assert link.post(what).json()["type"] == "/problems/offer-gone"
    assert link.post("cancel").status_code == 409


def test_a_later_visit_moves_and_the_link_shows_where_it_is(world: World) -> None:
    link = Offered(world, later=True)
    assert at(link.see()["offer"], "moves_from") == world.at(10.5)
    moved = link.post("accept")
    assert moved.status_code == 200, moved.text
    assert (at(moved.json()), moved.json()["status"], moved.json()["offer"]) == (world.at(9), "scheduled", None)
    assert link.see() == moved.json()
    assert at(link.me.get(f"/appointments/{link.later}").json()) == world.at(9)
    assert world.free() == {world.at(10.5)}
    assert (
        link.post(
            "move",
        ).status_code
        == 422
    )
    world.desk.patch(f"/appointments/{link.later}", json={"start": world.at(10.5).isoformat()})
    assert at(link.see()) == world.at(10.5), "where it is now"
    assert link.post("confirm").json()["status"] == "confirmed"


@pytest.mark.parametrize("ended", [False, True])
def test_an_expired_one_says_so_and_nothing_of_who_has_the_time_now(world: World, ended: bool) -> None:
    link = Offered(world)
    past = clock.now() - timedelta(seconds=1)
    conn = world.make.conn
    conn.execute("UPDATE waitlist_offer SET expires_at = %s WHERE appointment_id = %s", (past, link.hold))
    if ended:
        conn.execute("UPDATE appointment SET status = 'expired' WHERE id = %s", [link.hold])
    assert (link.see()["offer"]["status"], link.see()["actions"]) == ("expired", [])
    refused = link.post("accept")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/offer-gone")
    if ended:
        other = world.make.patient(first_name="Zebulon")
        world.book(9, other)
        assert link.see()["offer"]["status"] == "expired"
        assert "Zebulon" not in link.page()
        assert str(other) not in link.page()


@pytest.mark.parametrize(
    ("language", "offered", "booked", "left"),
    [
        ("en", "is kept for you", "Your appointment is booked.", "not kept for you any more"),
        ("es", "la guardamos para usted", "Su cita está reservada.", "ya no se guarda para usted"),
    ],
)
@pytest.mark.parametrize("button", ["accept", "decline"])
def test_by_buttons_alone(world: World, language: str, offered: str, booked: str, left: str, button: str) -> None:
    link = Offered(world, language=language)
    page = link.page()
    assert f'lang="{language}"' in page
    assert offered in page
    for action in ("accept", "decline"):
        assert f'action="{link.path}/{action}"' in page
    assert "<script" not in page
    after = link.press(button)
    assert after.status_code == 200, after.text
    assert (booked if button == "accept" else left) in after.text
    again = link.press(button)
    assert again.status_code == 409
    assert 'role="alert"' in again.text


def test_why_they_come_and_their_other_visits_are_not_told(world: World) -> None:
    link = Offered(world)
    other = world.make.visit_type()
    world.make.appointment(world.make.provider(), world.clinic, other, world.at(30), patient_id=link.patient)
    told = link.page() + link.guest.get(link.path).text + link.post("decline").text + link.page()
    hidden: list[Any] = [REASON, link.patient, link.entry["id"], link.offer["id"], link.hold, world.at(30).isoformat()]
    assert [value for value in hidden if str(value) in told] == []


@pytest.mark.parametrize("turn", range(3))
def test_of_many_who_answer_at_once_one_is_heard(world: World, turn: int) -> None:
    """Twenty accept and decline with one link: the first answer counts, the others hear that it was given."""
    link = Offered(world)
    _, them = world.someone()
    theirs = world.wait(them)

    async def at_once() -> list[httpx.Response]:
        async with world.service.rivals() as client:
            client.base_url = httpx.URL(world.service.url)
            asked = [f"{link.path}/{answer}" for answer in ("accept", "decline") * 10]
            return list(await asyncio.gather(*(client.post(path) for path in asked)))

    answers = asyncio.run(at_once())
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 19}, [a.text for a in answers]
    assert {a.json()["type"] for a in answers if a.status_code == 409} == {"/problems/offer-gone"}
    (heard,) = (answer.json() for answer in answers if answer.status_code == 200)
    taken = heard["status"] == "scheduled"
    assert link.status == ("booked" if taken else "waiting")
    assert world.entry(them, theirs)["status"] == ("waiting" if taken else "offered")


def test_reading_changes_nothing(world: World) -> None:
    link = Offered(world)
    tables = ("appointment", "appointment_history", "waitlist_entry", "waitlist_offer", "notification", "outbox")

    def kept() -> list[Any]:
        return [world.make.conn.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall() for table in tables]

    before = kept()
    for path in ("", "/slots", "/calendar.ics", "/accept", "/decline"):
        for method, headers in (("GET", {}), ("GET", PAGE), ("HEAD", {})):
            link.guest.request(method, link.path + path, headers=headers)
    assert kept() == before


def test_who_was_displaced_chooses_by_a_link_of_theirs(world: World) -> None:
    patient, me = world.someone()
    visit = world.book(9, patient)
    colleague = world.make.provider()
    world.make.every_day(colleague, world.clinic, "09:00", "11:00")
    away = {"kind": "time_off", "start": world.at(9).isoformat(), "end": world.at(11).isoformat()}
    entered = world.desk.post(f"/providers/{world.provider}/exceptions", json=away | {"offer_alternatives": True})
    assert entered.status_code == 201, entered.text
    (entry,) = me.get("/waitlist").json()["items"]
    holds = world.make.conn.execute(
        "SELECT appointment_id FROM waitlist_offer WHERE entry_id = %s ORDER BY choice", [entry["id"]]
    ).fetchall()
    guest = world.service.client()
    guest.base_url = httpx.URL(world.service.url)
    first, second, *_ = (
        links.manage_url("", Keys(SECRET), appointment_id=hold, patient_id=patient, generation=0) for (hold,) in holds
    )
    offer = guest.get(first).json()["offer"]
    assert (offer["displaced"], at(offer, "moves_from")) == (True, world.at(9))
    assert "cannot take place as planned" in guest.get(first, headers=PAGE).text
    assert guest.post(f"{first}/decline").json()["offer"]["status"] == "declined"
    assert "Choose another" in guest.get(first, headers=PAGE).text
    moved = guest.post(f"{second}/accept")
    assert moved.status_code == 200, moved.text
    assert moved.json() == guest.get(second).json()
    theirs = me.get(f"/appointments/{visit}").json()
    assert (theirs["start"][:16], theirs["status"]) == (moved.json()["start"][:16], "scheduled")
    assert at(theirs) != world.at(9)


def test_a_hold_that_is_no_offer_has_no_link(world: World) -> None:
    link = Offered(world)
    hold = world.make.appointment(
        world.provider,
        world.clinic,
        world.visit,
        world.at(33),
        status="held",
        patient_id=link.patient,
        hold_expires_at=clock.now() + timedelta(minutes=5),
    )
    facts = {"appointment_id": hold, "patient_id": link.patient, "generation": 0}
    assert link.guest.get(links.manage_url("", Keys(SECRET), **facts)).status_code == 404
