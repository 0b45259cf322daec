"""Canaries: values that test data plants as patient data, and that no log, metric or error may ever hold.

`Make` gives them to every patient it makes, and tests that write their own people use the same words, so that the whole
suite plants them everywhere. At its end `leaks` reads whatever the services, workers and servers of the run wrote.
"""

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import httpx

WORD = "Zquvix"
"""Part of names, notes, numbers and the like; no word of any language or program."""

BORN_ON = date(1980, 5, 17)

_CANARY = re.compile(
    rf"{WORD}"
    rf"|{BORN_ON}"
    # Every e-mail address that tests make ends in .test; the greeting of the demo names its own four.
    r"|[\w.+-]+(?:@|%40)(?!frontdesk\.test)[\w.-]*\.test\b",
    re.IGNORECASE,
)

_WRITTEN = re.compile(r".*\.log(\.\d+)?|out|err|said\.\w+")
"""Names of the files to which the processes under test, and `Heard`, write."""

_exempt: set[Path] = set()


def exempt(log: Path) -> None:
    """Do not look into `log`: a test has the server log every statement there, which it never does by itself."""
    _exempt.add(log.resolve())


def leaks(folder: Path) -> list[str]:
    """`file:line: what it says` for each line under `folder` that holds a canary."""
    return [
        f"{path}:{number}: {line[:300]}"
        for path in sorted(folder.rglob("*"))
        if _WRITTEN.fullmatch(path.name) and path.is_file() and path.resolve() not in _exempt
        for number, line in _lines(path)
        if _CANARY.search(line)
    ]


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    with path.open(errors="replace") as file:
        yield from enumerate(file, 1)


class Heard:
    """Writes down the errors that clients are answered, and the metrics, for `leaks` to read."""

    def __init__(self, folder: Path) -> None:
        self._problems, self._metrics = folder / "said.problems", folder / "said.metrics"

    def answer(self, response: httpx.Response) -> None:
        """Keep what an error says: its headers and its body."""
        if response.status_code >= 400:
            response.read()
            self._keep(response)

    async def later_answer(self, response: httpx.Response) -> None:
        """`answer`, for an asynchronous client."""
        if response.status_code >= 400:
            await response.aread()
            self._keep(response)

    def metrics(self, text: str) -> None:
        """Keep what /metrics said."""
        self._metrics.write_text(text)

    def _keep(self, response: httpx.Response) -> None:
        # A form that was refused is shown again to whoever filled it in, with what they typed: a page, and no error.
        page = response.headers.get("content-type", "").startswith("text/html")
        kept_nowhere = response.headers.get("cache-control") == "no-store"
        body = "" if page and kept_nowhere else response.text
        with self._problems.open("a") as file:
            file.write(f"{response.status_code} {dict(response.headers)} {body}\n")
