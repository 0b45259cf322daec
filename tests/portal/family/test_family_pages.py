"""`/family`, acting for a child, and tabs that have gone stale."""

from uuid import UUID, uuid4

import httpx
import pytest

from frontdesk.auth.browsers import COOKIE
from tests.html import Page
from tests.portal.book.conftest import enrol, somebody
from tests.portal.conftest import ACCEPT
from tests.portal.device.test_device import told_by_browser
from tests.portal.family.conftest import CHILD, Guardian

pytestmark = pytest.mark.postgres("18")


def test_a_child_is_added_and_acted_for_and_every_page_says_so(guardian: Guardian) -> None:
    assert "Nobody yet" in guardian.page("/family").text
    ana = guardian.added()
    page = guardian.page("/family")
    assert "Ana Pérez" in page.text
    assert "You act for Ana Pérez" not in page.text
    assert guardian.act_for(ana).headers["location"] == "/visits"
    for path in ("/find", "/visits", "/me", "/me/details", "/family", f"/providers/{guardian.place[1]}"):
        assert "You act for Ana Pérez" in guardian.page(path).text, path
    for path in ("/", "/nothing-here"):  # where nobody is asked whether she still may
        assert "You act for somebody else" in guardian.page(path).text, path
    assert "Ana Pérez" in guardian.page("/me/details").text
    looks = guardian.page("/me/accesses").text
    assert "Somebody who acts for the patient Looked at your record" in looks
    assert "Changed who acts for whom" in looks
    assert "somebody without a log-in" not in looks
    assert guardian.act_for(guardian.id).headers["location"] == "/visits"
    assert "You act for" not in guardian.page("/visits").text


def test_what_cannot_be_is_told_at_its_field(guardian: Guardian) -> None:
    adult = guardian.browser.post("/family", data=CHILD | {"date_of_birth": "1990-01-01"})
    assert adult.status_code == 422
    page = Page(adult)
    assert "Whoever is of age opens an account of their own." in page.text
    assert next(i for i in page.all("input") if i.get("name") == "first_name")["value"] == "Ana"
    assert guardian.browser.post("/family", data=CHILD | {"first_name": ""}).status_code == 422
    for number in range(12):
        guardian.added(first_name=f"Child {number}")
    full = guardian.browser.post("/family", data=CHILD)
    assert full.status_code == 409
    assert "The front desk adds more" in Page(full).text


def test_others_are_not_there(guardian: Guardian) -> None:
    stranger = somebody(guardian.visitor)
    other = enrol(guardian.visitor, stranger)
    ana = guardian.added()
    for whom in (other, uuid4()):
        assert guardian.act_for(whom).status_code == 404
        assert guardian.browser.post(f"/family/{whom}/stop").status_code == 404
    assert stranger.post("/family/act", data={"whom": str(ana)}).status_code == 404
    assert stranger.post(f"/family/{ana}/stop").status_code == 404
    assert guardian.browser.post("/family/act", data={"whom": "x"}).status_code == 422
    guardian.act_for(ana)
    assert "Ana" in guardian.page("/visits").text


def test_stopping_leads_back_to_oneself(guardian: Guardian) -> None:
    ana = guardian.added()
    guardian.act_for(ana)
    elsewhere = guardian.tab()
    stopped = guardian.browser.post(f"/family/{ana}/stop")
    assert stopped.headers["location"] == "/family?done=stopped"
    page = guardian.page("/family?done=stopped")
    assert page.status == 200
    assert "You act for them no longer" in page.text
    assert "You act for Ana" not in page.text
    gone = elsewhere.browser.get("/visits")
    assert (gone.status_code, gone.headers["location"]) == (303, "/login?next=%2Fvisits")


def test_a_second_click_does_not_lead_to_the_log_in(guardian: Guardian) -> None:
    """Without a script: both forms carry the old cookie."""
    ana = guardian.added()
    double = guardian.tab()
    assert guardian.act_for(ana).status_code == 303
    second = double.act_for(ana)
    assert (second.status_code, second.headers["location"]) == (303, "/visits")
    assert "You act for Ana Pérez" in double.page("/visits").text


