"""Where the chain ended and when, kept outside the database: a trail whose tail was cut off no longer reaches it.

`audit-head.jsonl` in the data folder gets a line after each sealing, with a MAC under a key that the database does not
know; each line names the MAC of the line before. A file that has grown large becomes `audit-head.1.jsonl`.
"""

import fcntl
import hashlib
import hmac
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from frontdesk import clock

LARGE_BYTES = 8_000_000
"""Some 30,000 heads. Two files of this size are read in a moment."""


@dataclass(frozen=True, slots=True)
class Head:
    """The chain after its `seq`-th seal."""

    seq: int
    digest: bytes


NOTHING = Head(0, bytes(32))
"""The chain before its first seal."""


@dataclass(slots=True)
class Anchored:
    """What the files say: the digest after each seal that was a head, the last head's instant, and what is wrong."""

    digests: dict[int, str] = field(default_factory=dict)  # hex, by seq
    last: int = 0
    last_at: str = ""
    faults: list[str] = field(default_factory=list)


class Heads:
    """The heads in one folder. `key` authenticates them."""

    def __init__(self, folder: Path, key: bytes, *, large: int = LARGE_BYTES) -> None:
        self.file, self._older = folder / "audit-head.jsonl", folder / "audit-head.1.jsonl"
        self._key, self._large = key, large

    def anchor(self, head: Head) -> None:
        """Write the head down and wait for the disk; nothing when it is the last one already, or the chain is empty.

        Raises OSError.
        """
        if head.seq == 0:
            return
        with self._locked() as file:
            lines = _whole_lines(file) or (_read(self._older) if self._older.exists() else [])
            last = json.loads(lines[-1]) if lines else {}
            if (last.get("seq"), last.get("digest")) == (head.seq, head.digest.hex()):
                return
            line = self._line(head, clock.now(), str(last.get("mac", "")))
            with file.open("ab") as end:
                end.write(line)
                end.flush()
                os.fsync(end.fileno())

    def read(self) -> Anchored:
        """All heads there are. What is not ours, or does not follow the line before, is a fault. Nothing raises."""
        lines = [(path.name, line) for path in (self._older, self.file) if path.exists() for line in _read(path)]
        found = Anchored()
        before: str | None = None
        for number, (name, line) in enumerate(lines, 1):
            entry = self._ours(line)
            if entry is None:
                found.faults.append(f"{name}: head {number} was altered")
                before = None
                continue
            if before is not None and entry["before"] != before:
                found.faults.append(f"{name}: heads before head {number} are missing")
            if entry["seq"] <= found.last:
                found.faults.append(
                    f"{name}: head {number} is seal {entry['seq']}, after seal {found.last}: it was cut"
                )
            before = entry["mac"]
            found.digests.setdefault(entry["seq"], entry["digest"])
            if entry["seq"] > found.last:
                found.last, found.last_at = entry["seq"], entry["at"]
        return found

    @contextmanager
    def _locked(self) -> Iterator[Path]:
        """The file, which nobody else writes meanwhile; one that is large has made room for a new one."""
        self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(self.file.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            os.close(os.open(self.file, os.O_WRONLY | os.O_CREAT, 0o600))
            if self.file.stat().st_size > self._large:
                self.file.rename(self._older)
                os.close(os.open(self.file, os.O_WRONLY | os.O_CREAT, 0o600))
            yield self.file
        finally:
            os.close(lock)

    def _line(self, head: Head, at: datetime, before: str) -> bytes:
        said = {"at": at.isoformat(), "seq": head.seq, "digest": head.digest.hex(), "before": before}
        return json.dumps(said | {"mac": self._mac(said)}).encode() + b"\n"

    def _ours(self, line: bytes) -> dict[str, Any] | None:
        try:
            entry = json.loads(line)
            said = {name: entry[name] for name in ("at", "seq", "digest", "before")}
            return entry if hmac.compare_digest(self._mac(said), entry["mac"]) else None
        except (ValueError, KeyError, TypeError):
            return None

    def _mac(self, said: dict[str, Any]) -> str:
        return hmac.digest(self._key, json.dumps(said, sort_keys=True).encode(), hashlib.sha256).hex()


def _read(path: Path) -> list[bytes]:
    """The whole lines: a last one without its end is being written, or was when everything stopped."""
    content = path.read_bytes()
    return content[: content.rfind(b"\n") + 1].splitlines()


def _whole_lines(file: Path) -> list[bytes]:
    """The whole lines, after a last one without its end was taken away."""
    lines = _read(file)
    whole = sum(len(line) + 1 for line in lines)
    if whole < file.stat().st_size:
        os.truncate(file, whole)
    return lines
