"""How one asks for the pages, as a program that says nothing of what it wants, too."""

from frontdesk import demo
from frontdesk.portal.assets import assets
from tests.access.callers import Caller
from tests.access.recipes import Call, Recipe, of
from tests.access.world import World


def _demo(world: World, caller: Caller) -> Call:
    """The demo's log-ins are there."""
    known = world.make.conn.execute("SELECT FROM user_account WHERE email = ANY(%s)", [list(demo.LOGINS)]).fetchone()
    if known is None:
        world.make.demo_log_ins()
    return Call()


PAGES: dict[str, Recipe] = {
    "GET /": Recipe(),
    "GET / (as a page)": Recipe(lambda world, caller: Call(headers={"Accept": "text/html"})),
    "GET /find": Recipe(),
    "GET /providers/{provider_id}": Recipe(of(provider_id="provider")),
    "POST /language": Recipe(lambda world, caller: Call(form={"chosen": "es", "back": "/find"})),
    "GET /start": Recipe(_demo),
    "GET /static/{name}": Recipe(lambda world, caller: Call({"name": assets()["portal.css"].name})),
}
