"""Where a role must have a second factor: set up on the way in, and asked for again once it was taken away."""

import base64
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from frontdesk.supervisor.postgres import EmbeddedPostgres
from tests.auth.phone import Phone
from tests.conftest import copy_database, drop_database
from tests.html import Page
from tests.make import Make
from tests.portal.conftest import Visitor
from tests.portal.me.conftest import owner_of
from tests.portal.me.test_factors import HOME, codes, hidden, removed
from tests.service import Service

pytestmark = pytest.mark.postgres("18")


@pytest.fixture
def strict(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    dsn = copy_database(postgres)
    running = Service(dsn, tmp_path_factory.mktemp("strict"), workers=1, FRONTDESK_SECOND_FACTOR_ROLES="staff")
    running.start()
    try:
        yield running
    finally:
        running.stop()
        drop_database(postgres, dsn)


def test_it_is_set_up_on_the_way_in_and_again_once_it_was_taken_away(strict: Service, visitor: Visitor) -> None:
    with psycopg.connect(strict.dsn, autocommit=True) as conn:
        owner = owner_of(replace(visitor, service=strict, make=Make(conn)), "staff")
    browser, asked = owner.entered()
    said = hidden(page := Page(asked))
    assert "Accounts like yours log in with a code too." in page.text
    phone = Phone(base64.b32decode(said["secret"]))
    wrong = Page(browser.post("/login/app", data={**said, "code": phone.wrong()}))
    assert (wrong.status, hidden(wrong)) == (422, said)
    recovery = codes(browser.post("/login/app", data={**said, "code": phone.code()}))
    browser, asked = owner.entered()
    browser.post("/login/second", data={**hidden(Page(asked)), "code": recovery[0]})
    assert "Accounts like yours need one" in Page(browser.get(HOME)).text
    assert removed(browser, recovery[1]).status_code == 303
    assert "Set up a second factor" in owner.entered()[1].text
