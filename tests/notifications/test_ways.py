"""The other ways out, against real servers: a text gateway, Web Push as a browser reads it, messages of log-ins."""

import asyncio
import base64
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote

import http_ece
import jwt
import orjson
import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import SecretStr, ValidationError

from frontdesk import db, ids
from frontdesk.notifications import sending, ways, writing
from frontdesk.notifications.accounts import AccountMessages
from frontdesk.ports import outgoing, webpush
from frontdesk.ports.gateways import Gateway, known
from frontdesk.ports.letters import Away, Deferred, Gone, Letter, LetterFile, Refused, ToNobody
from frontdesk.ports.notifications import Message
from frontdesk.secrets import Keys
from frontdesk.settings import Settings
from frontdesk.supervisor import doctor
from tests.notifications.conftest import LEASE, Book
from tests.notifications.servers import Http, serving, serving_tls
from tests.notifications.sink import Sink
from tests.service import SECRET, free_port

KEYS = Keys(SECRET)


def letter(to: str, channel: str = "sms") -> Letter:
    said = {"subject": "Your visit", "text": "Tomorrow at 9"}
    return Letter(id=ids.new_id(), kind="reminder_day", channel=channel, to=to, **said)  # type: ignore[arg-type]


def test_a_text_leaves_by_the_gateway_the_settings_name() -> None:
    with serving() as gateway:
        way = Gateway(f"json://127.0.0.1:{gateway.port}/texts/{{to}}", patience_s=10)
        asyncio.run(way.send(letter("+49 170/1")))
        (got,) = gateway.got
        assert unquote(got.path) == "/texts/+49 170/1"
        assert json.loads(got.body)["message"] == "Tomorrow at 9"
        gateway.status = 500
        with pytest.raises(Deferred):
            asyncio.run(way.send(letter("+491701")))
    with pytest.raises(Deferred):
        asyncio.run(way.send(letter("+491701")))


def test_a_gateway_writes_no_number_into_any_log(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    with serving() as gateway:
        gateway.status = 400
        way = Gateway(f"json://127.0.0.1:{gateway.port}/{{to}}", patience_s=10)
        with pytest.raises(Deferred):
            asyncio.run(way.send(letter("+4917012345")))
    told = caplog.text + "".join(capfd.readouterr())
    assert "17012345" not in told


class Browser:
    """A device with its keys, as the Push API makes them."""

    def __init__(self, endpoint: str) -> None:
        self.key, self.auth = ec.generate_private_key(ec.SECP256R1()), b"0123456789abcdef"
        point = self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        keys = {"p256dh": _b64(point), "auth": _b64(self.auth)}
        self.told = orjson.dumps({"endpoint": endpoint, "keys": keys}).decode()

    def reads(self, body: bytes) -> dict[str, str]:
        opened: dict[str, str] = json.loads(
            http_ece.decrypt(body, private_key=self.key, auth_secret=self.auth, version="aes128gcm")
        )
        return opened


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


@pytest.fixture
def push(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Http]:
    """A push service that is taken for one that browsers use."""
    with serving_tls(tmp_path) as (service, certificate):
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        monkeypatch.setattr(webpush, "known", lambda endpoint: True)
        yield service


def test_a_push_message_is_read_by_the_device_alone_and_signed_by_the_key_it_knows(push: Http) -> None:
    browser = Browser(f"https://localhost:{push.port}/send/abc")
    sent = letter(browser.told, "push")
    way = webpush.WebPush(KEYS, "mailto:desk@clinic.test", patience_s=10)
    asyncio.run(way.send(sent))
    (got,) = push.got
    assert b"Tomorrow" not in got.body
    assert browser.reads(got.body) == {"title": "Your visit", "body": "Tomorrow at 9", "tag": str(sent.id)}
    scheme, fields = got.headers["authorization"].split(" ", 1)
    parts = dict(part.strip().split("=", 1) for part in fields.split(","))
    assert (scheme, parts["k"]) == ("vapid", webpush.public_key(KEYS))
    point = base64.urlsafe_b64decode(parts["k"] + "=")
    claims = jwt.decode(
        parts["t"],
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point),
        ["ES256"],
        audience=f"https://localhost:{push.port}",
    )
    assert claims["sub"] == "mailto:desk@clinic.test"


@pytest.mark.parametrize(
    ("status", "meant"), [(410, Gone), (404, Gone), (413, Refused), (429, Deferred), (503, Deferred)]
)
def test_what_a_push_service_answers_means(push: Http, status: int, meant: type[Exception]) -> None:
    push.status = status
    way = webpush.WebPush(KEYS, "mailto:desk@clinic.test", patience_s=10)
    with pytest.raises(meant) as said:
        asyncio.run(way.send(letter(Browser(f"https://localhost:{push.port}/x").told, "push")))
    assert (type(said.value), str(said.value)) == (meant, f"WebPush {status}")


def test_a_push_service_that_is_away(push: Http) -> None:
    way = webpush.WebPush(KEYS, "mailto:desk@clinic.test", patience_s=10)
    with pytest.raises(Away):
        asyncio.run(way.send(letter(Browser(f"https://localhost:{free_port()}/x").told, "push")))


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://fcm.googleapis.com/x",
        "https://localhost/x",
        "https://169.254.169.254/x",
        "https://fcm.googleapis.com.evil.test/x",
        "https://evilfcm.googleapis.com/x",
        "https://fcm.googleapis.com@evil.test/x",
        "https://fcm.googleapis.com:8443/x",
        "https://fcm.googleapis.com:x/x",
        "https://[::1/x",
        "",
    ],
)
def test_the_worker_speaks_to_push_services_alone(endpoint: str) -> None:
    assert not webpush.known(endpoint)
    assert webpush.known("https://updates.push.services.mozilla.com/wpush/v2/x")
    with pytest.raises(Gone):
        asyncio.run(webpush.WebPush(KEYS, "mailto:a@b.test", patience_s=1).send(letter(Browser(endpoint).told, "push")))


