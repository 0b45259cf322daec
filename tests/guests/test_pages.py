"""The pages: in the patient's language, the clinic's zone, without scripts, and only their forms do anything."""

import base64
import hashlib
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from frontdesk.guests import pages
from frontdesk.guests.words import WORDS
from frontdesk.notifications.language import LANGUAGES
from tests.guests.conftest import PAGE, House, Link
from tests.html import Page

pytestmark = pytest.mark.postgres("18")


def _page(link: Link, path: str = "") -> Page:
    return Page(link.page(path))


@pytest.mark.parametrize(
    ("language", "lang", "told"),
    [
        ("en", "en", "Your appointment is booked."),
        ("en-GB", "en", "Your appointment is booked."),
        ("es", "es", "Su cita está reservada."),
        ("es-MX", "es", "Su cita está reservada."),
        ("fr", "en", "Your appointment is booked."),
        ("no language at all", "en", "Your appointment is booked."),
        (None, "en", "Your appointment is booked."),
    ],
)
def test_in_the_patients_language(house: House, language: str | None, lang: str, told: str) -> None:
    link = house.link(9, patient=house.patient(language=language))
    page = _page(link)
    assert page.all("html") == [{"lang": lang}]
    assert told in page.text
    others = _page(link, "/slots")
    assert others.all("html") == [{"lang": lang}]
    assert WORDS[lang]["take"] in others.text


def test_in_the_clinics_zone_whatever_the_zone_of_the_server(house: House) -> None:
    start = datetime(2035, 3, 25, 23, 30, tzinfo=UTC)  # the night on which Madrid's clocks go forward is over
    page = _page(house.link(start, patient=house.patient(language="en")))
    assert "Monday, March 26, 2035, 1:30 AM – 2:00 AM (Central European Summer Time)" in page.text
    spanish = _page(house.link(start + timedelta(hours=1), patient=house.patient(language="es")))
    assert "lunes, 26 de marzo de 2035, 2:30 – 3:00 (hora de verano de Europa central)" in spanish.text


@pytest.mark.parametrize("language", ["en", "es"])
def test_by_buttons_alone(house: House, language: str) -> None:
    """What a person does with the pages, following nothing but what stands in them."""
    words = WORDS[language]
    link = house.link(9, patient=house.patient(language=language))
    done = _press(house, _page(link), "/confirm")
    assert (done.status, words["confirmed"] in done.text) == (200, True)

    choose = next(a["href"] for a in done.all("a") if str(a["href"]).endswith("/slots"))
    times = Page(house.guest.get(str(choose), headers=PAGE))
    later = next(a["href"] for a in times.all("a") if "from=" in str(a["href"]))
    next_days = Page(house.guest.get(str(later), headers=PAGE))
    start = next(i["value"] for i in next_days.all("input") if i.get("name") == "start")
    moved = _press(house, next_days, "/move", start=str(start))
    assert (moved.status, words["moved"] in moved.text) == (200, True)
    assert moved.all("time") == [{"datetime": start}]

    cancelled = _press(house, moved, "/cancel", reason="")
    assert (cancelled.status, words["cancelled"] in cancelled.text) == (200, True)
    assert cancelled.all("form") == []
    assert link.row()["status"] == "cancelled"
    assert link.row()["status_reason"] == "cancelled by the link to it"


def _press(house: House, page: Page, path: str, **filled: str) -> Page:
    """Send the form of `page` whose action ends so, as a browser does: what is hidden, and what was filled in."""
    form = next(form for form in page.all("form") if str(form["action"]).endswith(path))
    hidden = {str(i["name"]): str(i["value"]) for i in page.all("input") if i.get("type") == "hidden"}
    assert form["method"] == "post"
    answer = house.guest.post(str(form["action"]), data={**hidden, **filled}, headers=PAGE)
    assert answer.status_code == 303, answer.text
    return Page(house.guest.get(answer.headers["location"], headers=PAGE))


@pytest.mark.parametrize("language", ["en", "es"])
def test_refusals_are_pages_that_say_what_to_do(house: House, language: str) -> None:
    words = WORDS[language]
    link, _ = house.link(9, patient=house.patient(language=language)), house.link(11)
    taken = Page(link.send("/move", start=house.at(11).isoformat(), version="1"))
    assert (taken.status, words["slot-taken"] in taken.text) == (409, True)
    assert taken.all("p")[0]["role"] == "alert"
    offered = [i["value"] for i in taken.all("input") if i.get("name") == "start"]
    assert len(offered) == 5
    refusals: list[tuple[str, dict[str, str], int, str]] = [
        ("/move", {"start": house.at(9.1).isoformat()}, 422, "not-bookable"),
        ("/move", {}, 422, "invalid-request"),
        ("/move", {"start": "tomorrow"}, 422, "invalid-request"),
        ("/cancel", {"version": "7"}, 412, "stale-version"),
        ("/cancel", {"version": "x"}, 422, "invalid-request"),
        ("/cancel", {"reason": "x" * 501}, 422, "reason"),
    ]
    for path, fields, status, key in refusals:
        refused = Page(link.send(path, **fields))
        assert (refused.status, words[key] in refused.text) == (status, True), (path, fields, refused.text)
    assert link.row()["version"] == 1
    moved = link.send("/move", start=str(offered[0]), version="1")
    assert moved.status_code == 303
    assert link.send("/cancel", version="2").status_code == 303
    again = Page(link.send("/cancel", version="3"))
    assert (again.status, words["status-step"] in again.text, words["cancelled"] in again.text) == (409, True, True)


