"""Secrets in tracked files: keys by their form, passwords in addresses, and strings too random to be words."""

import hashlib
import math
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ALLOWED = Path(__file__).with_name("allowed.txt")
"""What looks like a secret and is none: `path fingerprint reason` in each line."""

_FORMS = {
    "private key": re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----"),
    "AWS key": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "GitHub token": re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{50,})"),
    "Slack token": re.compile(r"\bxox[abposr]-[A-Za-z0-9-]{10,}"),
    "PyPI token": re.compile(r"\bpypi-[A-Za-z0-9_-]{40,}"),
    "JSON Web Token": re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),
    "password in an address": re.compile(r"\b[a-z][a-z+]*://[^\s:/@'\"{<$]*:[^\s:/@'\"{<$]{3,}@[^\s'\"]+"),
}
_LONG = re.compile(r"[A-Za-z0-9+/_=-]{24,}")
_HEX = re.compile(r"[0-9a-fA-F]+")
_UUID = re.compile(r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b")
_LOCK_HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}|sha512-[A-Za-z0-9+/]{86}==")  # of pip, and of npm
_MIXED = re.compile(r"(?=.*[a-z])(?=.*[A-Z])(?=.*\d)")

RANDOM_BITS = 4.2
"""Bits a character: words and paths stay below 4.0, 24 random characters of base64 lie around 4.3."""
RANDOM_HEX_BITS = 3.2
"""Hex digits have 4 at most; 32 random ones lie around 3.6."""


@dataclass(frozen=True)
class Suspect:
    """Something that looks like a secret. Its text is not told: lint output is public too."""

    path: str
    line: int
    kind: str
    fingerprint: str

    def __str__(self) -> str:
        return f"secret scan: {self.path}:{self.line}: {self.kind} ({self.fingerprint})"


def scan(root: Path) -> tuple[list[Suspect], int]:
    """Suspects in the tracked files of `root` that `allowed.txt` does not name, and how many files were read."""
    allowed = {tuple(line.split()[:2]) for line in ALLOWED.read_text("utf-8").splitlines() if line.strip()}
    found: list[Suspect] = []
    files = _tracked(root)
    for path in files:
        try:
            text = (root / path).read_text("utf-8")
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue  # a picture; deleted and not yet committed
        found += [s for s in suspects(path, text) if (s.path, s.fingerprint) not in allowed]
    return found, len(files)


def suspects(path: str, text: str) -> Iterator[Suspect]:
    """What in `text` looks like a secret."""
    for number, line in enumerate(text.splitlines(), 1):
        for kind, form in _FORMS.items():
            for match in form.finditer(line):
                yield Suspect(path, number, kind, _fingerprint(match[0]))
        for word in _LONG.findall(_UUID.sub("", _LOCK_HASH.sub("", line))):
            if _is_random(word):
                yield Suspect(path, number, "random string", _fingerprint(word))


def _is_random(word: str) -> bool:
    if _HEX.fullmatch(word):
        return len(word) >= 32 and _bits(word.lower()) >= RANDOM_HEX_BITS
    return bool(_MIXED.match(word)) and _bits(word) >= RANDOM_BITS


def _bits(word: str) -> float:
    """Shannon entropy, in bits a character."""
    return -sum(n / len(word) * math.log2(n / len(word)) for n in Counter(word).values())


def _fingerprint(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _tracked(root: Path) -> list[str]:
    """What git tracks or is about to; without git (an unpacked archive) everything outside of hidden folders."""
    asked = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=root, capture_output=True
    )
    if asked.returncode == 0:
        return sorted(asked.stdout.decode().rstrip("\0").split("\0"))
    paths = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return sorted(str(path) for path in paths if not any(part.startswith(".") for part in path.parts))