def test_after_it_ended_no_page_names_the_child(guardian: Guardian) -> None:
    ana = guardian.added()
    elsewhere = guardian.tab()
    guardian.act_for(ana)
    assert elsewhere.browser.post(f"/family/{ana}/stop").status_code == 303
    provider = f"/providers/{guardian.place[1]}"
    for path in ("/", "/find", provider, "/login", "/nothing-here", "/visits", "/device", f"{provider}?visit=x"):
        answer = guardian.browser.get(path)
        assert "Ana Pérez" not in answer.text, path
        if path in ("/find", provider):
            assert "You act for" not in answer.text, path
            assert "Log in" in Page(answer).text, path
    assert guardian.browser.get("/live", params={"mine": True}).headers["location"].startswith("/login")


def test_acting_for_another_makes_no_second_device(guardian: Guardian) -> None:
    ana = guardian.added()
    old = guardian.tab()
    guardian.act_for(ana)
    assert "Another device" not in guardian.page("/me").text
    assert old.browser.get("/me").status_code == 200  # its seconds of grace are not over
    guardian.act_for(guardian.id)
    assert "Another device" not in guardian.page("/me").text


def max_age(answer: httpx.Response) -> int:
    """How long the cookie that it sets lives, in seconds."""
    cookie = answer.headers["set-cookie"].split("; ")
    return next(int(part.removeprefix("Max-Age=")) for part in cookie if part.startswith("Max-Age="))


def test_two_quick_switches_log_nobody_out(guardian: Guardian) -> None:
    """The second begins in the seconds of grace of the first one's session, and still ends when that would have."""
    ana = guardian.added()
    path = guardian.keeps()
    tabs = [guardian.tab() for _ in range(3)]
    first = tabs[0].act_for(ana)
    second = tabs[1].act_for(ana)
    third = tabs[2].browser.post(f"{path}/for", data={"patient": str(ana)})
    hour = 3600
    assert min(max_age(answer) for answer in (first, second, third)) > hour
    ends = "coalesce(s.meant_until, s.expires_at)"  # a cookie says whole seconds
    rows = guardian.visitor.make.conn.execute(
        f"SELECT max({ends}) - min({ends}) < interval '2 s', count(*) FROM login_session s"
        " JOIN user_account u ON u.id = s.user_id WHERE u.patient_id = %s AND s.revoked_at IS NULL",
        [guardian.id],
    ).fetchone()
    assert rows == (True, 4)
    assert guardian.browser.get("/visits").status_code == 200  # of the first session's last seconds


def test_the_cookie_lives_no_longer_than_the_one_it_replaces(guardian: Guardian) -> None:
    ana = guardian.added()
    conn = guardian.visitor.make.conn
    conn.execute(
        "UPDATE login_session s SET expires_at = now() + interval '20 minutes' FROM user_account u"
        " WHERE u.id = s.user_id AND u.patient_id = %s",
        [guardian.id],
    )
    answer = guardian.act_for(ana)
    ages = [int(part.split("=")[1]) for part in answer.headers["set-cookie"].split("; ") if part.startswith("Max-Age")]
    assert 0 < ages[0] <= 20 * 60


def test_a_program_gets_no_cookie_that_outlives_its_token(guardian: Guardian) -> None:
    ana = guardian.added()
    token = guardian.visitor.make.token("patient", patient_id=guardian.id)
    client = guardian.visitor.service.client(token)
    client.base_url = httpx.URL(guardian.visitor.service.url)
    answer = client.post("/family/act", data={"whom": str(ana)}, headers=ACCEPT)
    ages = [int(part.split("=")[1]) for part in answer.headers["set-cookie"].split("; ") if part.startswith("Max-Age")]
    assert 0 < ages[0] <= 3600


def test_forged_forms_switch_nobody(guardian: Guardian) -> None:
    ana = guardian.added()
    forged = guardian.browser.post("/family/act", data={"whom": str(ana)}, headers={"Sec-Fetch-Site": "cross-site"})
    assert forged.status_code == 403
    assert "You act for" not in guardian.page("/visits").text


