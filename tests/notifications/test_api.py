"""What the desk sees and sends again, what patients wish, and the link that ends reminders: from outside."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

from frontdesk.notifications import unsubscribing
from frontdesk.secrets import Keys
from tests.crash.worker import Worker
from tests.make import Make
from tests.notifications.servers import serving
from tests.service import SECRET, Service

pytestmark = pytest.mark.postgres("18")


class World:
    """A clinic with its desk, a patient with a visit ahead."""

    def __init__(self, service: Service, make: Make) -> None:
        self.service, self.make = service, make
        self.clinic = make.clinic()
        self.patient = make.patient(email="pat@post.test")
        self.place = (make.provider(), self.clinic, make.visit_type())
        self.visit = make.appointment(*self.place, datetime.now(UTC) + timedelta(days=3), patient_id=self.patient)
        self.desk = service.client(make.token("staff", clinic_ids=(self.clinic,)))
        self.me = service.client(make.token("patient", patient_id=self.patient))
        self.preferences = f"/patients/{self.patient}/notification-preferences"

    def message(self, **columns: Any) -> UUID:
        of = {"appointment_id": self.visit, "patient_id": self.patient, "clinic_id": self.clinic}
        usual = {
            "version": 1,
            "kind": "confirmation",
            "channel": "email",
            "status": "failed",
            "reason": "SMTPDataError 554",
        }
        return self.make.row("notification", **{**of, **usual, **columns})


@pytest.fixture
def world(service: Service, make: Make) -> World:
    return World(service, make)


def test_the_desk_sees_what_failed_and_neither_address_nor_text(world: World) -> None:
    failed, sent = (
        world.message(),
        world.message(kind="reminder_day", status="sent", reason=None, sent_at=datetime.now(UTC)),
    )
    answer = world.desk.get(f"/appointments/{world.visit}/notifications")
    # By their ids, which say nothing of the order in which two were made in one millisecond.
    both = sorted([(str(failed), "failed"), (str(sent), "sent")])
    assert [(item["id"], item["status"]) for item in answer.json()["items"]] == both
    assert "post.test" not in answer.text
    (item,) = world.desk.get(f"/clinics/{world.clinic}/notifications").json()["items"]
    assert (item["id"], item["reason"], item["appointment_version"]) == (str(failed), "SMTPDataError 554", 1)
    (item,) = world.desk.get(f"/clinics/{world.clinic}/notifications", params={"status": "sent"}).json()["items"]
    assert item["id"] == str(sent)
    what = [entry["what"] for entry in world.me.get(f"/patients/{world.patient}/accesses").json()["items"]]
    assert "appointments:notifications" in what
    assert "clinics:notifications" in what


def test_a_list_has_pages_the_latest_first(world: World) -> None:
    made = [str(world.message(version=version)) for version in range(1, 6)]
    found, cursor = [], None
    while True:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = world.desk.get(f"/clinics/{world.clinic}/notifications", params=params).json()
        found += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == sorted(made, reverse=True)


def test_other_desks_see_nothing_and_send_nothing(world: World) -> None:
    failed = world.message()
    other = world.service.client(world.make.token("staff", clinic_ids=(world.make.clinic(),)))
    assert other.get(f"/appointments/{world.visit}/notifications").status_code == 404
    assert other.get(f"/clinics/{world.clinic}/notifications").status_code == 404
    assert other.post(f"/notifications/{failed}/resend").status_code == 404
    assert world.me.get(f"/appointments/{world.visit}/notifications").status_code == 403


def test_a_message_is_sent_again_under_a_number_of_its_own(world: World) -> None:
    failed = world.message()
    first = world.desk.post(f"/notifications/{failed}/resend", headers={"Idempotency-Key": str(uuid4())})
    assert first.status_code == 201, first.text
    made = first.json()
    assert (made["copy_number"], made["status"], made["kind"]) == (1, "pending", "confirmation")
    again = world.desk.post(f"/notifications/{made['id']}/resend")
    assert (again.status_code, again.json()["type"]) == (409, "/problems/conflict"), "it is on its way"
    again = world.desk.post(f"/notifications/{failed}/resend")
    assert (again.status_code, again.json()["type"]) == (409, "/problems/conflict"), "it was sent again"
    world.make.conn.execute("UPDATE notification SET status = 'skipped' WHERE id = %s", (made["id"],))
    assert world.desk.post(f"/notifications/{failed}/resend").json()["copy_number"] == 2


def test_what_was_sent_is_sent_as_often_as_asked(world: World) -> None:
    sent = world.message(status="sent", reason=None, sent_at=datetime.now(UTC))
    numbers = [world.desk.post(f"/notifications/{sent}/resend").json()["copy_number"] for _ in range(2)]
    assert numbers == [1, 2]


def test_what_is_no_longer_true_is_not_sent_again(world: World) -> None:
    failed = world.message()
    world.make.conn.execute("UPDATE appointment SET status = 'cancelled' WHERE id = %s", (world.visit,))
    assert world.desk.post(f"/notifications/{failed}/resend").status_code == 409
    cancelled = world.message(kind="cancellation", version=2)
    assert world.desk.post(f"/notifications/{cancelled}/resend").status_code == 201
    assert world.desk.post(f"/notifications/{uuid4()}/resend").status_code == 404


def test_a_patient_says_how_to_be_told(world: World) -> None:
    usual = world.me.get(world.preferences)
    assert usual.json() == {
        "channels": ["email"],
        "reminders": ["email"],
        "quiet_from": None,
        "quiet_until": None,
        "push_topic": None,
        "push_subscribe_at": None,
        "version": 0,
    }
    wish = {"channels": ["sms", "email", "sms"], "quiet_from": "21:00", "quiet_until": "07:30"}
    told = world.me.patch(world.preferences, json=wish, headers={"If-Match": '"0"'})
    assert told.status_code == 200, told.text
    expected = {"channels": ["email", "sms"], "reminders": ["email"], "quiet_from": "21:00", "quiet_until": "07:30"}
    assert told.json() == expected | {"push_topic": None, "push_subscribe_at": None, "version": 1}
    assert world.desk.get(world.preferences).json() == told.json()
    assert world.desk.patch(world.preferences, json={"version": 0}).status_code == 412
    changed = world.desk.patch(world.preferences, json={"reminders": [], "version": 1})
    assert (changed.json()["reminders"], changed.json()["version"]) == ([], 2)


def test_the_patient_alone_reads_how_to_subscribe_to_the_clinics_push_service(
    database: str, db: psycopg.Connection, tmp_path: Path
) -> None:
    """What they are told is where the sender writes."""
    with serving() as gateway:
        pushed = {
            "FRONTDESK_PUSH_URL": f"json://:not-told@127.0.0.1:{gateway.port}/topics/{{to}}",
            "FRONTDESK_PUSH_SUBSCRIBE_URL": "https://push.clinic.test/{to}",
            "FRONTDESK_WORKER_INTERVAL": "PT0.2S",
        }
        service = Service(database, tmp_path, workers=1, **pushed)
        worker = Worker(service.environment, tmp_path / "worker.log")
        try:
            service.start()
            worker.start()
            world = World(service, Make(db))
            told = world.me.patch(world.preferences, json={"channels": ["push"]}).json()
            assert world.me.get(world.preferences).json() == told
            topic = told["push_topic"]
            assert len(topic) == 32
            assert told["push_subscribe_at"] == f"https://push.clinic.test/{topic}"
            assert (world.desk.get(world.preferences).json()).items() >= {"push_topic": None}.items()
            assert topic not in world.desk.get(world.preferences).text
            world.message(channel="push", status="pending", reason=None)
            deadline = time.monotonic() + 60
            while not gateway.got:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            assert gateway.got[0].path == f"/topics/{topic}"
        finally:
            worker.stop()
            service.stop()


@pytest.mark.parametrize(
    "wish",
    [
        {"quiet_from": "21:00"},
        {"quiet_from": "21:00", "quiet_until": "21:00"},
        {"quiet_from": "21:00:30", "quiet_until": "07:00"},
        {"quiet_from": "21:00Z", "quiet_until": "07:00"},
        {"quiet_from": 75600, "quiet_until": "07:00"},
        {"channels": ["pigeon"]},
        {"channels": None},
    ],
)
def test_wishes_that_mean_nothing_are_refused(world: World, wish: dict[str, Any]) -> None:
    assert world.me.patch(world.preferences, json=wish).status_code == 422
    assert world.me.get(world.preferences).json()["version"] == 0


def test_others_neither_see_nor_change_them(world: World) -> None:
    other = world.service.client(world.make.token("patient", patient_id=world.make.patient()))
    for client in (other, world.service.client(world.make.token("staff", clinic_ids=(world.make.clinic(),)))):
        assert client.get(world.preferences).status_code == 404
        assert client.patch(world.preferences, json={"channels": []}).status_code == 404


def link(world: World, channel: unsubscribing.Channel = "email") -> str:
    return f"/unsubscribe/{unsubscribing.token_of(Keys(SECRET), world.patient, channel)}"


def test_a_link_that_is_opened_changes_nothing_and_one_post_ends_reminders(world: World) -> None:
    anybody = world.service.client()
    for method in ("GET", "GET"):
        page = anybody.request(method, link(world))
        assert page.status_code == 200
        assert '<form method="post">' in page.text
        assert page.headers.get_list("content-security-policy") == [
            "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
        ]
    assert world.me.get(world.preferences).json()["version"] == 0
    for _ in range(2):
        done = anybody.post(link(world), data={"List-Unsubscribe": "One-Click"})
        assert done.status_code == 200
    wishes = world.me.get(world.preferences).json()
    assert (wishes["reminders"], wishes["channels"], wishes["version"]) == ([], ["email"], 1)
    entry = world.me.get(f"/patients/{world.patient}/accesses").json()["items"][0]
    assert (entry["what"], entry["role"]) == ("notification_preference:insert", "anonymous")


def test_it_ends_those_of_one_channel_and_keeps_the_other_wishes(world: World) -> None:
    world.me.patch(world.preferences, json={"channels": ["email", "sms"], "reminders": ["email", "sms"]})
    world.service.client().post(link(world, "sms"))
    assert world.me.get(world.preferences).json()["reminders"] == ["email"]


def test_no_other_link_opens_anything(world: World) -> None:
    anybody = world.service.client()
    right = link(world)
    flipped = right[:-1] + ("A" if right[-1] != "A" else "B")
    foreign = f"/unsubscribe/{unsubscribing.token_of(Keys('another secret'), world.patient, 'email')}"
    for wrong in (flipped, right[:-4], right + "AAAA", foreign, "/unsubscribe/%00", "/unsubscribe/é", "/unsubscribe/a"):
        for method in ("GET", "POST"):
            told: httpx.Response = anybody.request(method, wrong)
            assert told.status_code == 404, wrong
    assert world.me.get(world.preferences).json()["version"] == 0


def test_a_clinic_says_when_to_remind(world: World) -> None:
    admin = world.service.client(world.make.token("admin"))
    url = f"/clinics/{world.clinic}"
    assert {admin.get(url).json()[name] for name in ("remind_day_min", "remind_hours_min")} == {1440, 120}
    changed = admin.patch(url, json={"remind_day_min": 2880, "remind_hours_min": None}).json()
    assert (changed["remind_day_min"], changed["remind_hours_min"]) == (2880, None)
    assert admin.patch(url, json={"remind_day_min": 0}).status_code == 422
    assert admin.post("/clinics", json={"name": "New", "time_zone": "UTC"}).json()["remind_day_min"] == 1440


def test_an_export_holds_the_messages_and_an_erasure_takes_the_wishes(world: World) -> None:
    world.message()
    world.me.patch(world.preferences, json={"quiet_from": "21:00", "quiet_until": "07:30"})
    export = world.me.get(f"/patients/{world.patient}/export").json()
    assert [message["kind"] for message in export["notifications"]] == ["confirmation"]
    assert export["notification_preferences"]["quiet_from"].startswith("21:00")
    world.make.conn.execute("UPDATE appointment SET status = 'cancelled' WHERE id = %s", (world.visit,))
    admin = world.service.client(world.make.token("admin"))
    erased = admin.post(f"/patients/{world.patient}/erasures", json={"reason": "asked in person"})
    assert erased.json()["removed"]["notification_preference"]["rows"] == 1
    assert world.make.conn.execute(
        "SELECT count(*) FROM notification_preference WHERE patient_id = %s", (world.patient,)
    ).fetchone() == (0,)
