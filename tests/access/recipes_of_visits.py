"""The pages of a patient's visits, places and offers: what they ask is what the API asks."""

from tests.access.callers import Caller, Secret, Thing
from tests.access.recipes import Call, Make, Recipe
from tests.access.recipes_of_waitlist import WAITLIST
from tests.access.world import CANARIES, World


def _form(make: Make) -> Make:
    """The same thing, asked for by a form."""
    return lambda world, caller: Call(make(world, caller).path, form={"version": 1})


def _visit(world: World, caller: Caller) -> Call:
    return Call({"appointment_id": world.visit("scheduled")})


def _moved(world: World, caller: Caller) -> Call:
    start = world.next_start()
    return Call({"appointment_id": world.visit("scheduled")}, form={"version": 1, "start": start.isoformat()})


def _arrived(world: World, caller: Caller) -> Call:
    """A visit of a minute within the hour, when the patient has nothing else; those of callers before are given up."""
    conn = world.make.conn
    conn.execute(
        "UPDATE appointment SET status = 'cancelled' WHERE status IN ('scheduled', 'checked_in')"
        " AND patient_id = %s AND upper(during) - lower(during) = interval '1 minute'",
        [world.patient],
    )
    found = conn.execute(
        "SELECT max(at)"
        " FROM generate_series(now() + interval '5 minutes', now() + interval '55 minutes', interval '1 minute') AS at"
        " WHERE NOT EXISTS (SELECT FROM appointment WHERE patient_id = %s"
        " AND during && tstzrange(at, at + interval '1 minute') AND status NOT IN ('cancelled', 'no_show', 'expired'))",
        [world.patient],
    ).fetchone()
    assert found is not None
    of = {"patient_id": world.patient, "reason": CANARIES[Secret.BOOKING]["reason"]}
    place = (world.make.provider(), world.clinic, world.visit_type, found[0])
    return Call({"appointment_id": world.make.appointment(*place, minutes=1, **of)}, form={"version": 1})


def _sooner(world: World, caller: Caller) -> Call:
    """Nobody waits for the same thing twice."""
    world.make.conn.execute("UPDATE waitlist_entry SET status = 'removed' WHERE status = 'waiting'")
    world.make.conn.execute("UPDATE appointment SET status = 'expired' WHERE status = 'held'")
    return _visit(world, caller)


def _api(name: str) -> Make:
    """As the API's operation of that name is asked for."""
    return WAITLIST[name].make


VISITS: dict[str, Recipe] = {
    "GET /live": Recipe(lambda world, caller: Call(query={"provider_id": world.provider})),
    "GET /visits": Recipe(),
    "GET /visits/{appointment_id}": Recipe(_visit, Thing.VISIT),
    "GET /visits/{appointment_id}/calendar.ics": Recipe(_visit, Thing.VISIT),
    "GET /visits/{appointment_id}/move": Recipe(_visit, Thing.VISIT),
    "POST /visits/{appointment_id}/move": Recipe(_moved, Thing.VISIT),
    "POST /visits/{appointment_id}/confirm": Recipe(_form(_visit), Thing.VISIT),
    "POST /visits/{appointment_id}/cancel": Recipe(_form(_visit), Thing.VISIT),
    "POST /visits/{appointment_id}/check-in": Recipe(_arrived, Thing.VISIT),
    "POST /visits/{appointment_id}/earlier": Recipe(_sooner, Thing.VISIT),
    "GET /waitlist/{entry_id}": Recipe(_api("GET /api/v1/waitlist/{entry_id}"), Thing.PATIENT),
    "POST /waitlist/{entry_id}/leave": Recipe(_form(_api("DELETE /api/v1/waitlist/{entry_id}")), Thing.PATIENT),
    "POST /offers/{offer_id}/accept": Recipe(
        _api("POST /api/v1/offers/{offer_id}/accept"), (Thing.PATIENT, Thing.VISIT)
    ),
    "POST /offers/{offer_id}/decline": Recipe(
        _api("POST /api/v1/offers/{offer_id}/decline"), (Thing.PATIENT, Thing.VISIT)
    ),
}
