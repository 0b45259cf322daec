"""The waitlist: places of the patient, and a time with the provider at the clinic that is kept for them."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from frontdesk import clock
from tests.access.callers import Caller, Secret, Thing
from tests.access.recipes import Call, Recipe
from tests.access.world import CANARIES, World

W = "/api/v1/waitlist"


def _wish(world: World, caller: Caller) -> Call:
    """Nobody waits for more than so many things at once."""
    world.make.conn.execute("UPDATE appointment SET status = 'expired' WHERE status = 'held'")
    world.make.conn.execute("UPDATE waitlist_entry SET status = 'removed' WHERE status = 'waiting'")
    body = {"visit_type_id": str(world.make.visit_type()), "provider_id": str(world.provider)}
    return Call(json=body | {"patient_id": str(world.patient), "reason": CANARIES[Secret.BOOKING]["reason"]})


def _entry(world: World, status: str = "waiting") -> UUID:
    of: dict[str, Any] = {"patient_id": world.patient, "provider_id": world.provider}
    wish = {"visit_type_id": world.make.visit_type(), "urgency": "normal", "status": status}
    return world.make.row("waitlist_entry", **of, **wish, reason=CANARIES[Secret.BOOKING]["reason"])


def _place(world: World, caller: Caller) -> Call:
    return Call({"entry_id": _entry(world)})


def _offer(world: World, caller: Caller) -> Call:
    until = clock.now() + timedelta(minutes=30)
    hold = world.visit("held", hold_client="waitlist", hold_expires_at=until)
    made = world.make.row(
        "waitlist_offer", entry_id=_entry(world), appointment_id=hold, freed_at=clock.now(), expires_at=until
    )
    return Call({"offer_id": made})


def _of_patient(world: World, caller: Caller) -> Call:
    return Call(query={"patient_id": str(world.patient)})


WAITLIST: dict[str, Recipe] = {
    f"GET {W}": Recipe(about=Thing.PATIENT, listing=True),
    f"GET {W} (of the patient)": Recipe(_of_patient, Thing.PATIENT, listing=True),
    f"POST {W}": Recipe(_wish, Thing.PATIENT),
    f"GET {W}/stats": Recipe(),
    f"GET {W}/{{entry_id}}": Recipe(_place, Thing.PATIENT),
    f"DELETE {W}/{{entry_id}}": Recipe(_place, Thing.PATIENT),
    "POST /api/v1/offers/{offer_id}/accept": Recipe(_offer, (Thing.PATIENT, Thing.VISIT)),
    "POST /api/v1/offers/{offer_id}/decline": Recipe(_offer, (Thing.PATIENT, Thing.VISIT)),
}
