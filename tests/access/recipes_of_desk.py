"""How one asks for the pages of the front desk, and sends its forms."""

from typing import Any
from uuid import uuid4

from frontdesk import clock
from tests.access.callers import Caller, Thing
from tests.access.recipes import Call, Make, Recipe, of, visit
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


def moved(world: World, caller: Caller) -> Call:
    """A form that moves a fresh visit."""
    return form("scheduled", provider=world.provider, start=world.next_start())(world, caller)


DESK: dict[str, Recipe] = {
    "GET /desk": Recipe(),
    "GET /desk (of a clinic)": Recipe(at_desk(), Thing.CLINIC),
    "GET /desk/live": Recipe(lambda world, caller: Call(query={"clinic": str(world.clinic)}), Thing.CLINIC),
    "GET /desk/visits/{appointment_id}": Recipe(visit("scheduled"), Thing.VISIT),
    "POST /desk/visits/{appointment_id}/step": Recipe(form("scheduled", to="checked_in"), Thing.VISIT),
    "POST /desk/visits/{appointment_id}/confirm": Recipe(form("scheduled"), Thing.VISIT),
    "POST /desk/visits/{appointment_id}/cancel": Recipe(form("scheduled", reason="They called"), Thing.VISIT),
    "POST /desk/visits/{appointment_id}/move": Recipe(moved, Thing.VISIT),
    "GET /desk/calendar": Recipe(at_desk(), Thing.CLINIC),
    "GET /desk/calendar/events": Recipe(at_desk(), Thing.CLINIC),
    "POST /desk/calendar/visits/{appointment_id}/move": Recipe(moved, Thing.VISIT),
    "GET /desk/patients": Recipe(),
    "POST /desk/patients/find": Recipe(
        lambda world, caller: Call(form={"q": CANARIES[Secret.CONTACT]["last_name"]}), Thing.PATIENT, listing=True
    ),
    "GET /desk/patients/new": Recipe(),
    "POST /desk/patients": Recipe(newcomer, Thing.REGISTRATION),
    "GET /desk/patients/{patient_id}": Recipe(of(patient_id="patient"), Thing.PATIENT),
    "GET /desk/patients/{patient_id}/book": Recipe(of(patient_id="patient"), Thing.PATIENT),
    "POST /desk/patients/{patient_id}/book": Recipe(booking, (Thing.PATIENT, Thing.TIME)),
}
