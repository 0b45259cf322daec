"""The start page: on the demo, and never elsewhere."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from frontdesk import demo
from tests.html import Page
from tests.make import Make
from tests.portal.conftest import ACCEPT, Visitor
from tests.service import TRUST, Service

pytestmark = pytest.mark.postgres("18")


@pytest.fixture
def own(database: str, tmp_path: Path) -> Iterator[Service]:
    service = Service(database, tmp_path, workers=1)
    service.start()
    yield service
    service.stop()


def seen(service: Service, path: str) -> Page:
    return Page(httpx.get(service.url + path, headers=ACCEPT, verify=TRUST))


def test_never_without_the_demo(visitor: Visitor) -> None:
    assert visitor.page("/start").status == 404
    assert demo.PASSWORD not in visitor.get("/start").text
    assert "/start" not in visitor.get("/").text


def test_it_is_there_as_long_as_its_log_ins_work(own: Service) -> None:
    """With one of them changed it would say what is no longer true, and the database may be somebody's."""
    with psycopg.connect(own.dsn, autocommit=True, options="-c timezone=UTC") as conn:
        make = Make(conn)
        assert seen(own, "/start").status == 404
        make.demo_log_ins()
        page = seen(own, "/start")
        assert page.status == 200
        assert all(email in page.text for email in demo.LOGINS)
        assert demo.PASSWORD in page.text
        assert "/start" in [a.get("href") for a in seen(own, "/").all("a")]
        for change, back in (
            ("active = false", "active = true"),
            ("password_hash = 'another'", None),
        ):
            where = "WHERE email = 'staff@frontdesk.test'"
            conn.execute(f"UPDATE user_account SET {change} {where}".encode())
            assert seen(own, "/start").status == 404
            assert "/start" not in [a.get("href") for a in seen(own, "/").all("a")]
            if back:
                conn.execute(f"UPDATE user_account SET {back} {where}".encode())
                assert seen(own, "/start").status == 200


def test_each_link_of_the_tour_leads_somewhere(own: Service) -> None:
    with psycopg.connect(own.dsn, autocommit=True, options="-c timezone=UTC") as conn:
        Make(conn).demo_log_ins()
    targets = {str(a["href"]) for a in seen(own, "/start").all("a") if str(a["href"]).startswith("/")}
    assert {"/find", "/docs"} <= targets
    for target in targets:
        assert httpx.get(own.url + target, headers=ACCEPT, verify=TRUST, follow_redirects=True).status_code == 200
