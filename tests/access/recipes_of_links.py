"""How one asks by the link to an appointment: of somebody who is none of the callers, so that nobody else has a say."""

from collections.abc import Callable
from typing import Any

from frontdesk import links
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
    "POST /m/{token}/move": Recipe(_link(lambda world: {"start": world.next_start().isoformat()})),
}
