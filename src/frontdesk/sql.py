"""Loads `queries.sql` files: each statement has a name and a sentence, and is read like code.

-- name: insert_appointment
-- Claim the time, or return no row when provider, patient or room is taken.
INSERT INTO appointment …;
"""

import re
from functools import cache
from importlib import resources
from types import SimpleNamespace

_NAME = re.compile(r"^-- name: (\w+)[ \t]*$", re.MULTILINE)


class Queries(SimpleNamespace):
    """The statements of one file, as attributes: `q.insert_appointment`."""

    def __getattr__(self, name: str) -> str:
        raise AttributeError(f"no query named {name!r}")


@cache
def load(package: str, file: str = "queries.sql") -> Queries:
    """The named statements of `file` in `package`. Raises ValueError on a name used twice."""
    text = resources.files(package).joinpath(file).read_text("utf-8")
    pieces = _NAME.split(text)[1:]
    names = pieces[::2]
    if len(set(names)) != len(names):
        raise ValueError(f"{package}/{file}: a query name is used twice")
    return Queries(**{name: body.strip().rstrip(";") for name, body in zip(names, pieces[1::2], strict=True)})
