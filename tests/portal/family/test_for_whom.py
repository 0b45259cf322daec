"""A kept time changes whom it is for, in place, and nobody gets in between."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import httpx
import pytest

from tests.html import Page
from tests.portal.book.conftest import enrol, somebody, wish
from tests.portal.family.conftest import Guardian

pytestmark = pytest.mark.postgres("18")


def keep_for(guardian: Guardian, path: str, whom: UUID) -> httpx.Response:
    return guardian.browser.post(f"{path}/for", data={"patient": str(whom)})


def expires(guardian: Guardian, path: str) -> object:
    row = guardian.visitor.make.conn.execute(
        "SELECT hold_expires_at FROM appointment WHERE id = %s", [path.rpartition("/")[2]]
    ).fetchone()
    assert row is not None
    return row[0]


def test_who_has_no_family_is_not_asked(guardian: Guardian) -> None:
    assert "Whom is the visit for?" not in guardian.page(guardian.keeps()).text


def test_the_time_is_kept_for_the_child_and_booked_for_the_child(guardian: Guardian) -> None:
    ana = guardian.added()
    path = guardian.keeps()
    page = guardian.page(path)
    assert "Whom is the visit for?" in page.text
    assert guardian.rows() == [(guardian.id, "held")]
    new = keep_for(guardian, path, ana).headers["location"]
    assert new != path
    assert guardian.rows() == [(ana, "held")]
    assert expires(guardian, new) == expires(guardian, path)  # no way to keep a time for ever
    shown = guardian.page(new)
    assert "✓ Ana Pérez" in shown.text
    assert "You act for Ana Pérez" in shown.text
    done = guardian.browser.post(new, data={"reason": "A cough", "whom": str(ana)})
    assert done.headers["location"].startswith("/booked/")
    assert guardian.rows() == [(ana, "scheduled")]


def test_there_and_back_again(guardian: Guardian) -> None:
    ana, ben = guardian.added(), guardian.added(first_name="Ben")
    first = path = guardian.keeps()
    for whom in (ana, ben, guardian.id, guardian.id, ana):
        path = keep_for(guardian, path, whom).headers["location"]
        assert guardian.rows() == [(whom, "held")]
    assert expires(guardian, path) == expires(guardian, first)
    assert guardian.browser.get(first).headers["location"] == f"{path}?other=1"


def test_a_time_that_is_nobodys_yet_stays_where_it_is(guardian: Guardian) -> None:
    """Kept before the log-in: only who books it says for whom."""
    ana = guardian.added()
    visitor, place = guardian.visitor, guardian.place
    cookies = httpx.Cookies(guardian.browser.cookies)
    guardian.browser.cookies.clear()
    path = guardian.keeps()
    guardian.browser.cookies.update(cookies)
    assert keep_for(guardian, path, ana).headers["location"] == path
    guardian.browser.post(path, data={"whom": str(ana)})
    assert guardian.rows() == [(ana, "scheduled")]
    assert visitor.make.conn.execute(
        "SELECT count(*) FROM appointment WHERE provider_id = %s", [place[1]]
    ).fetchone() == (1,)


def test_a_stale_tab_books_for_nobody(guardian: Guardian) -> None:
    ana = guardian.added()
    path = guardian.keeps()
    guardian.act_for(ana)  # in another tab
    answer = guardian.browser.post(path, data={"reason": "", "whom": str(guardian.id)})
    assert answer.status_code == 409
    page = Page(answer)
    assert "In another tab you began to act for somebody else" in page.text
    assert "kept for somebody else than you act for now" in page.text
    assert not [button for button in page.all("button") if "primary" in str(button.get("class"))]
    assert guardian.rows() == [(guardian.id, "held")]
    new = keep_for(guardian, path, ana).headers["location"]
    assert guardian.rows() == [(ana, "held")]
    moved = guardian.browser.post(path, data={"reason": "", "whom": str(guardian.id)})
    assert moved.headers["location"] == f"{new}?other=1"
    assert "In another tab" in guardian.page(moved.headers["location"]).text
    assert guardian.rows() == [(ana, "held")]


def test_a_form_that_names_nobody_is_told_for_whom_the_time_is_kept(guardian: Guardian) -> None:
    ana = guardian.added()
    path = guardian.keeps()
    guardian.act_for(ana)
    answer = guardian.browser.post(path, data={"reason": ""})
    assert answer.status_code == 409
    page = Page(answer)
    assert "kept for somebody else than you act for now" in page.text
    assert {button.get("value") for button in page.all("button")} >= {str(guardian.id), str(ana)}
    assert guardian.rows() == [(guardian.id, "held")]
    assert guardian.browser.post(keep_for(guardian, path, ana).headers["location"]).status_code == 303
    assert guardian.rows() == [(ana, "scheduled")]


def test_a_child_who_is_busy_then_changes_nothing(guardian: Guardian) -> None:
    ana = guardian.added()
    visitor = guardian.visitor
    other = visitor.provider(visitor.make.clinic())
    start = visitor.at(72 + 10) + timedelta(minutes=15)
    visitor.make.appointment(other, visitor.make.clinic(), visitor.visit_type, start, patient_id=ana)
    path = guardian.keeps()
    refused = keep_for(guardian, path, ana)
    assert refused.status_code == 409
    assert "Ana Pérez has another visit at that time" in Page(refused).text
    assert guardian.rows() == [(guardian.id, "held")]
    assert "You act for" not in guardian.page(path).text
    assert guardian.browser.post(path, data={"whom": str(guardian.id)}).status_code == 303
    assert guardian.rows() == [(guardian.id, "scheduled")]


def test_nobody_elses_time_and_nobody_elses_child(guardian: Guardian) -> None:
    ana = guardian.added()
    path = guardian.keeps()
    stranger = somebody(guardian.visitor)
    other = enrol(guardian.visitor, stranger)
    assert stranger.post(f"{path}/for", data={"patient": str(other)}).status_code == 404
    assert stranger.post(f"{path}/for", data={"patient": str(ana)}).status_code == 404
    assert keep_for(guardian, path, other).status_code == 404
    assert somebody(guardian.visitor).post(f"{path}/for", data={"patient": str(ana)}).status_code == 303  # log in
    assert guardian.rows() == [(guardian.id, "held")]


def test_as_many_times_are_kept_as_before(guardian: Guardian) -> None:
    ana = guardian.added()
    paths = [guardian.keeps(72 + hour) for hour in (10, 11, 12)]
    keep_for(guardian, paths[0], ana)
    assert [row[1] for row in guardian.rows()] == ["held"] * 3
    sent = wish(guardian.visitor, guardian.place[0], guardian.visitor.at(72 + 13))
    assert guardian.browser.post(guardian.place[2], data=sent).headers["location"] == "/book?full=1"


def test_the_only_room_and_the_only_visit_of_the_day_are_no_hindrance(guardian: Guardian) -> None:
    """What the time itself takes does not stand in its way; and after that nobody else gets either."""
    visitor, place = guardian.visitor, guardian.place
    visitor.make.room(place[0])
    limits = "room_kind = 'consultation', max_per_day = 1, one_future_per_provider = true"
    visitor.make.conn.execute(f"UPDATE visit_type SET {limits} WHERE id = %s", [visitor.visit_type])
    ana = guardian.added()
    path = keep_for(guardian, guardian.keeps(), ana).headers["location"]
    assert guardian.rows() == [(ana, "held")]
    rooms = visitor.make.conn.execute(
        "SELECT count(room_id) FROM appointment WHERE provider_id = %s AND status = 'held'", [place[1]]
    ).fetchone()
    assert rooms == (1,)
    other = somebody(visitor)
    enrol(visitor, other)
    sent = wish(visitor, place[0], visitor.at(72 + 11))
    assert "why=taken" in other.post(place[2], data=sent).headers["location"]
    assert guardian.browser.post(path, data={"whom": str(ana)}).status_code == 303
    assert guardian.rows() == [(ana, "scheduled")]


def test_a_child_who_may_have_one_visit_and_has_it_is_told_so(guardian: Guardian) -> None:
    visitor, place = guardian.visitor, guardian.place
    visitor.make.conn.execute(
        "UPDATE visit_type SET one_future_per_provider = true WHERE id = %s", [visitor.visit_type]
    )
    ana = guardian.added()
    of_ana = (place[1], place[0], visitor.visit_type)
    visitor.make.appointment(*of_ana, visitor.at(72 + 15), patient_id=ana)
    path = guardian.keeps()
    refused = keep_for(guardian, path, ana)
    assert refused.status_code == 409
    assert "Ana Pérez has a visit with this provider already" in Page(refused).text
    assert guardian.rows() == [(guardian.id, "held"), (ana, "scheduled")]


def test_the_waitlist_does_not_hear_of_it(guardian: Guardian) -> None:
    """The time was never free: whoever waits for it gets it when it is given back, and not before."""
    visitor, place = guardian.visitor, guardian.place
    waiting = visitor.make.patient()
    visitor.make.row(
        "waitlist_entry",
        patient_id=waiting,
        visit_type_id=visitor.visit_type,
        provider_id=place[1],
        urgency="normal",
    )
    ana = guardian.added()
    path = keep_for(guardian, guardian.keeps(), ana).headers["location"]
    assert guardian.rows() == [(ana, "held")]
    guardian.browser.post(f"{path}/drop")
    assert guardian.rows() == [(waiting, "held")]


@pytest.mark.postgres("18", "15")
def test_a_rival_never_gets_in_between(guardian: Guardian) -> None:
    """Three rivals ask for the time without pause while it changes hands twenty times, or more if they are slow."""
    ana, ben = guardian.added(), guardian.added(first_name="Ben")
    path = guardian.keeps()
    over, got, asked = threading.Event(), [], []
    sent = wish(guardian.visitor, guardian.place[0], guardian.visitor.at(72 + 10))

    def fight(rival: httpx.Client) -> None:
        while not over.is_set():
            where = rival.post(guardian.place[2], data=sent).headers["location"]
            asked.append(where)
            if where.startswith("/book/"):
                got.append(where)

    rivals = [somebody(guardian.visitor) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        fights = [pool.submit(fight, rival) for rival in rivals]
        try:
            turn = 0
            while turn < 20 or (len(asked) <= 20 and not any(one.done() for one in fights)):
                whom = (ana, ben, guardian.id)[turn % 3]
                path = keep_for(guardian, path, whom).headers["location"]
                assert guardian.rows() == [(whom, "held")]
                turn += 1
        finally:
            over.set()
    for one in fights:
        one.result()
    assert got == []
    assert len(asked) > 20
    assert guardian.browser.post(path, data={"whom": str(whom)}).status_code == 303
    assert guardian.rows() == [(whom, "scheduled")]
