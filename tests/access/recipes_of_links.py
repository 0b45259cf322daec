"""How one asks by the link to an appointment: of somebody who is none of the callers, so that nobody else has a say."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from frontdesk import clock, links
from frontdesk.secrets import Keys
from tests.access.callers import Caller, Thing
from tests.access.recipes import Call, Make, Recipe, of, visit
from tests.access.world import World
from tests.service import SECRET


def _link(body: Callable[[World], Any] = lambda world: None, **headers: str) -> Make:
    """Whoever asks has the link to a fresh visit."""

    def make(world: World, caller: Caller) -> Call:
        patient = world.newcomer()
        facts = {"appointment_id": world.visit(patient_id=patient), "patient_id": patient, "generation": 0}
        return Call({"token": links.token_of(Keys(SECRET), **facts)}, json=body(world), headers=headers)

    return make


def _offered(world: World, caller: Caller) -> Call:
    """Whoever asks has the link to a time that is kept for somebody who waits."""
    patient, until = world.newcomer(), clock.now() + timedelta(minutes=30)
    hold = world.visit("held", patient_id=patient, hold_client="waitlist", hold_expires_at=until)
    wish = {"provider_id": world.provider, "visit_type_id": world.make.visit_type(), "urgency": "normal"}
    entry = world.make.row("waitlist_entry", patient_id=patient, **wish)
    world.make.row("waitlist_offer", entry_id=entry, appointment_id=hold, freed_at=clock.now(), expires_at=until)
    return Call({"token": links.token_of(Keys(SECRET), appointment_id=hold, patient_id=patient, generation=0)})


LINKS: dict[str, Recipe] = {
    "GET /m/{token}": Recipe(_link()),
    "GET /m/{token} (as a page)": Recipe(_link(Accept="text/html")),
    "GET /m/{token}/slots": Recipe(_link()),
    "GET /m/{token}/slots (as a page)": Recipe(_link(Accept="text/html")),
    "GET /m/{token}/calendar.ics": Recipe(_link()),
    "GET /api/v1/appointments/{appointment_id}/calendar.ics": Recipe(visit("scheduled"), Thing.VISIT),
    "DELETE /api/v1/patients/{patient_id}/links": Recipe(of(patient_id="patient"), Thing.PATIENT),
    "POST /m/{token}/confirm": Recipe(_link()),
    "POST /m/{token}/cancel": Recipe(_link()),
    "GET /m/{token} (of an offer)": Recipe(_offered),
    "POST /m/{token}/accept": Recipe(_offered),
    "POST /m/{token}/decline": Recipe(_offered),
    "POST /m/{token}/move": Recipe(_link(lambda world: {"start": world.next_start().isoformat()})),
}
