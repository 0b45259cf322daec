"""How one asks for the pages that make a visit of a free time."""

from uuid import uuid4

from frontdesk import links
from frontdesk.secrets import Keys
from tests.access.callers import Caller, Thing
from tests.access.recipes import Call, Make, Recipe, held, kept, time_of
from tests.access.world import World
from tests.service import SECRET


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


def _as_guest(world: World, caller: Caller) -> Call:
    call = _with_cookie(held)(world, caller)
    details = {"first_name": "Gus", "last_name": "Guest", "date_of_birth": "1990-01-02"}
    form = {**details, "email": f"{uuid4()}@example.test", "phone": "+34 600 1234"}
    return Call(call.path, form=form, headers=call.headers)


def _waiting(world: World, caller: Caller) -> Call:
    return Call({"provider_id": world.provider}, form={"visit": world.visit_type})


def _booked(world: World, caller: Caller) -> Call:
    """Whoever asks has the link to a fresh visit."""
    patient = world.newcomer()
    facts = {"appointment_id": world.visit(patient_id=patient), "patient_id": patient, "generation": 0}
    return Call({"token": links.token_of(Keys(SECRET), **facts)})


BOOK: dict[str, Recipe] = {
    "POST /providers/{provider_id}/hold": Recipe(_wish, Thing.TIME),
    "POST /providers/{provider_id}/wait": Recipe(_waiting),
    "GET /book": Recipe(),
    "GET /book/{hold_id}": Recipe(_with_cookie(held), Thing.HOLD),
    "GET /book/{hold_id} (the patient's)": Recipe(_with_cookie(kept), Thing.KEPT),
    "POST /book/{hold_id}/drop": Recipe(_with_cookie(held), Thing.HOLD),
    "POST /book/{hold_id}/drop (the patient's)": Recipe(_with_cookie(kept), Thing.KEPT),
    "POST /book/{hold_id}": Recipe(_with_cookie(kept), (Thing.KEPT, Thing.PATIENT)),
    "GET /book/{hold_id}/guest": Recipe(_with_cookie(held), Thing.HOLD),
    "POST /book/{hold_id}/guest": Recipe(_as_guest, Thing.HOLD),
    "GET /book/{hold_id}/code": Recipe(_with_cookie(held), Thing.HOLD),
    "POST /book/{hold_id}/code": Recipe(_with_cookie(held), Thing.HOLD),
    "GET /booked/{token}": Recipe(_booked),
}
