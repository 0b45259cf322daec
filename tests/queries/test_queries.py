"""An endpoint asks the database as often for fifty rows as for one."""

from datetime import timedelta
from urllib.parse import quote

import httpx
import pytest

from tests.queries.conftest import FEW, MANY, Observed
from tests.queries.requests import GETS, WRITES, Asked


def _request(observed: Observed, method: str, path: str, asked: Asked) -> httpx.Request:
    world = observed.world
    monday = world.free.date() + timedelta(days=7 - world.free.weekday())
    values = {"start": quote(world.at(0)), "monday": monday, **world.ids, **asked.ids(world)}
    token = {"admin": observed.admin, "patient": world.patient}.get(asked.by or "")
    url = f"{observed.service.url}{path}" + (f"?{asked.query}" if asked.query else "")
    return httpx.Request(
        method,
        url.format(**values),
        headers={"Authorization": f"Bearer {token}"} if token else {},
        json=asked.body(world) if asked.body else None,
        data=asked.form(world) if asked.form else None,
    )


def _count(observed: dict[int, Observed], method: str, path: str, asked: Asked) -> dict[int, list[str]]:
    """The statements by the number of rows."""
    said: dict[int, list[str]] = {}
    for rows in (FEW, MANY):
        if method == "GET":  # once before, for what the service keeps in memory
            observed[rows].count(_request(observed[rows], method, path, asked))
        else:
            observed[rows].warm()
        response, said[rows] = observed[rows].count(_request(observed[rows], method, path, asked))
        assert response.status_code == asked.expected, response.text
    return said


def _as_pinned(said: dict[int, list[str]], asked: Asked) -> None:
    few, many = said[FEW], said[MANY]
    assert len(few) == len(many), "\n".join([f"{len(few)} for {FEW}:", *few, f"{len(many)} for {MANY}:", *many])
    assert len(few) == asked.statements, "\n".join(few)


@pytest.mark.parametrize("path", GETS)
def test_reading(observed: dict[int, Observed], path: str) -> None:
    _as_pinned(_count(observed, "GET", path, GETS[path]), GETS[path])


@pytest.mark.parametrize("what", WRITES)
def test_writing(observed: dict[int, Observed], what: str) -> None:
    operation, asked = WRITES[what]
    method, _, path = operation.partition(" ")
    _as_pinned(_count(observed, method, path, asked), asked)


def test_every_get_is_counted(observed: dict[int, Observed]) -> None:
    paths = httpx.get(f"{observed[FEW].service.url}/openapi.json").json()["paths"]
    assert {path for path, operations in paths.items() if "get" in operations} == set(GETS)
