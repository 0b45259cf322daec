"""What nobody foresaw: to a browser a page, to a program a problem, to nobody a word of what went wrong."""

import asyncio

import httpx
import pytest
from fastapi import Request

from frontdesk.app import create_app
from frontdesk.settings import Settings
from tests.canaries import WORD
from tests.html import Page
from tests.service import SECRET


def asked(*accepts: str) -> list[httpx.Response]:
    app = create_app(Settings(secret=SECRET, database_url="postgresql://nowhere/none"))
    app.state.limits = None  # what the lifespan makes of rate limits that are off

    @app.get("/broken")
    async def broken(request: Request) -> None:
        raise ValueError(f"cannot read {WORD}")

    async def ask() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return [await client.get("/broken", headers={"Accept": accept}) for accept in accepts]

    return asyncio.run(ask())


def test_the_answer_is_one_of_ours(capsys: pytest.CaptureFixture[str]) -> None:
    answers = asked("text/html", "application/json")
    said = capsys.readouterr()
    logged = said.out + said.err
    for answer in answers:
        assert answer.status_code == 500
        assert answer.headers["x-request-id"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert WORD not in answer.text
    assert WORD not in logged
    assert "ValueError" not in "".join(answer.text for answer in answers)
    assert logged.count("unexpected error") == len(answers)
    assert logged.count("test_unexpected.py") >= len(answers), "where it happened is in the log"
    to_browser, to_program = answers
    page = Page(to_browser)
    assert "That did not work" in page.text
    assert "default-src 'none'" in to_browser.headers["content-security-policy"]
    assert to_program.headers["content-type"] == "application/problem+json"
    assert to_program.json()["status"] == 500
