"""The pages at which the desk keeps when providers work."""

from datetime import timedelta

from tests.access.callers import Caller, Thing
from tests.access.recipes import Call, Recipe, of
from tests.access.world import World

PROVIDER = "/desk/providers/{provider_id}"


def at_clinic(world: World, caller: Caller) -> Call:
    return Call(query={"clinic": str(world.clinic)})


def _row(world: World, caller: Caller) -> Call:
    """One more row in a form; nothing is saved."""
    return Call({"provider_id": world.provider}, form={"do": "add-1"})


def _day_off(world: World, caller: Caller) -> Call:
    """Time off in a year, never the same twice."""
    start = world.next_start() + timedelta(days=300)
    end = start + timedelta(minutes=30)
    times = {"first": start.date(), "begins": f"{start:%H:%M}", "last": end.date(), "ends": f"{end:%H:%M}"}
    form = {"kind": "time_off", "clinic": world.clinic, **times}
    return Call({"provider_id": world.provider}, form={name: str(value) for name, value in form.items()})


def _asked(world: World, caller: Caller) -> Call:
    """A request of the provider's that nobody has answered."""
    start = world.next_start() + timedelta(days=300)
    made = world.make.exception(world.provider, start, start + timedelta(minutes=30), status="requested")
    return Call({"provider_id": world.provider, "exception_id": made, "deed": "approve"}, form={"version": "1"})


HOURS: dict[str, Recipe] = {
    "GET /desk/providers": Recipe(),
    "GET /desk/providers (of a clinic)": Recipe(at_clinic, Thing.CLINIC),
    f"GET {PROVIDER}/week": Recipe(of(provider_id="provider"), Thing.PROVIDER),
    f"POST {PROVIDER}/week": Recipe(_row, Thing.PROVIDER),
    f"GET {PROVIDER}/exceptions": Recipe(of(provider_id="provider"), Thing.PROVIDER),
    f"POST {PROVIDER}/exceptions": Recipe(_day_off, Thing.PROVIDER),
    f"POST {PROVIDER}/exceptions/{{exception_id}}/{{deed}}": Recipe(_asked, Thing.PROVIDER),
}
