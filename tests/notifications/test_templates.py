"""Templates: the same in every language, each word translated, and no word of a fact that there is not."""

import re
from dataclasses import asdict
from pathlib import Path

import pytest
from jinja2 import Environment, UndefinedError, meta, nodes

from frontdesk.notifications import calendar, render
from frontdesk.notifications.language import LANGUAGES
from frontdesk.notifications.preview import EXAMPLE, SECRETS
from frontdesk.notifications.render import ACCOUNT_KINDS, KINDS

TEMPLATES = Path(calendar.__file__).parent / "templates"
PARSER = Environment(autoescape=True)

DERIVED = {
    "when",
    "briefly",
    "old_when",
    "moves_when",
    "expires",
    "bring",
    "language",
    "kind",
    "subject",
    "lead",
    "elsewhere",
}
"""What `render` makes of the facts."""

KNOWN = {
    "visit": set(asdict(EXAMPLE)) | DERIVED,
    "account": {*SECRETS, "subject", "language", "lead", "secret", "note"},
}

ALIKE: set[str] = set()
"""Words that are the same in two languages."""


def files(language: str) -> dict[str, Path]:
    folder = TEMPLATES / language
    return {str(path.relative_to(folder)): path for path in folder.rglob("*.j2")}


def unknown(source: str, about: str) -> set[str]:
    """Names that a template reads and nobody gives, also where no example leads."""
    return meta.find_undeclared_variables(PARSER.parse(source)) - KNOWN[about]


def about(path: Path) -> str:
    return "account" if "account" in (path.parent.name, path.stem) else "visit"


@pytest.mark.parametrize("path", sorted(TEMPLATES.rglob("*.*")), ids=lambda path: str(path.relative_to(TEMPLATES)))
def test_a_template_uses_only_facts_that_there_are(path: Path) -> None:
    assert unknown(path.read_text("utf-8"), about(path)) == set()


def test_a_layout_uses_only_words_that_there_are() -> None:
    for name in ("mail.html", "mail.txt"):
        tree = PARSER.parse((TEMPLATES / name).read_text("utf-8"))
        asked = [(one.node, one.attr) for one in tree.find_all(nodes.Getattr)]
        used = {word for of, word in asked if isinstance(of, nodes.Name) and of.name == "words"}
        of_parts = {fact for of, fact in asked if isinstance(of, nodes.Name) and of.name == "part"}
        assert of_parts <= KNOWN["visit"], name
        assert used == set(sentences(TEMPLATES / "en" / "words.j2")), name


def test_a_fact_that_there_is_not_is_found_and_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = "{% block subject %}{{ diagnosis }}{% endblock %}{% if late_min %}{{ reason }}{% endif %}"
    assert unknown(wrong, "visit") == {"diagnosis", "reason"}
    template = render._templates.from_string(wrong)
    monkeypatch.setattr(render._templates, "get_template", lambda _: template)
    with pytest.raises(UndefinedError):
        render.render("confirmation", "sms", EXAMPLE)


def test_no_template_looks_at_why_somebody_comes() -> None:
    assert not KNOWN["visit"] & {"reason", "visit_type", "notes", "last_name", "date_of_birth"}


def test_every_kind_has_its_template_and_its_blocks_in_every_language() -> None:
    visits, accounts = {f"{kind}.j2" for kind in KINDS}, {f"account/{kind}.j2" for kind in ACCOUNT_KINDS}
    for language in LANGUAGES:
        assert set(files(language)) == visits | accounts | {"words.j2"}
        for name, path in files(language).items():
            blocks = {block.name for block in PARSER.parse(path.read_text("utf-8")).find_all(nodes.Block)}
            if name in visits:
                assert blocks == {"subject", "short", "lead"}
            elif name in accounts:
                assert blocks == {"subject", "short", "lead", "secret", "note"}


def sentences(path: Path) -> dict[str, tuple[str, list[str]]]:
    """Each block or word of a template: its own letters, and in the order of its text the names that it uses."""
    source = path.read_text("utf-8")
    pieces = re.findall(r"{% block (\w+) %}(.*){% endblock %}", source) or re.findall(
        r'{% set (\w+) = "(.*)" %}', source
    )
    assert len(pieces) == len(source.splitlines()), f"{path.name}: a line is neither a block nor a word"
    told = {}
    for name, text in pieces:
        own = re.sub(r"{{.*?}}|{%.*?%}", " ", text)
        told[name] = " ".join(re.findall(r"\w+", own)), sorted(re.findall(r"{[{%] ?(?:if )?(\w+)", text))
    return told


@pytest.mark.parametrize("other", [language for language in LANGUAGES if language != "en"])
def test_every_sentence_is_translated_and_tells_the_same(other: str) -> None:
    for name, path in files("en").items():
        ours, theirs = sentences(path), sentences(files(other)[name])
        assert ours.keys() == theirs.keys(), name
        for part, (words, used) in ours.items():
            translated, used_there = theirs[part]
            assert used == used_there, f"{name}, {part}"
            assert bool(words) == bool(translated), f"{name}, {part}"
            assert not words or words != translated or words in ALIKE, f"{name}, {part}: not translated"


def test_a_calendar_entry_has_its_words_in_every_language() -> None:
    assert set(calendar._SUMMARY) == set(LANGUAGES)
    assert len(set(calendar._SUMMARY.values())) == len(LANGUAGES)
