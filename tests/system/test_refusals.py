"""What cannot work is said in one line, without a traceback and without a secret."""

import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from frontdesk.settings import Settings
from frontdesk.supervisor import weak
from frontdesk.supervisor.postgres import EmbeddedPostgres
from tests.make import Make
from tests.system.service import PATIENCE_S, clean_environment, service
from tests.system.test_cli import frontdesk


def refusal(folder: Path, **settings: str) -> str:
    """The one line on standard error of a start that is refused."""
    with service(folder, **settings) as started:
        assert started.process.wait(PATIENCE_S) == 1
        assert started.out == []
        (line,) = started.err
        assert line.startswith("frontdesk: ")
        return line


_PRODUCTION = {"FRONTDESK_ENV": "production", "FRONTDESK_SECRET": "a secret for tests only, long enough to pass"}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"FRONTDESK_PORT": "70000"}, "FRONTDESK_PORT: "),
        ({"FRONTDESK_WORKERS": "many"}, "FRONTDESK_WORKERS: "),
        ({"FRONTDESK_ENV": "staging"}, "FRONTDESK_ENV: "),
        ({"FRONTDESK_ENV": "production"}, "FRONTDESK_SECRET"),
        ({"FRONTDESK_ENV": "production", "FRONTDESK_SECRET": "hunter2"}, "too weak"),
        (
            _PRODUCTION | {"FRONTDESK_DATABASE_URL": "postgresql://app:postgres@127.0.0.1:1/x"},
            "password in database_url",
        ),
        (_PRODUCTION | {"FRONTDESK_OWNER_DATABASE_URL": "host=h user=Own password=own"}, "owner_database_url"),
        ({"FRONTDESK_HOST": "no-such-host.invalid"}, "FRONTDESK_HOST: "),
        ({"FRONTDESK_HOST": "192.0.2.1"}, "cannot listen on 192.0.2.1"),
        ({"FRONTDESK_CONFIG": "missing.yaml"}, "FRONTDESK_CONFIG: "),
        ({"FRONTDESK_DATABASE_URL": "postgresql://hunter2@127.0.0.1:1/x"}, "cannot be reached"),
        ({"FRONTDESK_DATABASE_URL": "mysql://frontdesk:hunter2@127.0.0.1/x"}, "not a valid postgresql:// URL"),
    ],
)
def test_a_bad_setting_is_one_line(tmp_path: Path, settings: dict[str, str], expected: str) -> None:
    line = refusal(tmp_path, **settings)
    assert expected in line
    assert "hunter2" not in line


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"port {port}" in refusal(tmp_path, FRONTDESK_PORT=str(port))


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "cannot be written" in refusal(tmp_path, FRONTDESK_DATA_DIR=str(tmp_path / "file" / "data"))


def test_a_broken_settings_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("port: [1, hunter2")
    line = refusal(tmp_path, FRONTDESK_CONFIG="bad.yaml")
    assert "FRONTDESK_CONFIG" in line
    assert "hunter2" not in line


@contextmanager
def old_server(version: str) -> Iterator[int]:
    """Something that speaks just enough of PostgreSQL's protocol to name its version; yields the port."""

    def message(kind: bytes, body: bytes) -> bytes:
        return kind + (len(body) + 4).to_bytes(4, "big") + body

    def answer(listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                while client.recv(4096)[4:8] in {b"\x04\xd2\x16\x2f", b"\x04\xd2\x16\x30"}:
                    client.sendall(b"N")  # neither TLS nor GSS
                client.sendall(
                    message(b"R", (0).to_bytes(4, "big"))
                    + message(b"S", b"server_version\0" + version.encode() + b"\0")
                    + message(b"S", b"client_encoding\0UTF8\0")
                    + message(b"Z", b"I")
                )
                client.recv(4096)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer, args=(listener,))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def test_a_server_that_is_too_old_is_refused(tmp_path: Path) -> None:
    with old_server("14.12") as port:
        line = refusal(tmp_path, FRONTDESK_DATABASE_URL=f"postgresql://someone@127.0.0.1:{port}/x")
    assert "PostgreSQL 14 is too old" in line


@pytest.mark.parametrize("command", [["serve"], ["worker"], ["migrate"], ["demo"]])
def test_commands_without_a_database_say_so(tmp_path: Path, command: list[str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "frontdesk", *command],
        env=clean_environment() | {"FRONTDESK_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=PATIENCE_S,
    )
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        "frontdesk: no database: set FRONTDESK_DATABASE_URL, or leave `frontdesk run` running beside this"
    ]


def test_production_does_not_start_with_log_ins_of_the_demo(home: Callable[[], Path]) -> None:
    folder = home()
    postgres = EmbeddedPostgres(folder / "data/postgres")
    postgres.start()
    try:
        with psycopg.connect(postgres.dsn(), autocommit=True) as conn:
            Make(conn).row(
                "user_account", email="Admin@frontdesk.test", password_hash="none", role="admin", active=False
            )
    finally:
        postgres.stop()
    with service(folder, **_PRODUCTION) as allowed:
        allowed.wait_until_ready()
        with allowed.database() as conn:
            conn.execute("UPDATE user_account SET active = true")
        told = frontdesk(allowed, "doctor", **_PRODUCTION, FRONTDESK_RATE_LIMITS="off")
        assert told.returncode == 1
        assert "FRONTDESK_RATE_LIMITS is off" in told.stdout
        assert "active log-ins of the demo: Admin@frontdesk.test" in told.stdout
        assert "no demo in production" in frontdesk(allowed, "demo", **_PRODUCTION).stderr
        refused = frontdesk(allowed, "serve", **_PRODUCTION)
        assert (refused.returncode, "deactivate them" in refused.stderr) == (1, True)
        assert allowed.end() == 0
    assert "deactivate them" in refusal(folder, **_PRODUCTION)


def test_a_database_across_the_network_without_a_password_is_named() -> None:
    settings = Settings(
        env="production", secret="a secret for tests only, long enough to pass", database_url="host=db.example user=app"
    )
    assert weak.addresses_without_password(settings) == ["FRONTDESK_DATABASE_URL"]
    by_socket = settings.model_copy(update={"database_url": SecretStr("host=/run/postgresql user=app")})
    assert weak.addresses_without_password(by_socket) == []
