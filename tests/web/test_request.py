"""What surrounds every request: permissions declared, problems, ids, idempotency, lists, metrics, quiet logs."""

import asyncio
import contextlib
import http.client
import json
import re
from typing import Annotated
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from fastapi import APIRouter, FastAPI

from frontdesk.app import create_app
from frontdesk.auth.guard import allow, refuse_undeclared
from frontdesk.settings import Settings
from frontdesk.web.middleware import RetryDeadlocks
from tests.booking.conftest import World
from tests.booking.conftest import world as world  # a fixture
from tests.service import SECRET, Service

pytestmark = pytest.mark.postgres("18")


def test_the_app_declares_a_permission_at_every_endpoint() -> None:
    app = create_app(Settings(secret=SECRET, database_url="postgresql://nowhere/none"))
    assert len(app.state.templates) > 40


def test_an_undeclared_endpoint_stops_the_start() -> None:
    inner, outer, app = APIRouter(), APIRouter(), FastAPI(openapi_url=None)

    @inner.get("/forgotten")
    async def forgotten() -> None: ...

    outer.include_router(inner, prefix="/deep")
    app.include_router(outer, prefix="/api")
    with pytest.raises(RuntimeError, match="/api/deep/forgotten"):
        refuse_undeclared(app.routes)


def test_a_misspelt_permission_stops_the_import() -> None:
    with pytest.raises(KeyError):
        Annotated[object, allow("patients:raed")]


def test_who_sends_too_much_hears_so_and_may_go_on(service: Service) -> None:
    """On the same connection, whether the body says how large it is or not: its rest is not taken for a request."""
    with contextlib.closing(
        http.client.HTTPConnection(httpx.URL(service.api).netloc.decode(), timeout=30)
    ) as connection:
        connection.connect()
        connection.auto_open = 0
        for content in (b"x" * 6_000_000, iter([b"x" * 100_000] * 60)):
            connection.request("POST", "/api/v1/holds", body=content)
            answer = connection.getresponse()
            assert (answer.status, json.load(answer)["type"]) == (413, "/problems/too-large")
            connection.request("GET", "/api/v1/providers")
            answer = connection.getresponse()
            assert (answer.status, len(answer.read()) > 0) == (200, True)


def test_problems_are_problems_everywhere(service: Service) -> None:
    api = service.client()
    cases = [
        (api.get("/nowhere"), 404, "/problems/not-found"),
        (api.put("/appointments"), 405, "/problems/method-not-allowed"),
        (api.get("/appointments"), 401, "/problems/unauthenticated"),
        (api.post("/holds", json={"start": "2026-01-01T00:00:00"}), 422, "/problems/invalid-request"),
        (api.post("/holds", content=b"\xff\x00{"), 422, "/problems/invalid-request"),
        (api.post("/holds", content=b"x" * 1_000_001), 413, "/problems/too-large"),
        (api.post("/holds", content=iter([b"x" * 600_000] * 2)), 413, "/problems/too-large"),
        (api.get("/providers", params={"cursor": "AAAA"}), 422, "/problems/invalid-request"),
        (api.get("/providers", headers={"Authorization": "Bearer x.y.z"}), 401, "/problems/unauthenticated"),
    ]
    for answer, status, kind in cases:
        assert (answer.status_code, answer.json().get("type")) == (status, kind), answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert UUID(answer.headers["x-request-id"])


def test_a_day_or_an_instant_is_never_read_from_a_number(world: World) -> None:
    """20261121 as seconds would be a day of 1970, in silence."""
    for moment in ("20261121", "1795000000"):
        assert world.desk.get("/appointments", params={"from": moment}).status_code == 422
    for start in (1795000000, "1795000000", 1795000000.5):
        assert world.me.post("/holds", json=world.body(9, start=start)).status_code == 422
    born = {"first_name": "A", "last_name": "B", "date_of_birth": 946684800}
    assert world.desk.post("/patients", json=born).status_code == 422
    assert world.desk.post("/patients", json=born | {"date_of_birth": "2000-01-01"}).status_code == 201


def test_a_refusal_does_not_quote_what_was_sent(service: Service) -> None:
    answer = service.client().post("/auth/register", json={"email": "canary-name", "first_name": "Canary" * 100})
    assert answer.status_code == 422
    assert "anary" not in answer.text


@pytest.mark.postgres("18", "15")
def test_a_repeated_write_has_one_effect_and_one_answer(world: World) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    first = world.me.post("/appointments", json=world.body(9), headers=key)
    second = world.me.post("/appointments", json=world.body(9), headers=key)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    assert first.headers["etag"] == second.headers["etag"]
    other = world.me.post("/appointments", json=world.body(10), headers=key)
    assert (other.status_code, other.json()["type"]) == (422, "/problems/idempotency-key-reused")


def test_a_refusal_is_not_remembered(world: World) -> None:
    blocker = world.book(9)
    stranger = world.service.client(world.make.token("patient", patient_id=world.make.patient()))
    key = {"Idempotency-Key": str(uuid4())}
    assert stranger.post("/appointments", json=world.body(9), headers=key).status_code == 409
    world.me.delete(f"/appointments/{blocker['id']}")
    assert stranger.post("/appointments", json=world.body(9), headers=key).status_code == 201


