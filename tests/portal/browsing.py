"""A browser as a visitor has it, on a telephone, that remembers what went wrong."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from tests.portal.conftest import Visitor

PHONE = {"width": 390, "height": 844}
PATIENCE_MS = 30_000
expect.set_options(timeout=PATIENCE_MS)
UNREAD_MS = 500
"""For so long a step that has just appeared is not taken by a tap."""
AT_ONCE = """id => new MutationObserver((_, watch) => {
  const step = document.getElementById(id);
  if (!step) return;
  watch.disconnect();
  setTimeout(() => {  // the list is in its place
    step.dispatchEvent(new MouseEvent("click", {bubbles: true, cancelable: true, detail: 1}));
    step.dataset.tapped = "";
  });
}).observe(document.body, {childList: true, subtree: true, attributes: true})"""
"""Taps a step in the moment in which it appears."""
PICTURES = Path(__file__).parents[2] / ".cache" / "pictures"
"""What the pages looked like, for whoever wants to see."""


class Watched:
    """A page that remembers whatever went wrong in it: what the console said, and who else was asked."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.complaints = page, []
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda r: r.url.startswith(url) or self.complaints.append(r.url))
        page.on("response", lambda r: r.status < 400 or self.complaints.append(f"{r.status} {r.url}"))

    complaints: list[str]

    def _said(self, message: ConsoleMessage) -> None:  # violations of the policy are said there, too
        if message.type != "verbose":  # the browser's advice, which a user never sees
            self.complaints.append(f"{message.type}: {message.text}")

    def picture(self, name: str) -> None:
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}.png", full_page=True)
        wide, shown = self.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert wide <= shown, "nothing makes the page wider than the screen"


@contextmanager
def opened(
    browser: Browser,
    visitor: Visitor,
    *,
    scripts: bool = True,
    dark: bool = False,
    zone: str = "Asia/Tokyo",
    url: str | None = None,
) -> Iterator[Watched]:
    url = url or visitor.service.url
    context = browser.new_context(
        base_url=url,
        viewport=PHONE,  # type: ignore[arg-type]
        has_touch=True,
        locale="en-GB",
        timezone_id=zone,
        color_scheme="dark" if dark else "light",
        java_script_enabled=scripts,
    )
    watched = Watched(context.new_page(), url)
    yield watched
    context.close()
    assert not watched.complaints, "\n".join(watched.complaints)
