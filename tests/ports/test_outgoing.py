"""Messages: stored with the change they speak of, sealed, sent by the worker at least once; and the file they go to."""

import asyncio
import json
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from frontdesk import db, ids
from frontdesk.ports import outgoing
from frontdesk.ports.notifications import Message, NotificationFile, Notifications, Nowhere, notifications_of
from frontdesk.secrets import Keys
from frontdesk.settings import Settings
from tests.service import SECRET, Service

KEYS = Keys("a secret of this test alone, long enough")
STAMP = {"changed_by": ids.SYSTEM, "request_id": ids.SYSTEM}
CODE = Message(kind="verification-code", channel="phone", to="+49 30 1", parameters={"code": "246810"})


def enqueue(dsn: str, message: Message = CODE, *, ttl: timedelta = timedelta(hours=1), commit: bool = True) -> None:
    async def go() -> None:
        async with await db.connect(Settings(), dsn) as conn, conn.transaction(force_rollback=not commit):
            await outgoing.enqueue(conn, KEYS, message, STAMP, ttl)

    asyncio.run(go())


def deliver(dsn: str, way: Notifications, keys: Keys = KEYS) -> int:
    async def go() -> int:
        async with await db.connect(Settings(), dsn) as conn:
            return await outgoing.deliver_to(way, conn, keys)

    return asyncio.run(go())


def waiting(conn: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    return conn.execute("SELECT attempts, next_at > now() FROM outgoing_message").fetchall()


class Away:
    """A mail server that cannot be reached."""

    async def send(self, message: Message) -> None:
        raise ConnectionError(f"cannot reach the server for {message.to}")


def test_a_message_leaves_once_and_nothing_of_it_stays(database: str, db: psycopg.Connection, tmp_path: Path) -> None:
    way = NotificationFile(tmp_path / "outgoing.jsonl")
    enqueue(database)
    (row,) = db.execute("SELECT sealed FROM outgoing_message").fetchall()
    assert b"246810" not in row[0]
    assert (deliver(database, way), deliver(database, way)) == (1, 0)
    (line,) = map(json.loads, (tmp_path / "outgoing.jsonl").read_text().splitlines())
    assert line.pop("at")
    assert line == {
        "kind": "verification-code",
        "channel": "phone",
        "to": "+49 30 1",
        "parameters": {"code": "246810"},
    }
    assert waiting(db) == []


def test_what_was_rolled_back_is_not_sent(database: str, tmp_path: Path) -> None:
    enqueue(database, commit=False)
    assert deliver(database, NotificationFile(tmp_path / "outgoing.jsonl")) == 0


def test_a_message_that_fails_comes_later_and_the_log_names_nobody(
    database: str,
    db: psycopg.Connection,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    enqueue(database)
    assert (deliver(database, Away()), waiting(db)) == (0, [(1, True)])
    told = "".join([caplog.text, *capsys.readouterr()])  # whether or not logs are configured by now
    assert "message_not_sent" in told
    assert "+49" not in told
    assert "246810" not in told
    way = NotificationFile(tmp_path / "outgoing.jsonl")
    assert deliver(database, way) == 0, "not before its time"
    db.execute("UPDATE outgoing_message SET next_at = now()")
    assert (deliver(database, way), waiting(db)) == (1, [])


def test_one_that_fails_does_not_keep_back_the_others(database: str, db: psycopg.Connection, tmp_path: Path) -> None:
    enqueue(database, Message(kind="other", channel="email", to="bad@clinic.test"))
    enqueue(database)
    good = NotificationFile(tmp_path / "outgoing.jsonl")

    class Half:
        async def send(self, message: Message) -> None:
            if message.to == "bad@clinic.test":
                raise ValueError
            await good.send(message)

    assert deliver(database, Half()) == 1
    assert waiting(db) == [(1, True)]


def test_what_is_of_no_use_any_more_or_unreadable_is_dropped(database: str, db: psycopg.Connection) -> None:
    enqueue(database, ttl=timedelta(seconds=-1))
    assert (deliver(database, Away()), waiting(db)) == (0, [])
    enqueue(database)
    assert (deliver(database, Nowhere(), Keys("another secret")), waiting(db)) == (0, [])


def test_the_file_is_its_owner_s_alone_whoever_made_it(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "outgoing.jsonl"
    asyncio.run(NotificationFile(path).send(CODE))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    asyncio.run(NotificationFile(path).send(CODE))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(path.read_text().splitlines()) == 2


def test_settings_say_where_messages_go(tmp_path: Path) -> None:
    assert isinstance(notifications_of(Settings(notifications="off")), Nowhere)
    asyncio.run(notifications_of(Settings(data_dir=tmp_path)).send(CODE))
    assert (tmp_path / "outgoing.jsonl").exists()


def test_a_message_shows_neither_whom_it_is_for_nor_what_it_says() -> None:
    assert repr(CODE) == "Message(kind='verification-code', channel='phone')"


@pytest.fixture
def worker(service: Service, tmp_path: Path) -> Iterator[Path]:
    """The background worker as an operator runs it; its file of messages."""
    env = service.environment | {"FRONTDESK_DATA_DIR": str(tmp_path), "FRONTDESK_WORKER_INTERVAL": "PT0.05S"}
    with (tmp_path / "worker.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "frontdesk", "worker"], env=env, stdout=log, stderr=log)
        try:
            yield tmp_path
        finally:
            process.terminate()
            process.wait(30)


def test_the_worker_answers_who_forgot_a_password(service: Service, worker: Path) -> None:
    email = f"u{ids.new_id().hex}@post.test"
    body = {"email": email, "password": "correct horse", "first_name": "Pia", "last_name": "Fall"}
    with service.client() as api:
        assert api.post("/auth/register", json=body | {"date_of_birth": "1990-02-28"}).status_code == 201
        assert api.post("/auth/password-reset", json={"email": email}).status_code == 202
        token = _arrived(worker / "outgoing.jsonl", email)
        new = {"token": token, "password": "staple battery nine"}
        assert api.post("/auth/password-reset/confirm", json=new).status_code == 200
        answer = api.post("/auth/token", data={"username": email, "password": "staple battery nine"})
        assert answer.status_code == 200
    told = (worker / "worker.log").read_text() + service.log_path.read_text()
    assert email not in told
    assert token not in told
    assert SECRET not in told


def _arrived(path: Path, email: str) -> str:
    """The token in the message to this address, as soon as it is there; the test's time limit ends the wait."""
    while True:
        lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        for line in lines:
            if line["to"] == email and line["kind"] == "password-reset":
                return str(line["parameters"]["token"])
        time.sleep(0.05)
