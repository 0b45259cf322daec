"""What stands between the service and its callers, from outside: real sockets, real certificates."""

import asyncio
import datetime
import ipaddress
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import ValidationError
from starlette.types import Receive, Scope, Send

from frontdesk.schema import migrate as schema
from frontdesk.settings import Settings
from frontdesk.supervisor.postgres import EmbeddedPostgres
from frontdesk.web.edge import BehindProxies, networks
from tests.conftest import copy_database, drop_database
from tests.make import Make
from tests.service import TRUST, Service

pytestmark = pytest.mark.postgres("18")


@contextmanager
def served(postgres: EmbeddedPostgres, folder: Path, **env: str) -> Iterator[Service]:
    dsn = copy_database(postgres)
    service = Service(dsn, folder, workers=1, **env)
    service.start()
    try:
        yield service
    finally:
        service.stop()
        drop_database(postgres, dsn)


@pytest.fixture(scope="module")
def guarded(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with served(
        postgres,
        tmp_path_factory.mktemp("guarded"),
        FRONTDESK_ALLOWED_HOSTS="127.0.0.1, desk.example.test",
        FRONTDESK_CORS_ORIGINS="https://portal.example.test",
        FRONTDESK_BODY_TIMEOUT="PT1S",
        FRONTDESK_LOCK_TIMEOUT="PT0.5S",
    ) as service:
        yield service


def test_only_names_of_ours_are_answered(guarded: Service) -> None:
    for host, status in (
        ("127.0.0.1", 200),
        (f"127.0.0.1:{guarded.port}", 200),
        ("DESK.example.test", 200),
        ("evil.test", 421),
        ("127.0.0.1.evil.test", 421),
        ("", 421),
    ):
        answer = httpx.get(f"{guarded.url}/healthz", headers={"Host": host})
        assert answer.status_code == status, host
    assert answer.json()["type"] == "/problems/unknown-host"


def test_pages_of_listed_origins_may_call_and_no_others(guarded: Service, service: Service) -> None:
    def asked(of: Service, origin: str) -> httpx.Headers:
        asks = {"Origin": origin, "Access-Control-Request-Method": "POST", "Host": f"127.0.0.1:{of.port}"}
        return httpx.options(f"{of.api}/appointments", headers=asks).headers

    allowed = asked(guarded, "https://portal.example.test")
    assert allowed["access-control-allow-origin"] == "https://portal.example.test"
    assert "access-control-allow-credentials" not in allowed
    assert "access-control-allow-origin" not in asked(guarded, "https://evil.test")
    assert "access-control-allow-origin" not in asked(service, "https://portal.example.test")


def test_an_answer_that_needs_no_body_waits_for_it_and_the_connection_goes_on(service: Service) -> None:
    """A form is asked for, JSON is sent: the body is not looked at, and comes a moment after the head."""
    head = "POST /api/v1/auth/token HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as caller:
        caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        answers = caller.makefile("rb")
        for number in range(100):
            caller.sendall(f"{head}Content-Length: 2\r\n\r\n".encode())
            httpx.get(f"{service.url}/healthz", verify=TRUST)
            caller.sendall(b"{}")
            status = answers.readline()
            assert b"422" in status, f"request {number}: {status!r}"
            length = 0
            while (line := answers.readline().strip()) != b"":
                name, _, value = line.partition(b":")
                assert name != b"connection", "closed"
                length = int(value) if name == b"content-length" else length
            answers.read(length)


def test_a_body_that_dribbles_is_cut_off(guarded: Service) -> None:
    with socket.create_connection(("127.0.0.1", guarded.port), timeout=20) as caller:
        head = "POST /api/v1/auth/refresh HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        caller.sendall(f'{head}Content-Length: 1000\r\n\r\n{{"refresh'.encode())
        said = b""
        while chunk := caller.recv(4096):
            said += chunk
            if b"too-slow" in said:
                break
    assert said.startswith(b"HTTP/1.1 408 ")
    assert httpx.get(f"{guarded.url}/healthz").status_code == 200


def test_waiting_for_one_row_does_not_keep_all_others_out(guarded: Service) -> None:
    """More bookings than there are connections wait for a provider somebody holds; others are answered meanwhile."""
    with (
        psycopg.connect(guarded.dsn, autocommit=True) as conn,
        psycopg.connect(guarded.dsn) as holder,
        httpx.Client(base_url=guarded.api, timeout=30) as client,
    ):
        make = Make(conn)
        clinic, provider, visit = make.clinic(), make.provider(), make.visit_type()
        make.every_day(provider, clinic)
        admin = {"Authorization": f"Bearer {make.token('admin')}"}
        start = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=2)).replace(
            hour=9, minute=0, second=0, microsecond=0
        )
        holder.execute("SELECT FROM provider WHERE id = %s FOR UPDATE", (provider,))
        body: dict[str, Any] = {
            "provider_id": str(provider),
            "clinic_id": str(clinic),
            "visit_type_id": str(visit),
            "patient_id": str(make.patient()),
            "start": start.isoformat(),
        }
        refused = client.post("/appointments", json=body, headers=admin)
        assert (refused.status_code, refused.json()["type"]) == (503, "/problems/busy")
        assert refused.headers["retry-after"]
        assert client.get(f"/providers/{provider}", headers=admin).status_code == 200
        holder.rollback()
        assert client.post("/appointments", json=body, headers=admin).status_code == 201


