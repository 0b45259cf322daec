"""How one asks for the pages of admins, and sends their forms."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

from tests.access.callers import Caller, Thing
from tests.access.recipes import Call, Make, Recipe, of, somebody
from tests.access.world import NEW_PASSWORD, World


def form(fields: Callable[[World], dict[str, Any]], **names: str) -> Make:
    """A form about the world's own things."""
    return lambda world, caller: Call(
        {name: getattr(world, what) for name, what in names.items()},
        form={name: str(value) for name, value in fields(world).items()},
    )


def account(**fields: str) -> Make:
    """About an account that nobody else uses."""
    return lambda world, caller: Call({"user_id": somebody(world).user_id}, form=fields or None)


def email() -> str:
    return f"{uuid4()}@walked.test"


def changed(world: World, caller: Caller) -> Call:
    return account(email=email(), role="staff", active="on")(world, caller)


def clinic(world: World) -> dict[str, Any]:
    return {"name": f"Walked {uuid4()}", "time_zone": "UTC", "active": "on"}


def moved_away(world: World, caller: Caller) -> Call:
    """A clinic of its own: the world's stays where its holidays are."""
    return Call({"clinic_id": world.make.clinic()}, form={key: str(value) for key, value in clinic(world).items()})


def kind_of_visit(world: World) -> dict[str, Any]:
    minutes = {"duration_min": 30, "slot_step_min": 30, "buffer_before_min": 0, "buffer_after_min": 0}
    rules = {"min_notice_min": 0, "horizon_days": 730, "capacity": 1, "mode": "in_person", "self_bookable": "on"}
    return {"name": f"Walked {uuid4()}", **minutes, **rules, "active": "on"}


def colleague(world: World) -> dict[str, Any]:
    return {"first_name": "Walt", "last_name": "Kerr", "license_number": f"L-{uuid4()}"}


def room(world: World) -> dict[str, Any]:
    return {"name": f"Walked {uuid4()}", "kind": "consultation"}


def room_of(world: World, caller: Caller) -> Call:
    return form(lambda world: room(world) | {"active": "on"}, clinic_id="clinic", room_id="room")(world, caller)


def retiring(world: World, caller: Caller) -> Call:
    """Somebody who has no visits and works nowhere."""
    fields = colleague(world) | {"accepting_new_patients": "on"}
    return Call({"provider_id": world.make.provider()}, form=fields)


def day_off(world: World) -> dict[str, Any]:
    return {"on": (world.next_start() + timedelta(days=300)).date()}


def reopening(world: World, caller: Caller) -> Call:
    start = world.next_start() + timedelta(days=320)
    made = world.make.closure(world.clinic, start, start + timedelta(minutes=30))
    return Call({"clinic_id": world.clinic, "closure_id": made}, form={})


def holidays(world: World, caller: Caller) -> Call:
    """Of a year in which nobody has a visit."""
    return Call({"clinic_id": world.clinic}, form={"year": str(world.next_start().year + 2)})


OF_CLINIC = "/admin/clinics/{clinic_id}"

ADMIN: dict[str, Recipe] = {
    "GET /admin": Recipe(),
    "GET /admin/users": Recipe(),
    "GET /admin/users/new": Recipe(),
    "POST /admin/users": Recipe(form(lambda world: {"email": email(), "password": NEW_PASSWORD, "role": "staff"})),
    "GET /admin/users/{user_id}": Recipe(account()),
    "POST /admin/users/{user_id}": Recipe(changed),
    "POST /admin/users/{user_id}/factors": Recipe(account()),
    "GET /admin/audit": Recipe(),
    "GET /admin/system": Recipe(),
    "POST /admin/system/again": Recipe(lambda world, caller: Call({}, form={"handler": "nobody"})),
    "GET /admin/settings": Recipe(),
    "GET /admin/clinics": Recipe(),
    "GET /admin/clinics/new": Recipe(),
    "POST /admin/clinics": Recipe(form(lambda world: {"name": f"Walked {uuid4()}", "time_zone": "UTC"})),
    f"GET {OF_CLINIC}": Recipe(of(clinic_id="clinic")),
    f"POST {OF_CLINIC}": Recipe(moved_away),
    f"GET {OF_CLINIC}/rooms": Recipe(of(clinic_id="clinic")),
    f"POST {OF_CLINIC}/rooms": Recipe(form(room, clinic_id="clinic")),
    f"GET {OF_CLINIC}/rooms/{{room_id}}": Recipe(of(clinic_id="clinic", room_id="room")),
    f"POST {OF_CLINIC}/rooms/{{room_id}}": Recipe(room_of),
    f"GET {OF_CLINIC}/closures": Recipe(of(clinic_id="clinic")),
    f"POST {OF_CLINIC}/closures": Recipe(form(day_off, clinic_id="clinic"), Thing.CLINIC),
    f"POST {OF_CLINIC}/closures/{{closure_id}}/remove": Recipe(reopening, Thing.CLINIC),
    f"GET {OF_CLINIC}/holidays": Recipe(of(clinic_id="clinic")),
    f"POST {OF_CLINIC}/holidays": Recipe(holidays, Thing.CLINIC),
    "GET /admin/specialties": Recipe(),
    "GET /admin/specialties/new": Recipe(),
    "POST /admin/specialties": Recipe(form(lambda world: {"name": f"Walked {uuid4()}"})),
    "GET /admin/specialties/{specialty_id}": Recipe(of(specialty_id="specialty")),
    "POST /admin/specialties/{specialty_id}": Recipe(
        form(lambda world: {"name": f"Walked {uuid4()}"}, specialty_id="specialty")
    ),
    "GET /admin/visit-types": Recipe(),
    "GET /admin/visit-types/new": Recipe(),
    "POST /admin/visit-types": Recipe(form(kind_of_visit)),
    "GET /admin/visit-types/{visit_type_id}": Recipe(of(visit_type_id="visit_type")),
    "POST /admin/visit-types/{visit_type_id}": Recipe(form(kind_of_visit, visit_type_id="visit_type")),
    "GET /admin/providers": Recipe(),
    "GET /admin/providers/new": Recipe(),
    "POST /admin/providers": Recipe(form(colleague)),
    "GET /admin/providers/{provider_id}": Recipe(of(provider_id="provider")),
    "POST /admin/providers/{provider_id}": Recipe(retiring),
}
