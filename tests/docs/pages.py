"""The documents of this repository, and how to read their tables."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
SRC = ROOT / "src" / "frontdesk"

_NOT_OURS = {".venv", ".git", ".data", "node_modules"}


def markdown() -> list[Path]:
    """Every Markdown file of ours."""
    return [path for path in sorted(ROOT.rglob("*.md")) if not _NOT_OURS & set(path.relative_to(ROOT).parts)]


def code() -> list[Path]:
    """Every file of ours in which a document may be named."""
    return [path for folder in ("src", "tests") for path in sorted((ROOT / folder).rglob("*")) if path.suffix in _CODE]


_CODE = {".py", ".sql"}


def rows(page: Path, *, heading: str) -> list[list[str]]:
    """The cells of every table of `page` whose first column is headed `heading`, without heads and rulers."""
    found: list[list[str]] = []
    wanted = False
    for line in page.read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.lstrip().startswith("|") else []
        if not cells:
            wanted = False
        elif cells[0] == heading:
            wanted = True
        elif wanted and set(cells[0]) - set("-: "):
            found.append(cells)
    return found


def prose(page: Path) -> str:
    """The text of `page` without its code blocks, in which nothing is a link or a heading."""
    return re.sub(r"^( *)```.*?^ *```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """What `#…` may name in `page`: its headings, lower case, spaces as dashes, other punctuation left out."""
    headings = re.findall(r"^#+ (.+)$", prose(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
