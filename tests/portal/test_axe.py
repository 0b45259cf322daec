"""Every page for every reader: axe-core finds nothing against WCAG 2.2 AA, in light and dark, in both directions.

On the same walk: the console stays silent, the policy of the page is kept, and nobody else is asked for anything.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from fastapi.routing import iter_route_contexts
from playwright.sync_api import Browser, BrowserContext, Page
from pydantic import SecretStr

from frontdesk import demo, links
from frontdesk.app import create_app
from frontdesk.portal import language
from frontdesk.portal.route import PageRoute
from frontdesk.secrets import Keys
from frontdesk.settings import Settings
from frontdesk.supervisor.postgres import EmbeddedPostgres
from tests.canaries import BORN_ON, WORD
from tests.conftest import copy_database, drop_database
from tests.make import Make
from tests.portal.browsing import PHONE, Watched
from tests.portal.pages import FILES, HOLDERS, PAGES, REFUSED
from tests.queries.world import Builder, World
from tests.service import SECRET, Service

pytestmark = pytest.mark.postgres("18")

AXE = Path(__file__).parents[2] / ".cache" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
JUDGE = """async (tags) => {
    const {violations} = await axe.run(document, {runOnly: tags, resultTypes: ["violations"], preload: false});
    return violations.map((one) => ({rule: one.id, help: one.help, where: one.nodes.map((node) => node.html)}));
}"""
GUEST = {
    "first_name": "Pat",
    "last_name": WORD,
    "date_of_birth": BORN_ON.isoformat(),
    "email": "pat@example.test",
    "phone": "+34 91 5550100",
}
LOOKS = (("light", "ltr"), ("dark", "rtl"))
"""Each shade and each direction once: no rule is about both."""


@dataclass(frozen=True)
class Walk:
    """A service with something on every page, and a browser for each of its readers."""

    service: Service
    world: World
    contexts: dict[str, BrowserContext]
    kept: dict[str, str]  # the holds of those who have one
    tabs: dict[str, Watched]

    def address(self, page: str, who: str) -> str:
        facts = {"appointment_id": self.world.ids["appointment_id"], "patient_id": self.world.ids["patient_id"]}
        token = links.token_of(Keys(SECRET), **facts, generation=0)
        day = self.world.free.date() - timedelta(days=10)
        return self.service.url + page.format(**self.world.ids, token=token, day=day, hold_id=self.kept.get(who))

    def tab(self, who: str) -> Watched:
        """The reader's one tab: in a new one the browser would learn axe-core anew, at half of the cost of it all."""
        tab = self.tabs.get(who) or self.tabs.setdefault(who, Watched(self.contexts[who].new_page(), self.service.url))
        tab.complaints.clear()
        return tab

    def sent(self, who: str, path: str, form: Mapping[str, str]) -> str:
        """Where a form leads."""
        answer = self.contexts[who].request.post(self.service.url + path, form=dict(form), max_redirects=0)
        assert answer.status == 303, answer.text()
        return answer.headers["location"]


@pytest.fixture(scope="module")
def walk(postgres: EmbeddedPostgres, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    service = Service(copy_database(postgres), tmp_path_factory.mktemp("axe"), workers=1)
    service.start()
    try:
        with psycopg.connect(service.dsn, autocommit=True, options="-c timezone=UTC") as conn:
            make = Make(conn)
            world = Builder(make, 3).build()
            make.demo_log_ins(*(world.ids[name] for name in ("patient_id", "provider_id", "clinic_id")))
            of = [world.ids["patient_id"]]
            ward = conn.execute("SELECT patient_id FROM guardianship WHERE guardian_id = %s", of).fetchone()
            assert ward is not None
        contexts = {
            who: browser.new_context(viewport=PHONE, locale="en-GB", reduced_motion="reduce")  # type: ignore[arg-type]
            for who in {who for readers in PAGES.values() for who in readers}
        }
        walk = Walk(service, world, contexts, {}, {})
        for email, role in demo.LOGINS.items():
            walk.sent(role, "/login", {"email": email, "password": demo.PASSWORD})
        walk.sent("guardian", "/login", {"email": "patient@frontdesk.test", "password": demo.PASSWORD})
        walk.sent("guardian", "/family/act", {"whom": str(ward[0])})
        ids = {name: str(value) for name, value in world.ids.items()}
        for number, who in enumerate(HOLDERS):
            wish = {"visit": ids["visit_type_id"], "clinic": ids["clinic_id"], "start": world.at(number)}
            walk.kept[who] = walk.sent(who, f"/providers/{ids['provider_id']}/hold", wish).rpartition("/")[2]
        walk.sent("anonymous", f"/book/{walk.kept['anonymous']}/guest", GUEST)
        yield walk
        for context in contexts.values():
            context.close()
    finally:
        service.stop()
        drop_database(postgres, service.dsn)


def in_arabic(page: Page) -> None:
    """The page in Arabic; where that is not spoken, as it would stand."""
    page.context.add_cookies([{"name": language.COOKIE, "value": "ar", "url": page.url}])
    page.reload()
    page.context.clear_cookies(name=language.COOKIE)
    page.evaluate("document.documentElement.dir = 'rtl'")


def faults(page: Page) -> list[str]:
    """What axe-core finds, in every look."""
    assert AXE.exists(), "make test copies it from npm"
    found = []
    for shade, direction in LOOKS:
        page.emulate_media(color_scheme=shade)  # type: ignore[arg-type]
        if direction == "rtl":
            in_arabic(page)
        page.evaluate(AXE.read_text("utf-8"))  # by the debugger: the policy of the page lets no such script in
        found += [f"{shade} {direction}: {json.dumps(one, indent=1)}" for one in page.evaluate(JUDGE, RULES)]
        wide, shown = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        found += [f"{shade} {direction}: wider than the screen"] if wide > shown else []
    return found


@pytest.mark.parametrize(("path", "who"), [(path, who) for path, readers in PAGES.items() for who in readers])
def test_nobody_is_shut_out(walk: Walk, path: str, who: str) -> None:
    watched = walk.tab(who)
    answer = watched.page.goto(walk.address(path, who))
    assert answer is not None
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    found = faults(watched.page)
    found += watched.complaints
    assert not found, "\n".join(found)


@pytest.mark.parametrize("path", REFUSED)
def test_a_refusal_is_for_everybody_too(walk: Walk, path: str) -> None:
    who, status = REFUSED[path]
    watched = walk.tab(who)
    answer = watched.page.goto(walk.address(path, who))
    assert answer is not None
    assert answer.status == status
    found = faults(watched.page)
    assert not found, "\n".join(found)
    assert all(str(status) in complaint for complaint in watched.complaints)  # of the page itself


def test_every_page_is_walked() -> None:
    app = create_app(Settings(secret=SecretStr(SECRET), log_level="warning"))
    there = {
        str(context.path)
        for context in iter_route_contexts(app.routes)
        if isinstance(context.original_route, PageRoute) and "GET" in (context.methods or ())
    }
    assert len(there) > 3
    assert there - FILES == {path.partition("?")[0] for path in PAGES}, "tests/portal/pages.py says who looks at it"
    assert there >= FILES
