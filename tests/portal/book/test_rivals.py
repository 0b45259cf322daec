"""One form sent many times at once: one visit of one patient, and everybody is led to it."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import uuid4

import httpx
import pytest

from tests.canaries import BORN_ON, WORD
from tests.html import Page
from tests.portal.book.conftest import Place, codes, enrol, somebody, wish
from tests.portal.conftest import Visitor

RIVALS, ROUNDS = 6, 5


def all_at_once(visitor: Visitor, browser: httpx.Client, path: str, form: dict[str, str]) -> list[httpx.Response]:
    """The answers to the same form, sent by as many copies of the browser at one moment."""
    copies = [somebody(visitor) for _ in range(RIVALS)]
    barrier = Barrier(RIVALS)

    def send(copy: httpx.Client) -> httpx.Response:
        copy.cookies = browser.cookies
        barrier.wait(30)
        return copy.post(path, data=form)

    with ThreadPoolExecutor(RIVALS) as pool:
        return list(pool.map(send, copies))


@pytest.mark.parametrize("guest", [True, False])
@pytest.mark.parametrize("turn", range(ROUNDS))
def test_one_visit_and_one_record(visitor: Visitor, place: Place, guest: bool, turn: int) -> None:
    browser, email = somebody(visitor), f"{uuid4()}@example.test"
    if not guest:
        enrol(visitor, browser)
    path = browser.post(place[2], data=wish(visitor, place[0], visitor.at(72 + 10))).headers["location"]
    form = {"reason": "A cough"}
    if guest:
        who = {"first_name": "Gus", "last_name": WORD, "date_of_birth": BORN_ON.isoformat(), "phone": "600 123 456"}
        browser.post(f"{path}/guest", data={**who, "email": email})
        form |= {"code": codes(visitor, email)[0]}
    answers = all_at_once(visitor, browser, f"{path}/code" if guest else path, form)
    assert {answer.status_code for answer in answers} == {303}
    (end,) = {where for answer in answers if (where := answer.headers["location"]) != path}
    assert end.startswith("/booked/")
    assert browser.get(path).headers["location"] == end
    assert "Your visit is booked" in Page(browser.get(end)).text
    query = "SELECT count(*) FROM appointment WHERE provider_id = %s AND status = 'scheduled'"
    assert visitor.make.conn.execute(query, [place[1]]).fetchone() == (1,)
    records = visitor.make.conn.execute("SELECT count(*) FROM patient WHERE email = %s", [email]).fetchone()
    assert records == (int(guest),)
