"""How one asks for what concerns guardians and wards."""

from datetime import date
from uuid import UUID, uuid4

from frontdesk.auth.permissions import Role
from tests.access.callers import Caller, Thing
from tests.access.recipes import Call, Recipe, T, account_of, of, person, sent, time_of
from tests.access.world import World

F = "/api/v1/family"


def ward(world: World, caller: Caller) -> UUID:
    """A newcomer for whom the caller may act, if anybody may."""
    made = world.newcomer()
    if own := caller.link.get("patient_id"):
        world.make.row("guardianship", guardian_id=own, patient_id=made)
    return made


def _leave(world: World, caller: Caller) -> Call:
    return Call({"patient_id": ward(world, caller)})


def _act(world: World, caller: Caller) -> Call:
    account = account_of(world, caller)
    body = {"refresh_token": account.refresh if account else "none"}
    return Call({"patient_id": ward(world, caller)}, json=body, account=account)


def guardian(world: World) -> UUID:
    """Somebody of age whom every desk that sees the patient sees too."""
    made = world.make.patient(date_of_birth=date(1970, 1, 1))
    for clinic in {clinic for caller in world.callers for clinic in caller.clinic_ids}:
        world.link("patient_clinic", patient_id=made, clinic_id=clinic)
    return made


def _appoint(world: World, caller: Caller) -> Call:
    return Call({"patient_id": world.patient}, json={"guardian_id": str(guardian(world)), "relation": "niece"})


def _dismiss(world: World, caller: Caller) -> Call:
    made = guardian(world)
    world.make.row("guardianship", guardian_id=made, patient_id=world.patient)
    return Call({"patient_id": world.patient, "guardian_id": made})


def _act_by_page(world: World, caller: Caller) -> Call:
    return Call(form={"whom": str(ward(world, caller))}, account=account_of(world, caller))


def _keep_for(world: World, caller: Caller) -> Call:
    """A hold of the caller's own, for one of theirs; nobody but patients gets as far as to ask for it."""
    account = account_of(world, caller)
    form = {"patient": str(ward(world, caller))}
    if account is None or caller.role is not Role.PATIENT:
        return Call({"hold_id": uuid4()}, form=form, account=account)
    made = world.client(account.token).post("/api/v1/holds", json=time_of(world))
    assert made.status_code == 201, made.text
    return Call({"hold_id": made.json()["id"]}, form=form, account=account)


def _appoint_by_page(world: World, caller: Caller) -> Call:
    return Call({"patient_id": world.patient}, form={"guardian_id": str(guardian(world)), "relation": "niece"})


D = "/desk/patients/{patient_id}/guardians"

FAMILY: dict[str, Recipe] = {
    f"GET {F}": Recipe(),
    f"POST {F}": Recipe(sent(person(date_of_birth="2020-02-03"))),
    f"DELETE {F}/{{patient_id}}": Recipe(_leave),
    f"POST {F}/{{patient_id}}/session": Recipe(_act),
    f"GET {T}/{{patient_id}}/guardians": Recipe(of(patient_id="patient"), Thing.PATIENT),
    f"POST {T}/{{patient_id}}/guardians": Recipe(_appoint, Thing.PATIENT),
    f"DELETE {T}/{{patient_id}}/guardians/{{guardian_id}}": Recipe(_dismiss, Thing.PATIENT),
}

FAMILY_PAGES: dict[str, Recipe] = {
    "GET /family": Recipe(),
    "POST /family": Recipe(lambda world, caller: Call(form=person(date_of_birth="2020-02-03")(world))),
    "POST /family/act": Recipe(_act_by_page),
    "POST /family/{patient_id}/stop": Recipe(_leave),
    "POST /book/{hold_id}/for": Recipe(_keep_for),
    f"GET {D}": Recipe(of(patient_id="patient"), Thing.PATIENT),
    f"POST {D}/find": Recipe(
        lambda world, caller: Call({"patient_id": world.patient}, form={"q": "somebody"}), Thing.PATIENT
    ),
    f"POST {D}": Recipe(_appoint_by_page, Thing.PATIENT),
    f"POST {D}/{{guardian_id}}/end": Recipe(_dismiss, Thing.PATIENT),
}
