"""The pages of a provider's own day and schedule."""

from datetime import timedelta

from tests.access.callers import Caller, Thing
from tests.access.recipes import Call, Recipe
from tests.access.world import World


def _step(world: World, caller: Caller) -> Call:
    return Call({"appointment_id": world.visit("checked_in"), "step": "in_progress"}, form={"version": 1})


def _wish(world: World, caller: Caller) -> Call:
    day = (world.next_start() + timedelta(days=300)).date()
    return Call(form={"clinic": str(world.clinic), "first": str(day), "last": str(day)})


def _asked(world: World, caller: Caller) -> Call:
    """The caller's own wish; who is no provider is led elsewhere, whosever it is."""
    start = world.next_start() + timedelta(days=300)
    of = caller.link.get("provider_id", world.provider)
    made = world.make.exception(of, start, start + timedelta(minutes=30), status="requested")
    return Call({"exception_id": made}, form={})


PROVIDERS: dict[str, Recipe] = {
    "GET /my-day": Recipe(),
    "POST /my-day/{appointment_id}/{step}": Recipe(_step, Thing.VISIT),
    "GET /my-schedule": Recipe(),
    "POST /my-schedule/time-off": Recipe(_wish),
    "POST /my-schedule/time-off/{exception_id}/withdraw": Recipe(_asked),
}
