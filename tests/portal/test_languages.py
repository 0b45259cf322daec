"""Every page in every language, as the visitor wants it."""

import re
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from babel.messages.catalog import Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import frontdesk.portal
from frontdesk.portal.language import LANGUAGES
from tests.portal.conftest import Visitor
from tests.portal.days import next_on

pytestmark = pytest.mark.postgres("18")

HERE = Path(frontdesk.portal.__file__).parent
TRANSLATED: dict[str, tuple[str, ...]] = {"es": ("**/*",), "ar": ("*", "account/*", "book/*")}
"""The templates whose texts are in a catalogue, all of them."""

ARABIC_DAYS = ("الاثنين", "الثلاثاء", "الأربعاء", "الخميس", "الجمعة", "السبت", "الأحد")


def said(*templates: str) -> Iterator[str | tuple[str, ...]]:
    """Every text that one of these templates marks."""
    among = {str(file.relative_to(HERE / "templates")) for one in templates for file in (HERE / "templates").glob(one)}
    options = {"**.html": {"extensions": "jinja2.ext.i18n", "trim_blocks": "true", "lstrip_blocks": "true"}}
    found = extract_from_dir(HERE / "templates", [("**.html", "jinja2")], options)
    return (text for file, _, text, _, _ in found if file in among)


def catalogue(language: str) -> dict[str | tuple[str, ...], Message]:
    with (HERE / "locale" / f"{language}.po").open("rb") as file:
        return {tuple(one.id) if one.pluralizable else one.id: one for one in read_po(file) if one.id}  # type: ignore[misc]


@pytest.mark.parametrize("language", TRANSLATED)
def test_no_text_is_missing_and_none_is_left_over(language: str) -> None:
    wanted, there = set(said(*TRANSLATED[language])), catalogue(language)
    assert len(wanted) > 50
    assert set(there) == wanted
    for text, message in there.items():
        forms = message.string if message.pluralizable else (message.string,)
        assert not message.fuzzy, text
        assert all(forms), text
        names = {str(found) for found in re.findall(r"%\(\w+\)s|\{\w+\}", str(text))}
        assert all(set(re.findall(r"%\(\w+\)s|\{\w+\}", str(form))) == names for form in forms), text


def test_every_language_has_a_catalogue() -> None:
    assert {"en", *TRANSLATED} == set(LANGUAGES)


def test_no_template_has_a_text_of_its_own() -> None:
    """Whatever letters stand between tags come from a catalogue or from the book."""
    left = re.compile(
        r"{#.*?#}|{% set \w+ %}.*?{% endset %}|{%-? ?trans.*?{%-? ?endtrans ?-?%}|{%.*?%}|{{.*?}}|<[^>]*>|&\w+;",
        re.DOTALL,
    )
    for file in (HERE / "templates").rglob("*.html"):
        words = re.findall(r"[^\W\d_]{2,}", left.sub(" ", file.read_text("utf-8")))
        assert set(words) <= {"Frontdesk", "Enter"}, file.name  # the key is called so everywhere


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
        ("ar-EG,ar;q=0.9,en;q=0.8", None, "ar"),
        ("en", "ar", "ar"),
    ],
)
def test_in_the_language_of_the_visitor(visitor: Visitor, accepted: str, cookie: str | None, lang: str) -> None:
    headers = {"Accept-Language": accepted} | ({"Cookie": f"language={cookie}"} if cookie else {})
    answer = visitor.get("/", **headers)
    assert f'<html lang="{lang}" dir="{"rtl" if lang == "ar" else "ltr"}">' in answer.text
    assert answer.headers["content-language"] == lang
    assert ("Especialidad" in answer.text, "Specialty<" in answer.text) == (lang == "es", lang == "en")


def test_the_switch_is_remembered_and_leads_back(visitor: Visitor) -> None:
    page = visitor.page("/find?name=ana", **{"Accept-Language": "en"})
    fields = {str(i["name"]): str(i["value"]) for i in page.all("input") if i.get("type") == "hidden"}
    answer = visitor.client.post("/language", data={**fields, "chosen": "es"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/find?name=ana")
    assert {"HttpOnly", "SameSite=lax"} <= set(answer.headers["set-cookie"].split("; "))
    assert visitor.page("/find", **{"Accept-Language": "en"}).all("html")[0]["lang"] == "es"


def test_arabic_leads_to_a_booking_and_elsewhere_the_next_best_is_spoken(visitor: Visitor) -> None:
    provider = visitor.provider(visitor.make.clinic(phone="+34 91 5550100"))
    both = {"Accept-Language": "ar,es;q=0.5"}
    for path in ("/", "/find", f"/providers/{provider}", f"/providers/{uuid4()}", "/find?on=x"):
        page = visitor.page(path, **both)
        assert (page.all("html")[0]["lang"], page.all("html")[0]["dir"]) == ("ar", "rtl")
        assert [button["lang"] for button in page.all("button") if button.get("name") == "chosen"] == ["en", "es"]
        assert "%(" not in page.text.replace("%s%(x)s", "")  # the name of somebody's specialty, in another test
    tour = visitor.page("/start", **both)
    assert (tour.all("html")[0]["lang"], tour.all("html")[0]["dir"]) == ("es", "ltr")
    assert "ar" not in [button.get("lang") for button in tour.all("button")]
    assert visitor.page("/start", **both, Cookie="language=ar").all("html")[0]["lang"] == "es"
    telephone = next(a for a in visitor.page(f"/providers/{provider}", **both).all("a") if "tel:" in str(a["href"]))
    assert telephone["dir"] == "ltr", "or the number would be read from its end"
    on = next_on(2, 8)
    shown = visitor.page(f"/providers/{provider}?view=day&on={on}", **both).text
    assert f"{ARABIC_DAYS[on.weekday()]}، 8 فبراير {on.year}" in shown
    assert "9:00 ص" in shown


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


@pytest.mark.parametrize(
    ("language", "said"), [("es-ES", "912 34 56 78"), ("es-MX", "+34 912 34 56 78"), ("en", "+34 912 34 56 78")]
)
def test_a_phone_number_is_said_as_its_reader_dials_it(visitor: Visitor, language: str, said: str) -> None:
    provider = visitor.provider(visitor.make.clinic(country="ES", phone="912-345-678"))
    page = visitor.page(f"/providers/{provider}", **{"Accept-Language": language})
    assert "tel:+34-912-34-56-78" in [a["href"] for a in page.all("a")]
    assert (said in page.text, "+34" in page.text) == (True, said.startswith("+"))
