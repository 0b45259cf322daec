"""The scans find what they are for, and say so when they could not look."""

import base64
import secrets as random
import subprocess
from pathlib import Path

import pytest

from frontdesk import ids
from tests.scan import dependencies, secrets
from tests.scan.dependencies import Verdict

ROOT = Path(__file__).parents[2]

# Put together here, or this file would be a suspect itself.
SECRETS = {
    "private key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "AWS key": "AKIA" + "IOSFODNN7EXAMPLE",
    "GitHub token": "ghp_" + "a1B2" * 9,
    "Slack token": "xoxb-" + "1234567890-abcdef",
    "PyPI token": "pypi-" + "AgEIcHlwaS5vcmcC" * 3,
    "JSON Web Token": ".".join(("eyJhbGciOi" + "JIUzI1NiJ9", "eyJzdWIi" + "OiIxMjM0" + "NTY3ODkwIn0", "c2lnbmF0dXJl")),
    "password in an address": "postgresql://frontdesk:" + "hunter2@db.example/frontdesk",
}


@pytest.mark.parametrize("kind", SECRETS)
def test_a_secret_is_known_by_its_form(kind: str) -> None:
    (found, *_) = secrets.suspects("settings.yaml", f"fine\nvalue: {SECRETS[kind]}\n")
    assert (found.path, found.line, found.kind) == ("settings.yaml", 2, kind)
    assert SECRETS[kind] not in str(found)


def test_random_strings_are_found_and_ids_are_not() -> None:
    """Of 500 keys of 32 bytes, in hex and in base64, nearly every one; of 500 ids and digests of a lock file none."""
    keys = [random.token_bytes(32) for _ in range(500)]
    written = [key.hex() for key in keys] + [base64.urlsafe_b64encode(key).decode() for key in keys]
    missed = [key for key in written if not list(secrets.suspects("a.py", f'KEY = "{key}"'))]
    assert len(missed) <= 10
    harmless = [f"id: {ids.new_id()}" for _ in range(500)] + [f"    --hash=sha256:{key.hex()} \\" for key in keys]
    assert [line for line in harmless if list(secrets.suspects("requirements.lock", line))] == []


def test_a_file_about_to_be_committed_is_read_and_an_ignored_one_is_not(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / ".gitignore").write_text(".data\n")
    (tmp_path / ".data").mkdir()
    for name in ("new.yaml", ".data/secret"):
        (tmp_path / name).write_text(SECRETS["AWS key"])
    found, files = secrets.scan(tmp_path)
    assert [suspect.path for suspect in found] == ["new.yaml"]
    assert files == 2


def test_each_exception_is_needed_and_says_why() -> None:
    allowed = [line.split(maxsplit=2) for line in secrets.ALLOWED.read_text("utf-8").splitlines()]
    assert all(len(parts) == 3 for parts in allowed)
    seen = {(s.path, s.fingerprint) for path, *_ in allowed for s in secrets.suspects(path, (ROOT / path).read_text())}
    assert {(path, fingerprint) for path, fingerprint, _ in allowed} == seen


HOLE = {"id": "PYSEC-0", "fix_versions": ["1.1"], "aliases": [], "description": ""}


def test_a_known_hole_is_named_with_the_version_that_mends_it() -> None:
    report = {"dependencies": [{"name": "leaky", "version": "1.0", "vulns": [HOLE]}], "fixes": []}
    verdict = dependencies.read(report)
    assert verdict.holes == ["leaky 1.0: PYSEC-0, mended in 1.1"]
    assert "dependency scan: 1 packages looked up, 1 known vulnerabilities" in verdict.lines()


def test_advisories_that_know_nobody_are_no_verdict() -> None:
    """A mirror without advisories answers "unknown" about every package, and pip-audit then ends with success."""
    report = {"dependencies": [{"name": "fastapi", "skip_reason": "not found"}], "fixes": []}
    (line,) = dependencies.read(report).lines()
    assert "NOT DONE" in line
    partly = {"dependencies": [*report["dependencies"], {"name": "orjson", "version": "3", "vulns": []}]}
    assert dependencies.read(partly).lines() == [
        "dependency scan: no verdict about fastapi",
        "dependency scan: 1 packages looked up, 0 known vulnerabilities",
    ]


def test_a_scan_that_fails_says_so(tmp_path: Path) -> None:
    verdict = dependencies.scan(tmp_path / "missing.lock")
    assert verdict.holes == []
    assert "NOT DONE" in verdict.lines()[-1]
    assert "NOT DONE" in Verdict().lines()[-1]
