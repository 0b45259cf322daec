"""The heads outside the database: each line vouches for itself and for the one before."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from frontdesk.audit.heads import NOTHING, Head, Heads
from tests.audit.trail import KEY

Lines = list[bytes]


def head(seq: int) -> Head:
    return Head(seq, hashlib.sha256(str(seq).encode()).digest())


@pytest.fixture
def heads(tmp_path: Path) -> Heads:
    return Heads(tmp_path / "data", KEY)


def test_heads_are_kept_in_order_and_none_twice(heads: Heads) -> None:
    for seq in (3, 3, 7, 7, 20):
        heads.anchor(head(seq))
    found = heads.read()
    assert found.faults == []
    assert found.digests == {seq: head(seq).digest.hex() for seq in (3, 7, 20)}
    assert (found.last, len(heads.file.read_bytes().splitlines())) == (20, 3)
    assert heads.file.stat().st_mode & 0o077 == 0


def test_an_empty_chain_has_no_head(heads: Heads) -> None:
    heads.anchor(NOTHING)
    assert heads.read().digests == {}


@pytest.mark.parametrize(
    ("tamper", "what"),
    [
        (lambda lines: [lines[0].replace(b'"seq": 1,', b'"seq": 2,'), *lines[1:]], "head 1 was altered"),
        (lambda lines: [lines[0], b"{}", *lines[2:]], "head 2 was altered"),
        (lambda lines: [lines[0], b"\xff", *lines[2:]], "head 2 was altered"),
        (lambda lines: [lines[0], *lines[2:]], "heads before head 2 are missing"),
        (lambda lines: [lines[0], lines[2], lines[1]], "heads before head 2 are missing"),
        (lambda lines: [*lines, lines[-1]], "heads before head 4 are missing"),
    ],
)
def test_a_file_that_was_tampered_with_shows_it(heads: Heads, tamper: Callable[[Lines], Lines], what: str) -> None:
    for seq in (1, 5, 9):
        heads.anchor(head(seq))
    heads.file.write_bytes(b"".join(line + b"\n" for line in tamper(heads.file.read_bytes().splitlines())))
    assert any(what in fault for fault in heads.read().faults), heads.read().faults


def test_a_chain_that_went_back_shows_it_though_it_has_grown_again(heads: Heads) -> None:
    for seq in (4, 9, 6, 9, 12):
        heads.anchor(head(seq))
    assert heads.read().faults == [
        "audit-head.jsonl: head 3 is seal 6, after seal 9: it was cut",
        "audit-head.jsonl: head 4 is seal 9, after seal 9: it was cut",
    ]


def test_heads_of_another_secret_are_not_ours(heads: Heads, tmp_path: Path) -> None:
    heads.anchor(head(1))
    assert Heads(tmp_path / "data", b"another key").read().faults == ["audit-head.jsonl: head 1 was altered"]


def test_a_line_cut_short_by_a_crash_is_taken_away(heads: Heads) -> None:
    heads.anchor(head(1))
    whole = heads.file.read_bytes()
    heads.file.write_bytes(whole + whole[: len(whole) // 2])
    assert heads.read().faults == []
    heads.anchor(head(2))
    assert heads.read().faults == []
    assert heads.read().last == 2


def test_a_large_file_makes_room_and_the_heads_go_on(tmp_path: Path) -> None:
    heads = Heads(tmp_path, KEY, large=1_000)
    for seq in range(1, 30):
        heads.anchor(head(seq))
    found = heads.read()
    assert found.faults == []
    assert (found.last, len(found.digests) < 29) == (29, True)
    assert sorted(path.name for path in tmp_path.glob("*.jsonl")) == ["audit-head.1.jsonl", "audit-head.jsonl"]


def test_many_may_write_at_once(heads: Heads) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: heads.anchor(head(1)), range(64)))
    found = heads.read()
    assert (found.faults, list(found.digests)) == ([], [1])
    assert len(heads.file.read_bytes().splitlines()) == 1
