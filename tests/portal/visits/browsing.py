"""A browser in which a patient is logged in."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from playwright.sync_api import Browser, BrowserContext

from frontdesk.auth import browsers, tokens
from frontdesk.secrets import Keys
from tests.portal.browsing import Watched, opened
from tests.portal.patients import Patient
from tests.service import SECRET


@contextmanager
def at_home(browser: Browser, patient: Patient, **more: Any) -> Iterator[Watched]:
    """Their own telephone."""
    with opened(browser, patient.visitor, **more) as seen:
        let_in(seen.page.context, patient)
        yield seen


def let_in(context: BrowserContext, patient: Patient) -> None:
    """From here on they are logged in there."""
    login = tokens.read(patient.token, Keys(SECRET).tokens)
    value = tokens.write(login, Keys(SECRET).tokens, timedelta(hours=1), tokens.PAGES)
    context.add_cookies([{"name": browsers.COOKIE, "value": value, "url": patient.visitor.service.url}])
