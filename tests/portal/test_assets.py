"""What pages are drawn with: from here, packed, kept for ever, and not heavy."""

import gzip
import hashlib
import json
import re
from pathlib import Path

import pytest

from frontdesk.portal.assets import assets
from tests.portal.conftest import Visitor

pytestmark = pytest.mark.postgres("18")

ROOT = Path(__file__).parents[2]
MOST_BYTES = 200_000


def loaded(html: str) -> list[str]:
    """Whatever a browser fetches for a page by itself."""
    return re.findall(r"<(?:script|img)[^>]+src=\"([^\"]+)\"|<link[^>]+href=\"([^\"]+)\"", html)


def test_npm_packages_are_there() -> None:
    assert {"htmx.min.js", "event-calendar.min.js"} <= set(assets()), "make test copies them from npm"
    assert b"hx-sse:connect" in assets()["htmx.min.js"].body, "it comes in one file with what it extends"


def test_the_lock_pins_digests_and_names_no_registry() -> None:
    lock, wanted = (ROOT / "package-lock.json").read_text(), json.loads((ROOT / "package.json").read_text())
    assert "://" not in lock
    packages = {name: one for name, one in json.loads(lock)["packages"].items() if name}
    assert all(one["integrity"].startswith("sha512-") for one in packages.values())
    for name, version in (wanted["dependencies"] | wanted["devDependencies"]).items():
        assert packages[f"node_modules/{name}"]["version"] == version, "an exact version, not a range"


def test_each_file_is_served_for_ever_packed_and_typed(visitor: Visitor) -> None:
    urls = {one or other for one, other in loaded(visitor.get("/").text)} - {"/manifest.webmanifest"}
    assert {url.rsplit(".", 1)[1] for url in urls} == {"css", "js", "svg", "png"}
    for url in urls:
        plain, packed = (visitor.client.get(url, headers={"Accept-Encoding": c}) for c in ("identity", "gzip"))
        assert (plain.status_code, packed.status_code) == (200, 200)
        assert packed.headers["content-encoding"] == "gzip"
        assert "content-encoding" not in plain.headers
        assert packed.content == plain.content
        assert hashlib.sha256(plain.content).hexdigest()[:16] in url
        assert plain.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert plain.headers["vary"] == "Accept-Encoding"
        assert plain.headers["x-content-type-options"] == "nosniff"
        kinds = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml", "png": "image/png"}
        kind = kinds[url.rsplit(".", 1)[1]]
        assert plain.headers["content-type"].startswith(kind)
        again = visitor.client.get(url, headers={"If-None-Match": plain.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("name", ["portal.css", "portal.0000000000000000.css", "..%2fapi.py", "%2e%2e", "icon.svg"])
def test_nothing_else_is_served(visitor: Visitor, name: str) -> None:
    assert visitor.client.get(f"/static/{name}").status_code == 404


def test_pages_are_light(visitor: Visitor) -> None:
    """With as many providers as fit on a page, and one who is always free."""
    clinic = visitor.make.clinic()
    who = [visitor.provider(clinic, bio="Of great experience. " * 20) for _ in range(41)]
    visitor.client.headers["Accept-Encoding"] = "gzip"
    for path in (
        "/",
        f"/find?specialty={visitor.specialty}",
        *(f"/providers/{who[0]}?view={view}" for view in ("day", "week", "month")),
    ):
        answer = visitor.get(path)
        assert answer.headers["content-encoding"] == "gzip"
        weight = len(gzip.compress(answer.content, 5))
        for url in {one or other for one, other in loaded(answer.text)}:
            weight += len(gzip.compress(visitor.client.get(url).content, 9))
        assert weight < MOST_BYTES, path


def _luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("dark", [False, True])
def test_colours_can_be_told_apart(dark: bool) -> None:
    css = (ROOT / "src/frontdesk/portal/own/portal.css").read_text()
    light_ones, dark_ones = css.split("@media (prefers-color-scheme: dark)")
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", dark_ones.split("*,")[0] if dark else light_ones))

    def contrast(one: str, other: str) -> float:
        darker, lighter = sorted(_luminance(colours[name]) for name in (one, other))
        return (lighter + 0.05) / (darker + 0.05)

    grounds = ("ground", "surface")
    words = [(ink, on) for ink in ("ink", "soft", "main", "warn") for on in grounds]
    for ink, on in [*words, ("main-ink", "main"), ("tint-ink", "tint")]:
        assert contrast(ink, on) >= 4.5, f"{ink} on {on}"
    for on in grounds:
        assert contrast("edge", on) >= 3, f"the edge of a field on {on}"
