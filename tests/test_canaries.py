"""What the search for canaries finds, and the places that would hold one if nobody took care."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from frontdesk.supervisor.postgres import EmbeddedPostgres
from tests import canaries
from tests.canaries import BORN_ON, WORD
from tests.make import Make
from tests.service import Service, free_port

PERSON = {"first_name": WORD, "last_name": f"{WORD}-two", "date_of_birth": str(BORN_ON)}


@pytest.mark.parametrize(
    "line", [f"a {WORD.lower()}", f"born on {BORN_ON}", "to ana.lima+1@mail.test", "?email=ana%40example.test"]
)
@pytest.mark.parametrize("name", ["service.log", "postgres.log.1", "err", "said.problems"])
def test_a_canary_is_found_and_named(tmp_path: Path, name: str, line: str) -> None:
    file = tmp_path / "somewhere" / name
    file.parent.mkdir()
    file.write_text(f"nothing\n{line}\n")
    found = canaries.leaks(tmp_path)
    file.write_text("nothing\n")  # or the whole run would be said to leak
    assert found == [f"{file}:2: {line}\n"]


def test_what_the_service_is_supposed_to_say_is_none(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("Demo log-ins: admin@frontdesk.test, patient@frontdesk.test\n")
    assert canaries.leaks(tmp_path) == []


@pytest.fixture
def alone(database: str, tmp_path: Path) -> Iterator[Service]:
    """A service with a database of its own, to be broken."""
    running = Service(database, tmp_path / "alone", workers=1)
    running.folder.mkdir()
    running.start()
    try:
        yield running
    finally:
        running.stop()


def test_a_fault_of_ours_is_logged_without_the_row_it_quotes(alone: Service, db: psycopg.Connection) -> None:
    """An unforeseen violation: the text of the error holds the whole row."""
    db.execute("ALTER TABLE patient ADD CONSTRAINT unforeseen CHECK (last_name NOT LIKE 'Zquvix%')")
    answer = alone.client(Make(db).token("admin")).post("/patients", json=PERSON)
    assert answer.status_code == 500
    assert WORD not in answer.text
    text = alone.log_path.read_text()
    assert "CheckViolation" in text
    assert canaries.leaks(alone.folder) == []


def test_refusals_quote_nobody(alone: Service, db: psycopg.Connection) -> None:
    make = Make(db)
    admin = alone.client(make.token("admin"))
    anybody = alone.client()
    refused = [
        admin.post("/patients", json=PERSON | {"national_id": [WORD]}),
        admin.post("/patients", json=PERSON | {"date_of_birth": WORD}),
        admin.post("/patients", json=PERSON | {"last_name": f"{WORD}\x00"}),
        admin.post("/patients", content=f'{{"first_name": "{WORD}"'),
        admin.get("/patients", params={"q": WORD, "cursor": WORD}),
        admin.get(f"/patients/{WORD}"),
        admin.get(f"/{WORD}"),
        anybody.get("/patients", params={"q": WORD}),
        anybody.post("/auth/token", data={"username": f"{WORD}@example.test", "password": WORD}),
        anybody.post("/auth/register", json=PERSON | {"email": WORD, "password": WORD}),
    ]
    assert admin.post("/patients", json=PERSON | {"external_ref": WORD}).status_code == 201
    refused.append(admin.post("/patients", json=PERSON | {"external_ref": WORD}))
    assert [answer.status_code // 100 for answer in refused] == [4] * len(refused)
    assert [answer.text for answer in refused if WORD in answer.text] == []
    assert alone.log_path.read_text().count('"event": "request"') >= len(refused)
    assert canaries.leaks(alone.folder) == []


def test_the_database_logs_no_statement_and_no_row(postgres: EmbeddedPostgres, db: psycopg.Connection) -> None:
    begin = postgres.log_path.stat().st_size
    with pytest.raises(psycopg.errors.DivisionByZero):
        db.execute(f"SELECT 1/0 AS {WORD}")
    db.execute("CREATE TABLE once (name text UNIQUE)")
    db.execute("INSERT INTO once VALUES (%s)", [WORD])
    with pytest.raises(psycopg.errors.UniqueViolation):
        db.execute("INSERT INTO once VALUES (%s)", [WORD])
    said = postgres.log_path.read_bytes()[begin:].decode()
    assert "division by zero" in said
    assert "once_name_key" in said
    assert WORD not in said


_FAULTS = f"""
import asyncio, gc, warnings
from frontdesk import logs

class Quoting:
    def __repr__(self): return "{WORD}"

async def fails(): raise ValueError("{WORD}")

async def main():
    asyncio.get_running_loop().call_soon(lambda _: 1 / 0, Quoting())
    asyncio.create_task(fails())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    gc.collect()

logs.configure("debug")
asyncio.run(main())
warnings.warn("{WORD}")
"""


def test_what_python_itself_logs_quotes_nothing() -> None:
    said = subprocess.run([sys.executable, "-c", _FAULTS], capture_output=True, text=True, check=True).stderr
    for told in ("Task exception was never retrieved", "Exception in callback", "UserWarning", "ZeroDivisionError"):
        assert told in said
    assert WORD not in said


_FAILING_SERVER = f"""
import sys, threading, urllib.error, urllib.request
from granian.server.embed import Server
import asyncio, logging.config
from frontdesk.server import LOGGING

async def app(scope, receive, send):
    raise ValueError("{WORD}")

async def main(port):
    server = Server(app, address="127.0.0.1", port=port, interface="asginl", log_dictconfig=LOGGING)
    serving = asyncio.create_task(server.serve())
    while not await asyncio.to_thread(answers, port):
        await asyncio.sleep(0.05)
    server.stop()
    await serving

def answers(port):
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{{port}}/{WORD}", timeout=5)
    except urllib.error.HTTPError as error:
        return error.code == 500
    except OSError:
        return False

asyncio.run(main(int(sys.argv[1])))
"""


def test_the_server_names_an_escaped_exception_without_its_text() -> None:
    """Starlette raises what became a 500 once more, for the server to log."""
    said = subprocess.run(
        [sys.executable, "-c", _FAILING_SERVER, str(free_port())], capture_output=True, text=True, check=True
    ).stderr
    assert "granian ERROR Application callable raised an exception" in said
    assert WORD not in said