@pytest.mark.parametrize(("version", "more", "status"), [("1", "z", 422), ("7", "", 412)])
def test_why_it_is_cancelled_may_have_lines_and_is_never_lost(
    house: House, version: str, more: str, status: int
) -> None:
    link = house.link(9)
    filled = "\r\n".join(["x" * 99] * 5) + "y"  # 500, as a browser counts
    refused = Page(link.send("/cancel", version=version, reason=filled + more))
    assert (refused.status, f"xy{more}" in refused.text) == (status, True)
    assert "open" in refused.all("details")[0]
    assert link.send("/cancel", version="1", reason=filled).status_code == 303
    assert link.row()["status_reason"] == filled.replace("\r", "")


def test_the_page_for_links_that_do_not_open_speaks_every_language(house: House) -> None:
    page = Page(house.guest.get(f"/m/{'A' * 44}", headers=PAGE))
    assert page.status == 404
    for words in WORDS.values():
        assert words["gone"] in page.text
        assert words["gone_text"] in page.text


def test_nothing_runs_and_nothing_is_loaded(house: House) -> None:
    link = house.link(9)
    for answer in (link.page(), link.page("/slots"), link.send("/move"), house.guest.get("/m/none", headers=PAGE)):
        page = Page(answer)
        assert not {"script", "img", "link", "iframe", "object"} & {tag for tag, _ in page.tags}
        assert all(not name.startswith("on") and name != "style" for _, had in page.tags for name in had)
        (policy,) = answer.headers.get_list("content-security-policy")
        directives = dict(one.strip().split(" ", 1) for one in policy.split(";"))
        style = re.search(r"<style>(.*?)</style>", answer.text, re.DOTALL)
        assert style
        digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
        assert directives == {
            "default-src": "'none'",
            "style-src": f"'sha256-{digest}'",
            "form-action": "'self'",
            "frame-ancestors": "'none'",
            "base-uri": "'none'",
        }
        for header, value in {"cache-control": "no-store", "referrer-policy": "no-referrer", "vary": "Accept"}.items():
            assert answer.headers[header] == value
        assert "noindex" in answer.headers["x-robots-tag"]


def test_every_field_has_its_label_and_every_page_its_heading(house: House) -> None:
    link = house.link(9)
    for page in (_page(link), _page(link, "/slots")):
        assert len(page.all("h1")) == 1
        assert len(page.all("title")) == 1
        labelled = {label.get("for") for label in page.all("label")}
        assert all(area["id"] in labelled for area in page.all("textarea"))
        radios = [i for i in page.all("input") if i.get("type") == "radio"]
        assert len([label for label in page.all("label") if label.get("class") == "time"]) == len(radios)
        assert len(page.all("fieldset")) == len(page.all("legend"))


@settings(max_examples=200, deadline=None)
@given(
    texts=st.lists(st.text(max_size=60), min_size=5, max_size=5),
    language=st.none() | st.text(max_size=12),
    offered=st.booleans(),
)
@example(
    texts=["<script>alert(1)</script>", '"><b>', "</dd><i>", "<u>\n</main>", "&lt;p>"], language="es", offered=False
)
@example(
    texts=["<script>alert(1)</script>", '"><b>', "</dd><i>", "<u>\n</main>", "&lt;p>"], language="es", offered=True
)
def test_any_text_stays_text(texts: list[str], language: str | None, offered: bool) -> None:
    first_name, provider, name, address, phone = texts
    at = datetime(2027, 10, 31, 0, 30, tzinfo=UTC)
    row: dict[str, Any] = {
        "status": "scheduled",
        "version": 1,
        "start": at,
        "end": at,
        "time_zone": "Australia/Lord_Howe",
        "country": "AU",
        "mode": "telehealth",
        "provider": provider,
        "clinic": {"name": name, "address": address, "phone": phone},
        "first_name": first_name,
        "actions": ["accept", "decline"] if offered else ["confirm", "move", "cancel"],
        "offer": {"status": "standing", "expires_at": at, "displaced": True, "moves_from": at} if offered else None,
    }
    plain = row | {"provider": "", "first_name": "", "clinic": {"name": "", "address": "x", "phone": "x"}}
    shown, expected = (pages.appointment(told, "/m/token", language) for told in (row, plain))
    got, wanted = (
        Page(httpx.Response(200, content=page.body, headers={"content-type": "text/html; charset=utf-8"}))
        for page in (shown, expected)
    )
    optional = {"br", "span", "dt", "dd", "a"}
    assert [tag for tag, _ in got.tags if tag not in optional] == [tag for tag, _ in wanted.tags if tag not in optional]


def test_the_languages_say_the_same_things() -> None:
    english = WORDS["en"]
    assert set(WORDS) == set(LANGUAGES), "pages speak the languages of the messages that lead to them"
    for language, words in WORDS.items():
        assert words.keys() == english.keys()
        assert all(words.values())
        assert language == "en" or not [key for key in words if words[key] == english[key]]
