"""How one asks for the pages of the front desk, and sends its forms."""

from typing import Any

from frontdesk import clock
from tests.access.callers import Caller, Thing
from tests.access.recipes import Call, Make, Recipe, visit
from tests.access.world import World


def place(world: World, **more: Any) -> dict[str, str]:
    """The clinic and today, as every form of the desk has them."""
    return {"clinic": str(world.clinic), "on": str(clock.now().date()), **{k: str(v) for k, v in more.items()}}


def at_desk(**more: Any) -> Make:
    """With the clinic and the day in the address."""
    return lambda world, caller: Call(query=place(world, **more))


def form(status: str, **more: Any) -> Make:
    """A form of a fresh visit in this status."""

    def make(world: World, caller: Caller) -> Call:
        return Call({"appointment_id": world.visit(status)}, form=place(world, **more))

    return make


DESK: dict[str, Recipe] = {
    "GET /desk": Recipe(),
    "GET /desk (of a clinic)": Recipe(at_desk(), Thing.CLINIC),
    "GET /desk/live": Recipe(lambda world, caller: Call(query={"clinic": str(world.clinic)}), Thing.CLINIC),
    "GET /desk/visits/{appointment_id}": Recipe(visit("scheduled"), Thing.VISIT),
    "POST /desk/visits/{appointment_id}/step": Recipe(form("scheduled", to="checked_in"), Thing.VISIT),
    "POST /desk/visits/{appointment_id}/confirm": Recipe(form("scheduled"), Thing.VISIT),
    "POST /desk/visits/{appointment_id}/cancel": Recipe(form("scheduled", reason="They called"), Thing.VISIT),
}
