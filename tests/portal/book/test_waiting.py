"""Nothing is free: whoever wants to wait says so there, and comes back there from the log-in."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest

from tests.html import Page
from tests.portal.book.conftest import Place, enrol, somebody
from tests.portal.conftest import Visitor

pytestmark = pytest.mark.postgres("18")


@pytest.fixture
def full(visitor: Visitor, place: Place) -> str:
    """The page of a provider who has no time at all."""
    visitor.make.exception(place[1], visitor.at(-72), visitor.at(-72) + timedelta(days=800))
    return f"/providers/{place[1]}"


def waiting(visitor: Visitor, provider: UUID) -> list[UUID]:
    rows = visitor.make.conn.execute(
        "SELECT patient_id FROM waitlist_entry WHERE provider_id = %s AND status = 'waiting'", [provider]
    )
    return [row[0] for row in rows]


def test_log_in_join_and_stay_on_the_page(visitor: Visitor, place: Place, full: str) -> None:
    browser = somebody(visitor)
    page = Page(browser.get(full))
    login, register = (str(a["href"]) for a in page.all("a") if "next=" in str(a["href"]))
    (back,) = parse_qs(urlsplit(login).query)["next"]
    assert back == f"{full}?visit={visitor.visit_type}"
    assert register == login.replace("/login", "/register")
    assert [form for form in page.all("form") if str(form.get("action")).endswith("/wait")] == []
    patient = enrol(visitor, browser, back)
    (form,) = (form for form in Page(browser.get(back)).all("form") if str(form.get("action")).endswith("/wait"))
    for _ in range(2):
        joined = browser.post(str(form["action"]), data={"visit": str(visitor.visit_type)})
        assert "You are on the waitlist." in Page(browser.get(joined.headers["location"])).text
    assert waiting(visitor, place[1]) == [patient]


def test_where_times_are_free_nobody_waits(visitor: Visitor, place: Place) -> None:
    assert "waitlist" not in Page(somebody(visitor).get(f"/providers/{place[1]}")).text


def test_without_a_log_in_nobody_joins(visitor: Visitor, place: Place, full: str) -> None:
    answer = somebody(visitor).post(f"{full}/wait", data={"visit": str(visitor.visit_type)})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert waiting(visitor, place[1]) == []
