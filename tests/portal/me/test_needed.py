"""Where a role must have a second factor: set up on the way in, and asked for again once it was taken away."""

import base64
import json
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
from tests.portal.me.conftest import Owner, is_in, owner_of
from tests.portal.me.test_factors import HOME, codes, hidden, in_groups, removed
from tests.portal.me.test_passkeys import asked as question
from tests.portal.me.test_passkeys import device
from tests.portal.me.test_passkeys import entered as signed_in
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


@pytest.fixture
def keeper(strict: Service, visitor: Visitor) -> Iterator[Owner]:
    with psycopg.connect(strict.dsn, autocommit=True) as conn:
        yield owner_of(replace(visitor, service=strict, make=Make(conn)), "staff")


def test_it_is_set_up_on_the_way_in_and_again_once_it_was_taken_away(keeper: Owner) -> None:
    browser, asked = keeper.entered()
    said = hidden(page := Page(asked))
    assert "Accounts like yours log in with a code too." in page.text
    phone = Phone(base64.b32decode(said["secret"]))
    wrong = Page(browser.post("/login/app", data={**said, "code": phone.wrong()}))
    assert (wrong.status, hidden(wrong) | {"challenge_id": said["challenge_id"]}) == (422, said)
    recovery = codes(browser.post("/login/app", data={**said, "code": in_groups(phone.code())}))
    browser, asked = keeper.entered()
    browser.post("/login/second", data={**hidden(Page(asked)), "code": recovery[0]})
    assert "Accounts like yours need one" in Page(browser.get(HOME)).text
    assert removed(browser, recovery[1]).status_code == 303
    assert "Set up a second factor" in keeper.entered()[1].text


def test_a_passkey_stands_in_for_the_app(keeper: Owner) -> None:
    browser, asked = keeper.entered()
    passkey, said = device(keeper), hidden(Page(asked))
    created = json.dumps(passkey.create(question(asked)))
    nameless = browser.post("/login/passkey", data={**said, "name": " ", "credential": created})
    assert (nameless.status_code, "Give it a name" in nameless.text) == (422, True)
    assert hidden(Page(nameless))["secret"] == said["secret"], "the app that was just set up goes on"
    refused = browser.post("/login/passkey", data={**said, "name": "Key", "credential": "{}"})
    assert (refused.status_code, "No passkey was added" in refused.text) == (422, True)
    data = {**hidden(Page(refused)), "name": "Key", "credential": json.dumps(passkey.create(question(refused)))}
    made = browser.post("/login/passkey", data=data)
    assert len(codes(made)) == 10
    again = browser.post("/login/passkey", data=data)
    assert again.headers["location"].startswith("/login"), "the token set up a first factor, and no more"
    browser, asked = keeper.entered()
    assert signed_in(browser, asked, passkey.get(question(asked))).status_code == 303
    assert is_in(browser)