def test_a_changed_cookie_is_nobodys(guardian: Guardian) -> None:
    guardian.act_for(guardian.added())
    told = guardian.browser.cookies[COOKIE]
    head, claims, signature = told.split(".")
    guardian.browser.cookies.clear()
    guardian.browser.cookies.set(COOKIE, f"{head}.{claims[:-2]}AA.{signature}")
    assert guardian.browser.get("/visits").status_code == 303


@pytest.mark.parametrize("form", ["details", "messages"])
def test_a_stale_tab_changes_nobodys_record(guardian: Guardian, form: str) -> None:
    ana = guardian.added()
    stale = guardian.page(f"/me/{form}")
    typed = {str(i["name"]): str(i.get("value") or "") for i in stale.all("input") if i.get("type") == "hidden"}
    assert typed["whom"] == str(guardian.id)
    guardian.act_for(ana)
    phone = "+34 699 111 222"
    answer = guardian.browser.post(f"/me/{form}", data={**typed, "phone": phone, "channels": "sms"})
    assert answer.status_code == 409
    page = Page(answer)
    assert "in another tab you began to act for somebody else" in page.text
    assert phone not in answer.text
    back, now = (i["value"] for i in page.all("input") if i.get("name") == "whom")
    assert (back, now) == (str(guardian.id), str(ana))
    rows = guardian.visitor.make.conn.execute("SELECT count(*) FROM patient WHERE phone = %s", [phone]).fetchone()
    assert rows == (0,)


def test_a_stale_tab_waits_for_nobody(guardian: Guardian) -> None:
    ana = guardian.added()
    guardian.act_for(ana)
    path = f"/providers/{guardian.place[1]}/wait"
    form = {"visit": str(guardian.visitor.visit_type)}
    assert guardian.browser.post(path, data=form | {"whom": str(guardian.id)}).status_code == 409
    assert guardian.browser.post(path, data=form | {"whom": str(ana)}).status_code == 303
    rows = guardian.visitor.make.conn.execute(
        "SELECT patient_id FROM waitlist_entry WHERE provider_id = %s", [guardian.place[1]]
    ).fetchall()
    assert rows == [(ana,)]


def test_a_stale_tab_shows_nobodys_messages_on_a_device(guardian: Guardian) -> None:
    ana = guardian.added()
    stale = guardian.page("/device")
    shown = [str(i["value"]) for i in stale.all("input") if i.get("name") == "whom"]
    assert set(shown) == {str(guardian.id)}
    guardian.act_for(ana)
    subscribed = "SELECT patient_id FROM push_subscription WHERE patient_id = ANY(%s)"
    device, mine, hers = told_by_browser(), {"whom": str(guardian.id)}, {"whom": str(ana)}
    conn = guardian.visitor.make.conn

    def known() -> list[tuple[UUID]]:
        return conn.execute(subscribed, [[ana, guardian.id]]).fetchall()

    for path, typed in (("/device/push", device), ("/device/push/stop", {})):
        refused = guardian.browser.post(path, data=typed | mine)
        assert refused.status_code == 409
        page = Page(refused)
        assert "in another tab you began to act for somebody else" in page.text
        assert {i["value"] for i in page.all("input") if i.get("name") == "whom"} >= {str(ana)}
        assert known() == ([(ana,)] if path == "/device/push/stop" else [])
        assert guardian.browser.post(path, data=typed | hers).status_code == 303
        assert known() == ([] if path == "/device/push/stop" else [(ana,)])


@pytest.mark.parametrize("letter", ["x", "ñ", "𝒜"])
def test_the_cookie_of_a_ward_with_a_very_long_name_is_kept(guardian: Guardian, letter: str) -> None:
    """Browsers drop one of more than 4,096 bytes, and log its owner out with it."""
    ana = guardian.added(first_name=letter * 120, last_name=letter * 120)
    answer = guardian.act_for(ana)
    assert len(answer.headers["set-cookie"].partition(";")[0]) < 4096
    assert f"You act for {letter * 79}…" in guardian.page("/visits").text
