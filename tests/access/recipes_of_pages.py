"""How one asks for the pages, as a program that says nothing of what it wants, too."""

from frontdesk.portal.assets import assets
from tests.access.recipes import Call, Recipe, of
from tests.access.recipes_of_visits import VISITS

PAGES: dict[str, Recipe] = {
    "GET /": Recipe(),
    "GET / (as a page)": Recipe(lambda world, caller: Call(headers={"Accept": "text/html"})),
    "GET /find": Recipe(),
    "GET /providers/{provider_id}": Recipe(of(provider_id="provider")),
    "POST /language": Recipe(lambda world, caller: Call(form={"chosen": "es", "back": "/find"})),
    "GET /static/{name}": Recipe(lambda world, caller: Call({"name": assets()["portal.css"].name})),
    **VISITS,
}
