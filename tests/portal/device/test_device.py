"""What a telephone is told: nothing of anybody who is not logged in."""

import base64
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID, uuid4

import httpx
import pytest

from frontdesk.auth.passwords import hash_password
from frontdesk.portal.assets import assets
from tests.html import Page
from tests.make import Make
from tests.portal.conftest import ACCEPT, Visitor
from tests.service import TRUST, Service

pytestmark = pytest.mark.postgres("18")

PASSWORD = "seven lamps over the harbour"
HASH = hash_password(PASSWORD)


def patient_of(make: Make, role: str = "patient") -> tuple[str, UUID | None]:
    """A log-in, and whose it is."""
    patient = make.patient() if role == "patient" else None
    email = f"{uuid4().hex}@portal.test"
    make.row("user_account", email=email, password_hash=HASH, role=role, patient_id=patient)
    return email, patient


@contextmanager
def opened(service: Service, email: str | None) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service.url, headers=ACCEPT, timeout=30, verify=TRUST) as client:
        if email:
            assert client.post("/login", data={"email": email, "password": PASSWORD}).status_code == 303
        yield client


@pytest.fixture
def nobody(service: Service) -> Iterator[httpx.Client]:
    with opened(service, None) as client:
        yield client


def told_by_browser() -> dict[str, str]:
    def key(size: int) -> str:
        return base64.urlsafe_b64encode(secrets.token_bytes(size)).decode().rstrip("=")

    return {"endpoint": f"https://fcm.googleapis.com/fcm/send/{uuid4()}", "p256dh": key(65), "auth": key(16)}


def test_it_can_be_installed(nobody: httpx.Client) -> None:
    page = nobody.get("/")
    (link,) = [one for one in Page(page).all("link") if one.get("rel") == "manifest"]
    assert "manifest-src 'self'" in page.headers["content-security-policy"]
    answer = nobody.get(str(link["href"]))
    assert answer.headers["content-type"] == "application/manifest+json"
    told = answer.json()
    assert (told["display"], told["start_url"], told["scope"]) == ("standalone", "/", "/")
    assert {(icon["sizes"], icon["purpose"]) for icon in told["icons"]} >= {("192x192", "any"), ("512x512", "maskable")}
    for icon in told["icons"]:
        shown = nobody.get(icon["src"])
        assert shown.headers["content-type"] == icon["type"]
        wide = int.from_bytes(shown.content[16:20])  # of a PNG: after the signature and the head of its first part
        assert f"{wide}x{wide}" == icon["sizes"]


def test_the_worker_may_fetch_and_nothing_else(nobody: httpx.Client) -> None:
    answer = nobody.get("/sw.js")
    assert answer.content == assets()["sw.js"].body
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["cache-control"] == "no-cache", "a new version is seen at once"
    assert answer.headers["content-security-policy"] == "default-src 'none'; connect-src 'self'"


def test_the_page_without_a_network_is_the_same_for_everybody(
    service: Service, make: Make, nobody: httpx.Client
) -> None:
    with opened(service, patient_of(make)[0]) as patient:
        assert patient.get("/offline").text == nobody.get("/offline").text


def test_the_next_visit_is_told_to_its_patient_alone(visitor: Visitor, nobody: httpx.Client) -> None:
    make = visitor.make
    clinic = make.clinic("Europe/Madrid", address="Calle Mayor 7", phone="+34 91 5550100")
    provider = make.provider(title="Dr.", first_name="Marisol", last_name="Quintanilla")
    email, patient = patient_of(make)
    start = visitor.at(24 * 30 + 9)
    place = (provider, clinic, visitor.visit_type)
    make.appointment(*place, start + timedelta(days=1), patient_id=patient, reason="a later one")
    make.appointment(*place, start, patient_id=patient, reason="a secret reason")
    make.appointment(*place, start - timedelta(days=1), patient_id=patient, status="cancelled", origin="imported")
    with opened(visitor.service, email) as client:
        answer = client.get("/device/next", headers={"Accept-Language": "en-GB"})
        assert answer.headers["cache-control"] == "no-store"
        said = answer.json()
        assert "Calle Mayor 7" in said["address"]
        assert said["who"] == "Dr. Marisol Quintanilla"
        assert (said["phone"], said["call"]) == ("+34 915 55 01 00", "tel:+34-915-55-01-00")
        assert said["when"].endswith(("10:00", "11:00")), "in the clinic's time"
        assert "secret" not in answer.text
        assert str(patient) not in answer.text
    with opened(visitor.service, patient_of(make)[0]) as another:
        assert another.get("/device/next").json() is None
    with opened(visitor.service, patient_of(make, "admin")[0]) as admin:
        assert admin.get("/device/next").status_code == 403
    assert nobody.get("/device/next").headers["location"].startswith("/login")


def test_messages_are_shown_after_a_yes_and_not_after_a_no(service: Service, make: Make) -> None:
    email, patient = patient_of(make)

    def agreed() -> list[str]:
        found = "SELECT channels FROM notification_preference WHERE patient_id = %s"
        row = make.conn.execute(found, [patient]).fetchone()
        return row[0] if row else []

    def known() -> int:
        row = make.conn.execute("SELECT count(*) FROM push_subscription WHERE patient_id = %s", [patient]).fetchone()
        return int(row[0]) if row else -1

    with opened(service, email) as client:
        assert client.get("/device").status_code == 200
        mine = told_by_browser()
        for _ in range(2):  # the same browser again is one
            assert client.post("/device/push", data=mine).headers["location"] == "/device"
        assert (known(), set(agreed())) == (1, {"email", "push"})
        assert "1 device shows" in Page(client.get("/device")).text
        strange = told_by_browser() | {"endpoint": "https://intranet.test/push"}
        for bad in (strange, mine | {"auth": "short"}, {"endpoint": mine["endpoint"]}, {}):
            answer = client.post("/device/push", data=bad)
            assert (answer.status_code, "cannot be reached" in answer.text) == (422, True)
        for _ in range(2):
            assert client.post("/device/push/stop").headers["location"] == "/device"
        assert (known(), agreed()) == (0, ["email"])
