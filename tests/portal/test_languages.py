"""Every page in every language, as the visitor wants it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import frontdesk.portal
from frontdesk.notifications.language import LANGUAGES
from tests.portal.conftest import Visitor

pytestmark = pytest.mark.postgres("18")

HERE = Path(frontdesk.portal.__file__).parent
TRANSLATED = [language for language in LANGUAGES if language != "en"]


def said() -> Iterator[str | tuple[str, ...]]:
    """Every text that a template marks."""
    options = {"**.html": {"extensions": "jinja2.ext.i18n", "trim_blocks": "true", "lstrip_blocks": "true"}}
    found = extract_from_dir(HERE / "templates", [("**.html", "jinja2")], options)
    return (text for _, _, text, _, _ in found)


def catalogue(language: str) -> dict[str | tuple[str, ...], Message]:
    with (HERE / "locale" / f"{language}.po").open("rb") as file:
        return {tuple(one.id) if one.pluralizable else one.id: one for one in read_po(file) if one.id}  # type: ignore[misc]


@pytest.mark.parametrize("language", TRANSLATED)
def test_no_text_is_missing_and_none_is_left_over(language: str) -> None:
    wanted, there = set(said()), catalogue(language)
    assert len(wanted) > 50
    assert set(there) == wanted
    for text, message in there.items():
        forms = message.string if message.pluralizable else (message.string,)
        assert not message.fuzzy, text
        assert all(forms), text
        names = {str(found) for found in re.findall(r"%\(\w+\)s|\{\w+\}", str(text))}
        assert all(set(re.findall(r"%\(\w+\)s|\{\w+\}", str(form))) == names for form in forms), text


def test_no_template_has_a_text_of_its_own() -> None:
    """Whatever letters stand between tags come from a catalogue or from the book."""
    left = re.compile(r"{#.*?#}|{%-? ?trans.*?{%-? ?endtrans ?-?%}|{%.*?%}|{{.*?}}|<[^>]*>|&\w+;", re.DOTALL)
    for file in (HERE / "templates").rglob("*.html"):
        words = re.findall(r"[^\W\d_]{2,}", left.sub(" ", file.read_text("utf-8")))
        assert set(words) <= {"Frontdesk"}, file.name


@pytest.mark.parametrize(
    ("accepted", "cookie", "lang"),
    [
        ("es-MX,es;q=0.9,en;q=0.8", None, "es"),
        ("de,fr;q=0.9,es;q=0.2", None, "es"),
        ("es;q=0.1,en-GB;q=0.9", None, "en"),
        ("de", None, "en"),
        ("", None, "en"),
        ("*;q=x,,;;;", None, "en"),
        ("en-US", "es", "es"),
        ("es", "en", "en"),
        ("es", "tlh", "es"),
    ],
)
def test_in_the_language_of_the_visitor(visitor: Visitor, accepted: str, cookie: str | None, lang: str) -> None:
    headers = {"Accept-Language": accepted} | ({"Cookie": f"language={cookie}"} if cookie else {})
    answer = visitor.get("/", **headers)
    assert f'<html lang="{lang}" dir="ltr">' in answer.text
    assert answer.headers["content-language"] == lang
    assert ("Especialidad" in answer.text, "Specialty<" in answer.text) == (lang == "es", lang == "en")


def test_the_switch_is_remembered_and_leads_back(visitor: Visitor) -> None:
    page = visitor.page("/find?name=ana", **{"Accept-Language": "en"})
    fields = {str(i["name"]): str(i["value"]) for i in page.all("input") if i.get("type") == "hidden"}
    answer = visitor.client.post("/language", data={**fields, "chosen": "es"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/find?name=ana")
    assert {"HttpOnly", "SameSite=lax"} <= set(answer.headers["set-cookie"].split("; "))
    assert visitor.page("/find", **{"Accept-Language": "en"}).all("html")[0]["lang"] == "es"


@pytest.mark.parametrize("back", ["https://evil.test/", "//evil.test", "/\\evil.test", "evil", "/x\r\nSet-Cookie: a=b"])
def test_the_switch_leads_nowhere_else(visitor: Visitor, back: str) -> None:
    answer = visitor.client.post("/language", data={"chosen": "es", "back": back})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_dates_and_times_are_those_of_the_country(visitor: Visitor) -> None:
    provider = visitor.provider(visitor.make.clinic("Europe/Madrid"), hours=("15:00", "16:00"))
    day = visitor.at(0).date()
    path = f"/providers/{provider}?view=day&on={day}"
    assert "3:00 PM" in visitor.page(path, **{"Accept-Language": "en-US"}).text
    assert "15:00" in visitor.page(path, **{"Accept-Language": "en-GB"}).text
    spanish = visitor.page(path, **{"Accept-Language": "es-ES"}).text
    assert "15:00" in spanish
    assert "hora estándar de Europa central" in spanish or "hora de verano de Europa central" in spanish
