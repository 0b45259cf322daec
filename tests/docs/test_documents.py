"""The documents say what the code does: each list in them is compared with the thing it lists."""

import ast
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from pydantic import TypeAdapter

from frontdesk.app import create_app
from frontdesk.auth.permissions import PERMISSIONS, Role
from frontdesk.errors import Problem
from frontdesk.settings import Settings
from frontdesk.web import problems
from tests.docs.pages import DOCS, ROOT, SRC, anchors, code, markdown, prose, rows

OTHER_VARIABLES = {
    "FRONTDESK_CONFIG",
    "FRONTDESK_TEST_NO_SKIPS",
    "FRONTDESK_TEST_EXAMPLES",
    "FRONTDESK_TEST_FUZZ_EXAMPLES",
}
"""Read by us, but not fields of Settings."""


def test_every_setting_is_documented_with_its_default() -> None:
    told = {cells[0].strip("`"): cells[1].strip("`") for cells in rows(DOCS / "settings.md", heading="variable")}
    for name in OTHER_VARIABLES:
        assert told.pop(name) == "not set"
    real = {f"FRONTDESK_{name.upper()}": _written(field.default) for name, field in Settings.model_fields.items()}
    assert told == real


def test_no_document_names_a_variable_that_nobody_reads() -> None:
    known = {f"FRONTDESK_{name.upper()}" for name in Settings.model_fields} | OTHER_VARIABLES
    for page in markdown():
        assert set(re.findall(r"FRONTDESK_[A-Z_]+", page.read_text("utf-8"))) <= known, page


def _written(default: Any) -> str:
    if default is None:
        return "not set"
    if isinstance(default, timedelta):
        written: str = TypeAdapter(timedelta).dump_python(default, mode="json")
        return written
    return str(default).lower() if isinstance(default, bool) else str(default)


def test_the_permissions_page_is_the_matrix() -> None:
    table = rows(DOCS / "permissions.md", heading="permission")
    told = {cells[0].strip("`"): dict(zip(Role, cells[1:], strict=True)) for cells in table}
    assert len(told) == len(table), "a permission is listed twice"
    real = {
        name: {role: reach[role].value if role in reach else "–" for role in Role}
        for name, reach in PERMISSIONS.items()
    }
    assert told == real


def _problems(kind: type[Problem] = Problem) -> Iterator[type[Problem]]:
    yield kind
    for narrower in kind.__subclasses__():
        yield from _problems(narrower)


def _slugs() -> dict[str, set[tuple[int, str]]]:
    """Every slug that may be answered, with the status and title of each class that has it."""
    assert create_app.__module__ == "frontdesk.app"  # importing it imports every domain, and so every Problem
    found: dict[str, set[tuple[int, str]]] = {}
    for kind in _problems():
        if kind.__module__.startswith("frontdesk."):
            found.setdefault(kind.slug, set()).add((kind.status, kind.title))
    for slug in [*problems._SLUG_BY_STATUS.values(), "bad-request"]:
        found.setdefault(slug, set())
    return found


def test_every_problem_has_a_page_and_no_page_is_left_over() -> None:
    pages = {page.stem for page in (DOCS / "problems").glob("*.md")} - {"README"}
    assert pages == set(_slugs())


@pytest.mark.parametrize("slug", sorted(_slugs()))
def test_the_page_of_a_problem_tells_its_status_title_and_an_example(slug: str) -> None:
    text = (DOCS / "problems" / f"{slug}.md").read_text("utf-8")
    heading = re.search(r"\A# (\S+)\n\n\*\*Status (\d+): (.+)\*\*\n", text)
    assert heading, "begin with the slug, then the status and the title"
    status, title = int(heading[2]), heading[3]
    assert heading[1] == slug
    kinds = _slugs()[slug]
    assert not kinds or (status, title) in kinds
    blocks = re.findall(r"^```json\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    assert blocks, "give an example"
    for block in blocks:
        example = json.loads(block)
        assert (example["type"], example["status"], example["title"]) == (f"/problems/{slug}", status, title)
    assert "\n## What to do\n" in text
    listed = {cells[0]: cells[1:] for cells in rows(DOCS / "problems" / "README.md", heading="type")}
    assert listed[f"[{slug}]({slug}.md)"] == [str(status), title]


def test_every_decision_referred_to_exists_and_none_is_numbered_twice() -> None:
    pages = [page for page in (DOCS / "adr").glob("*.md") if page.name != "README.md"]
    numbers = sorted(page.name[:4] for page in pages)
    assert numbers == [f"{number:04}" for number in range(1, len(pages) + 1)]
    for page in pages:
        assert page.read_text("utf-8").startswith(f"# ADR-{page.name[:4]}: "), page
    for file in [*code(), *markdown()]:
        assert set(re.findall(r"ADR-(\d{4})", file.read_text("utf-8"))) <= set(numbers), file
    index = (DOCS / "adr" / "README.md").read_text("utf-8")
    assert sorted(re.findall(r"\]\((\d{4}-[^)]+)\)", index)) == sorted(page.name for page in pages)


def test_the_steps_of_an_appointment_are_those_of_the_schema() -> None:
    table = rows(ROOT / "ARCHITECTURE.md", heading="from")
    told = {(cells[0].strip("`"), to) for cells in table for to in re.findall(r"`(\w+)`", cells[1])}
    schema = (SRC / "schema" / "60_booking.sql").read_text("utf-8")
    insert = re.search(r"INSERT INTO appointment_step \(from_status, to_status\) VALUES(.*?);", schema, re.DOTALL)
    assert insert
    assert told == set(re.findall(r"\('(\w+)', '(\w+)'\)", insert[1]))


@pytest.mark.parametrize("page", markdown(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = unquote(target).partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        assert ROOT in [file, *file.parents], f"{target} leads out of the repository"
        if anchor:
            assert anchor in anchors(file), target


def test_every_topic_is_documented() -> None:
    declared = {
        match[1]
        for file in SRC.rglob("*.py")
        for match in re.finditer(r'topic: ClassVar\[str\] = "([^"]+)"', file.read_text())
    }
    assert declared
    told = {cells[0].strip("`") for cells in rows(DOCS / "events.md", heading="topic")}
    assert told == declared


# -- the floors of ARCHITECTURE.md ---------------------------------------------------------------------------------


def _floors() -> dict[str, int]:
    """Each folder and module and its floor, the ground being the highest number."""
    table = rows(ROOT / "ARCHITECTURE.md", heading="floor")
    return {name: floor for floor, cells in enumerate(table) for name in re.findall(r"`(\w+)`", cells[1])}


def _imports() -> dict[str, set[str]]:
    """Which folder or module of frontdesk imports which other."""
    parts = {path.stem for path in SRC.iterdir() if path.suffix == ".py" or path.is_dir()} - {"__init__", "__pycache__"}
    found: dict[str, set[str]] = {part: set() for part in parts}
    for file in SRC.rglob("*.py"):
        me = file.relative_to(SRC).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            inner = {name.split(".")[1] for name in names if name.startswith("frontdesk.")} & parts
            if me in parts:
                found[me] |= inner - {me}
    return found


def test_every_folder_stands_on_a_floor() -> None:
    assert set(_floors()) == set(_imports())


def test_imports_never_go_up() -> None:
    floors = _floors()
    upward = [(one, other) for one, others in _imports().items() for other in others if floors[one] > floors[other]]
    assert upward == []


def test_no_circle_of_folders_but_web_and_auth() -> None:
    graph = _imports()
    graph["web"] = graph["web"] - {"auth"}
    TopologicalSorter(graph).prepare()  # raises CycleError
