"""How one asks for the pages of the front desk, and sends its forms."""

from datetime import timedelta
from itertools import count
from typing import Any
from uuid import uuid4

from frontdesk import clock
from tests.access.callers import Caller, Thing
from tests.access.recipes import MESSAGES, OWN, Call, Make, Recipe, of, visit
from tests.access.recipes_of_waitlist import WAITLIST
from tests.access.world import CANARIES, Secret, World


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


def booking(world: World, caller: Caller) -> Call:
    """A form that books for the patient."""
    time = {"clinic": world.clinic, "visit": world.visit_type, "provider": world.provider, "start": world.next_start()}
    return Call({"patient_id": world.patient}, form={name: str(value) for name, value in time.items()})


def newcomer(world: World, caller: Caller) -> Call:
    """A form that registers somebody nobody resembles."""
    return Call(
        form={"first_name": "Walt", "last_name": f"Kerr {uuid4()}", "date_of_birth": "1970-02-03", "anyway": "yes"}
    )


def corrected(world: World, caller: Caller) -> Call:
    """A form that leaves the record as it is: others look for what it says."""
    row = world.make.conn.execute(
        """SELECT to_jsonb(p) FROM (SELECT version, first_name, last_name, date_of_birth, phone, email, language,
           address FROM patient WHERE id = %s) AS p""",
        [world.patient],
    ).fetchone()
    assert row is not None
    return Call({"patient_id": world.patient}, form={name: str(value or "") for name, value in row[0].items()})


def moved(world: World, caller: Caller) -> Call:
    """A form that moves a fresh visit."""
    return form("scheduled", provider=world.provider, start=world.next_start())(world, caller)


def waits(world: World, caller: Caller) -> Call:
    """A form that puts the patient on the waitlist. Nobody waits for more than so many things at once."""
    world.make.conn.execute("UPDATE appointment SET status = 'expired' WHERE status = 'held'")
    world.make.conn.execute("UPDATE waitlist_entry SET status = 'removed' WHERE status = 'waiting'")
    asked = {"clinic": world.clinic, "visit": world.make.visit_type(), "provider": world.provider}
    return Call({"patient_id": world.patient}, form={name: str(value) for name, value in asked.items()})


def with_clinic(of_api: str, recipes: dict[str, Recipe]) -> Make:
    """The path that the API is asked with, and a form with the clinic."""
    return lambda world, caller: Call(recipes[of_api].make(world, caller).path, form={"clinic": str(world.clinic)})


def away(world: World, caller: Caller) -> Call:
    """A form of time off in a year, as the preview sends it."""
    on = clock.now().date() + timedelta(days=300 + next(_numbers))
    times = {"start": f"{on}T09:00", "end": f"{on}T09:30"}
    seen = f"{world.provider} {times['start']} {times['end']}"
    return Call(form={"clinic": str(world.clinic), "provider": str(world.provider), **times, "seen": seen})


_numbers = count(1)

DESK: dict[str, Recipe] = {
    "GET /desk": Recipe(),
    "GET /desk (of a clinic)": Recipe(at_desk(), Thing.CLINIC),
    "GET /desk/visits/{appointment_id}": Recipe(visit("scheduled"), Thing.VISIT),
    "POST /desk/visits/{appointment_id}/step": Recipe(form("checked_in", to="in_progress"), Thing.VISIT),
    "POST /desk/visits/{appointment_id}/confirm": Recipe(form("scheduled"), Thing.VISIT),
    "POST /desk/visits/{appointment_id}/cancel": Recipe(form("scheduled", reason="They called"), Thing.VISIT),
    "POST /desk/visits/{appointment_id}/move": Recipe(moved, Thing.VISIT),
    "GET /desk/calendar": Recipe(at_desk(), Thing.CLINIC),
    "GET /desk/calendar/events": Recipe(at_desk(), Thing.CLINIC),
    "POST /desk/calendar/visits/{appointment_id}/move": Recipe(moved, Thing.VISIT),
    "GET /desk/waitlist": Recipe(at_desk(), Thing.CLINIC),
    "POST /desk/patients/{patient_id}/wait": Recipe(waits, (Thing.PATIENT, Thing.TIME)),
    "POST /desk/waitlist/{entry_id}/leave": Recipe(
        with_clinic("DELETE /api/v1/waitlist/{entry_id}", WAITLIST),
        WAITLIST["DELETE /api/v1/waitlist/{entry_id}"].about,
    ),
    "POST /desk/offers/{offer_id}/accept": Recipe(
        with_clinic("POST /api/v1/offers/{offer_id}/accept", WAITLIST),
        WAITLIST["POST /api/v1/offers/{offer_id}/accept"].about,
    ),
    "POST /desk/offers/{offer_id}/decline": Recipe(
        with_clinic("POST /api/v1/offers/{offer_id}/decline", WAITLIST),
        WAITLIST["POST /api/v1/offers/{offer_id}/decline"].about,
    ),
    "GET /desk/messages": Recipe(at_desk(), Thing.CLINIC),
    "POST /desk/messages/{notification_id}/resend": Recipe(
        with_clinic("POST /api/v1/notifications/{notification_id}/resend", MESSAGES),
        MESSAGES["POST /api/v1/notifications/{notification_id}/resend"].about,
    ),
    "GET /desk/away": Recipe(at_desk(), Thing.CLINIC),
    "POST /desk/away/preview": Recipe(away, Thing.PROVIDER),
    "POST /desk/away": Recipe(away, Thing.PROVIDER),
    "GET /desk/away/{provider_id}/{exception_id}": Recipe(
        OWN["GET /api/v1/providers/{provider_id}/exceptions/{exception_id}/displaced"].make, Thing.PROVIDER
    ),
    "GET /desk/patients": Recipe(),
    "GET /desk/patients/find": Recipe(),
    "POST /desk/patients/find": Recipe(
        # Not by a name: other recipes register people of the same one, each at the desk that asks.
        lambda world, caller: Call(form={"q": CANARIES[Secret.CONTACT]["email"]}),
        Thing.PATIENT,
        listing=True,
    ),
    "GET /desk/patients/new": Recipe(),
    "POST /desk/patients": Recipe(newcomer, Thing.REGISTRATION),
    "GET /desk/patients/{patient_id}": Recipe(of(patient_id="patient"), Thing.PATIENT),
    "GET /desk/patients/{patient_id}/book": Recipe(of(patient_id="patient"), Thing.PATIENT),
    "POST /desk/patients/{patient_id}/book": Recipe(booking, (Thing.PATIENT, Thing.TIME)),
    "GET /desk/patients/{patient_id}/edit": Recipe(of(patient_id="patient"), Thing.PATIENT),
    "POST /desk/patients/{patient_id}/edit": Recipe(corrected, Thing.PATIENT),
}