def test_the_kept_answer_is_sealed(world: World) -> None:
    key = str(uuid4())
    world.me.post("/appointments", json=world.body(9, reason="canary reason"), headers={"Idempotency-Key": key})
    row = world.make.conn.execute("SELECT answer FROM idempotency_key WHERE key = %s", [key]).fetchone()
    assert row is not None
    assert b"canary" not in row[0]


@pytest.mark.postgres("18", "15")
def test_pages_join_without_gap_or_repetition(world: World) -> None:
    booked = [world.book(hours)["id"] for hours in (9, 9.5, 10, 10.5, 11)]
    seen, cursor = [], None
    while True:
        params = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = world.me.get("/appointments", params=params).json()
        assert len(page["items"]) <= 2
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == booked


@pytest.mark.postgres("18", "15")
def test_dates_in_a_list_mean_days_of_the_clinic(world: World) -> None:
    clinic = world.make.clinic("Pacific/Auckland")
    world.make.every_day(world.provider, clinic)
    booked = world.book(20, clinic_id=str(clinic))  # 20:00 UTC is tomorrow morning in Auckland
    day = world.at(24).date().isoformat()
    listed = world.me.get("/appointments", params={"from": day}).json()["items"]
    assert [item["id"] for item in listed] == [booked["id"]]
    assert world.me.get("/appointments", params={"to": day}).json()["items"] == []


def test_metrics_count_over_all_workers(world: World) -> None:
    def booked() -> float:
        lines = httpx.get(f"{world.service.url}/metrics").text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith("appointments_booked_total"))

    before = booked()
    for hour in range(8):
        world.service.client(world.me.headers["authorization"].split()[1]).post("/appointments", json=world.body(hour))
    assert booked() == before + 8
    text = httpx.get(f"{world.service.url}/metrics").text
    assert 'route="/api/v1/appointments"' in text
    assert str(world.patient) not in text


def test_docs_work_without_the_internet(service: Service) -> None:
    for page in ("/docs", "/redoc"):
        text = httpx.get(service.url + page).text
        assert "http://" not in text.replace("http://www.w3.org", "")
        assert "https://" not in text
    document = httpx.get(f"{service.url}/openapi.json", timeout=60).json()
    taken = document["paths"]["/api/v1/appointments"]["post"]["responses"]["409"]["content"]
    assert list(taken) == ["application/problem+json"]


def test_logs_hold_templates_and_ids_only(world: World) -> None:
    world.me.get("/patients", params={"q": "canary"})
    world.me.get(f"/patients/{world.patient}")
    text = world.service.log_path.read_text()
    assert "canary" not in text
    assert str(world.patient) not in text


class _Flaky:
    """An application whose transaction is given up `failures` times."""

    def __init__(self, failures: int) -> None:
        self.failures, self.bodies = failures, []

    async def __call__(self, scope, receive, send) -> None:  # type: ignore[no-untyped-def]
        self.bodies.append((await receive())["body"])
        if len(self.bodies) <= self.failures:
            raise psycopg.errors.DeadlockDetected
        await send({"type": "http.response.start", "status": 201, "headers": []})
        await send({"type": "http.response.body", "body": b""})


@pytest.mark.postgres("18", "15")
@pytest.mark.parametrize(("failures", "status", "calls"), [(0, 201, 1), (2, 201, 3), (99, 503, 6)])
def test_a_given_up_transaction_is_repeated_with_the_same_body(failures: int, status: int, calls: int) -> None:
    app = _Flaky(failures)
    sent: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"body", "more_body": False}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    asyncio.run(RetryDeadlocks(app)({"type": "http", "method": "POST"}, receive, send))
    assert app.bodies == [b"body"] * calls
    assert sent[0]["status"] == status
    if status == 503:
        assert json.loads(sent[1]["body"])["type"] == "/problems/busy"  # type: ignore[arg-type]


@pytest.mark.parametrize("path", ["/healthz", "/api/v1/clinics", "/api/v1/patients", "/nowhere", "/openapi.json"])
def test_an_answer_may_do_nothing_in_a_browser(service: Service, path: str) -> None:
    """Refusals and errors too."""
    headers = httpx.get(f"{service.url}{path}").headers
    assert headers["content-security-policy"].startswith("default-src 'none'; frame-ancestors 'none'")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "access-control-allow-origin" not in headers
    assert "strict-transport-security" not in headers  # not in production


def test_documentation_pages_load_from_here_only(service: Service) -> None:
    for path in ("/docs", "/redoc"):
        page = httpx.get(f"{service.url}{path}")
        assert page.headers["content-security-policy"].startswith("default-src 'self'; ")
        assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
        loaded = re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=\"([^\"]+)\"", page.text)
        assert loaded
        assert all(url.startswith(("/", "data:")) for url in loaded), loaded