def test_a_database_that_is_not_migrated_is_not_ready(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    dsn = copy_database(postgres)
    newest = schema.migrations()[-1].name
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("DELETE FROM schema_migration WHERE name = %s", (newest,))
    service = Service(dsn, tmp_path, workers=1)
    with pytest.raises(AssertionError, match="not ready"):
        service.start(patience_s=5)
    drop_database(postgres, dsn)


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),  # a stranger says so
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.1.1.1, 198.51.100.1", "198.51.100.1"),  # the left one was made up
        ("10.0.0.1", "198.51.100.1, 10.0.0.2", "198.51.100.1"),  # through two of ours
        ("10.0.0.1", "not an address", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("2001:db8::1", "2001:db8:ffff::7", "2001:db8:ffff::7"),
    ],
)
def test_the_callers_address_is_the_rightmost_that_is_not_ours(peer: str, forwarded: str, client: str) -> None:
    believed = peer != "203.0.113.9"
    assert asyncio.run(seen_client(peer, forwarded)) == (client, "https" if believed else "http")


async def seen_client(peer: str, forwarded: str) -> tuple[str, str]:
    """Address and scheme as the application sees them."""
    seen: list[tuple[str, str]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((scope["client"][0], scope["scheme"]))

    headers = [(b"x-forwarded-for", forwarded.encode()), (b"x-forwarded-proto", b"https")]
    scope: Scope = {"type": "http", "client": (peer, 1), "scheme": "http", "headers": headers}
    trusted = networks("10.0.0.0/8, 2001:db8::1")
    await BehindProxies(app, trusted=trusted)(scope, None, None)  # type: ignore[arg-type]
    return seen[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("trusted_proxies", "10.0.0.0/33"),
        ("trusted_proxies", "everybody"),
        ("cors_origins", "*"),
        ("cors_origins", "https://*.example.test"),
        ("cors_origins", "portal.example.test"),
        ("tls_cert", "cert.pem"),
    ],
)
def test_a_setting_that_opens_a_door_by_mistake_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValidationError):
        Settings(**{name: value})  # type: ignore[arg-type]


def test_the_service_speaks_tls(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    certificate, key = _self_signed(tmp_path)
    dsn = copy_database(postgres)
    service = Service(dsn, tmp_path, FRONTDESK_TLS_CERT=str(certificate), FRONTDESK_TLS_KEY=str(key), workers=1)
    service.url = f"https://127.0.0.1:{service.port}"
    trust = ssl.create_default_context(cafile=str(certificate))
    try:
        service.start(verify=trust)
        answer = httpx.get(f"{service.url}/healthz", verify=trust)
        assert answer.json() == {"status": "ok"}
        assert answer.headers["strict-transport-security"].startswith("max-age=")
    finally:
        service.stop()
        drop_database(postgres, dsn)


def _self_signed(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "cert.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths
