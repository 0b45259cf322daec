"""How one asks for the pages that make a visit of a free time."""

from tests.access.callers import Caller, Thing
from tests.access.recipes import Call, Make, Recipe, held, kept, time_of
from tests.access.world import World


def _wish(world: World, caller: Caller) -> Call:
    time = time_of(world)
    form = {"visit": time["visit_type_id"], "clinic": time["clinic_id"], "start": time["start"]}
    return Call({"provider_id": world.provider}, form=form)


def _with_cookie(make: Make) -> Make:
    """The hold, proven as a browser proves it."""

    def made(world: World, caller: Caller) -> Call:
        call = make(world, caller)
        token = call.headers.get("X-Hold-Token")
        cookie = {"Cookie": f"frontdesk_hold_{call.path['hold_id'].replace('-', '')}={token}"} if token else {}
        return Call(call.path, headers=cookie)

    return made


BOOK: dict[str, Recipe] = {
    "POST /providers/{provider_id}/hold": Recipe(_wish, Thing.TIME),
    "GET /book": Recipe(),
    "GET /book/{hold_id}": Recipe(_with_cookie(held), Thing.HOLD),
    "GET /book/{hold_id} (the patient's)": Recipe(_with_cookie(kept), Thing.KEPT),
    "POST /book/{hold_id}/drop": Recipe(_with_cookie(held), Thing.HOLD),
    "POST /book/{hold_id}/drop (the patient's)": Recipe(_with_cookie(kept), Thing.KEPT),
}