def test_all_devices_hear_of_it_and_those_that_are_gone_are_forgotten(
    book: Book, push: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "keys", lambda: KEYS)
    browsers = [Browser(f"https://localhost:{push.port}/{n}") for n in range(2)]
    for n, browser in enumerate(browsers):
        sealed = KEYS.seal(browser.told.encode())
        book.make.row("push_subscription", patient_id=book.patient, endpoint=bytes([n]), sealed=sealed)
    book.prefer(channels="{push}")

    async def send(conn: db.Connection) -> int:
        return await sending.send_by(
            conn, {"push": webpush.WebPush(KEYS, "mailto:a@b.test", patience_s=9)}, lease=LEASE
        )

    book.booked(timedelta(days=3))
    assert book.run(send) == 1
    assert sorted(got.path for got in push.got) == ["/0", "/1"]
    push.status = 410
    book.booked(timedelta(days=4))
    assert book.run(send) == 0
    assert book.told("status", "reason") == [("sent", None), ("failed", "WebPush 410")]
    assert book.conn.execute("SELECT count(*) FROM push_subscription").fetchone() == (0,)
    removed = "SELECT actor FROM audit_entry WHERE table_name = 'push_subscription' AND action = 'DELETE'"
    assert set(book.conn.execute(removed).fetchall()) == {(ids.SYSTEM,)}


# -- log-ins -----------------------------------------------------------------------------------------------------------


def test_codes_and_links_leave_by_the_same_mail_server_and_wait_while_it_is_away(
    database: str, db: psycopg.Connection, sink: Sink, tmp_path: Path
) -> None:
    config = Settings(smtp_url=SecretStr(sink.url), mail_from="Clinic <desk@clinic.test>", data_dir=tmp_path)

    async def enqueue_and_deliver(count: int) -> int:
        options = {"changed_by": ids.SYSTEM, "request_id": ids.SYSTEM}
        async with await connect(database) as conn:
            for _ in range(count):
                message = Message(
                    kind="password-reset", channel="email", to="pat@post.test", parameters={"token": "tok"}
                )
                await outgoing.enqueue(conn, KEYS, message, options, timedelta(hours=1))
            routes = ways.ways_of(config)
            async with routes["email"]:
                return await outgoing.deliver_to(AccountMessages(config, routes, conn), conn, KEYS)

    sink.close()
    assert asyncio.run(enqueue_and_deliver(3)) == 0
    tried = db.execute("SELECT count(*) FROM outgoing_message WHERE attempts > 0").fetchone()
    assert tried == (1,), "nobody is there for the others either"
    sink.open()
    db.execute("UPDATE outgoing_message SET next_at = now()")
    assert asyncio.run(enqueue_and_deliver(0)) == 3
    assert (len(sink.ids), set(sink.ids.values())) == (3, {1})
    for kind in ("plain", "html"):
        body = sink.messages[0].get_body((kind,))
        assert body is not None
        assert "tok" in body.get_content()
    assert not (tmp_path / "outgoing.jsonl").exists()


def test_without_a_server_all_goes_to_the_file_or_nowhere(tmp_path: Path) -> None:
    assert {type(way) for way in ways.ways_of(Settings(data_dir=tmp_path)).values()} == {LetterFile}
    assert {type(way) for way in ways.ways_of(Settings(notifications="off")).values()} == {ToNobody}
    path = tmp_path / "new" / "outgoing.jsonl"
    asyncio.run(LetterFile(path).send(letter("+491701")))
    assert json.loads(path.read_text())["text"] == "Tomorrow at 9"
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "wrong",
    [
        {"sms_url": "twilio://a:b@1/2"},
        {"push_url": "ntfy://{to}/{to}"},
        {"push_subscribe_url": "https://push.clinic.test/"},
        {"push_subscribe_url": "javascript:{to}"},
        {"smtp_url": "mail.clinic.test:25"},
    ],
)
def test_settings_that_cannot_work_are_refused_without_being_quoted(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings(**wrong)  # type: ignore[arg-type]
    assert "must" in refused.value.errors(include_input=False)[0]["msg"]


def test_doctor_tries_the_mail_server_and_reads_the_other_addresses(sink: Sink) -> None:
    def found(**more: object) -> tuple[bool, str]:
        looked = doctor._look("messages", lambda: doctor._messages(Settings(**more)))  # type: ignore[arg-type]
        return looked.good, looked.note

    assert found() == (True, "no mail server: they go where FRONTDESK_NOTIFICATIONS says")
    assert found(smtp_url=SecretStr(sink.url)) == (True, "the mail server lets us in")
    away = SecretStr(f"smtp://pat:secret@127.0.0.1:{free_port()}")
    good, note = found(smtp_url=away)
    assert not good
    assert "secret" not in note
    assert found(sms_url=SecretStr("nothing-known://x/{to}")) == (
        False,
        "FRONTDESK_SMS_URL is no address that Apprise knows",
    )
    assert known("json://127.0.0.1/{to}")


async def connect(dsn: str) -> db.Connection:
    return await db.connect(Settings(), dsn)
