"""How each operation is asked for rightly: the path, the body, and what it is about. A new operation needs a line here.

Each recipe makes what it needs anew, so that no call stands in the way of the next.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx

from frontdesk import ids
from frontdesk.auth.permissions import Role
from frontdesk.notifications import unsubscribing
from frontdesk.secrets import Keys
from tests.access.callers import Caller, Thing
from tests.access.world import CANARIES, Account, Secret, World
from tests.service import SECRET, answered


@dataclass(frozen=True)
class Call:
    """One request. `account`: asked with this log-in of the caller's, because it does not outlive the call."""

    path: dict[str, Any] = field(default_factory=dict)
    query: dict[str, Any] = field(default_factory=dict)
    json: Any = None
    form: dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    account: Account | None = None


Make = Callable[[World, Caller], Call]


@dataclass(frozen=True)
class Recipe:
    """`listing`: who may not see the thing gets a list without it."""

    make: Make = lambda world, caller: Call()
    about: Thing | tuple[Thing, ...] = ()
    listing: bool = False

    @property
    def things(self) -> frozenset[Thing]:
        return frozenset({self.about} if isinstance(self.about, Thing) else self.about)


def of(**names: str) -> Make:
    """The world's own things in the path: `of(patient_id="patient")`."""
    return lambda world, caller: Call({name: getattr(world, what) for name, what in names.items()})


def sent(body: Callable[[World], Any], **names: str) -> Make:
    """The same, with a body."""
    return lambda world, caller: Call({name: getattr(world, what) for name, what in names.items()}, json=body(world))


def visit(status: str, body: Callable[[World], Any] = lambda world: None) -> Make:
    """A fresh visit in this status."""
    return lambda world, caller: Call({"appointment_id": world.visit(status)}, json=body(world))


def alone(**more: Any) -> Make:
    """With a log-in that may end; a body that repeats what more says."""
    return lambda world, caller: Call(account=account_of(world, caller), json=more or None)


def account_of(world: World, caller: Caller) -> Account | None:
    return None if caller.role is Role.ANONYMOUS else world.account(caller)


def somebody(world: World) -> Account:
    return world.account(next(caller for caller in world.callers if caller.role is Role.STAFF))


def time_of(world: World) -> dict[str, Any]:
    place = {"provider_id": world.provider, "visit_type_id": world.visit_type, "clinic_id": world.clinic}
    return {name: str(value) for name, value in place.items()} | {"start": world.next_start().isoformat()}


def _question(world: World, caller: Caller) -> Call:
    return Call({"provider_id": world.provider}, {"visit_type_id": world.visit_type})


def _explained(world: World, caller: Caller) -> Call:
    asked = time_of(world)
    return Call({"provider_id": asked.pop("provider_id")}, asked)


def _booking(world: World, caller: Caller) -> Call:
    return Call(json=time_of(world) | {"patient_id": str(world.patient)})


def held(world: World, caller: Caller) -> Call:
    """The caller's own hold; of a desk that may make none here, the patient's."""
    return _drop(world, caller if Thing.TIME in caller.within or caller.role is Role.ADMIN else world.callers[1])


def kept(world: World, caller: Caller) -> Call:
    return _drop(world, world.callers[1])


def _drop(world: World, by: Caller) -> Call:
    """A hold that `by` made, which is given back. Holds are capped for each client: earlier ones stand no longer."""
    world.make.conn.execute("UPDATE appointment SET status = 'expired' WHERE status = 'held'")
    response = world.client(by).post("/api/v1/holds", json=time_of(world))
    assert response.status_code == 201, (by.name, response.text)
    made = response.json()
    return Call({"hold_id": made["id"]}, headers={"X-Hold-Token": made["token"]} if "token" in made else {})


def _from_hold(world: World, caller: Caller) -> Call:
    """The patient's hold, for the caller or for whom they book for."""
    hold_id = kept(world, caller).path["hold_id"]
    others = {} if caller.role is Role.PATIENT else {"patient_id": str(world.patient)}
    return Call(json={"hold_id": hold_id, **others})


def _any_provider(world: World, caller: Caller) -> Call:
    asked = time_of(world) | {"patient_id": str(world.patient), "specialty_id": str(world.specialty)}
    del asked["provider_id"]
    return Call(json=asked)


def _hours(world: World) -> dict[str, Any]:
    session = {"clinic_id": str(world.clinic), "start_time": "00:00", "end_time": "00:00"}
    return {"items": [session | {"weekday": day} for day in range(1, 8)]}


def _span(world: World) -> dict[str, Any]:
    start = world.next_start() + timedelta(days=300)
    return {"start": start.isoformat(), "end": (start + timedelta(minutes=30)).isoformat()}


def _off(world: World) -> dict[str, Any]:
    return {"kind": "time_off", **_span(world)}


def _exception(body: Any = None) -> Make:
    def make(world: World, caller: Caller) -> Call:
        start = world.next_start() + timedelta(days=300)
        made = world.make.exception(world.provider, start, start + timedelta(minutes=30), status="requested")
        return Call({"provider_id": world.provider, "exception_id": made}, json=body)

    return make


def _sick(*, preview: bool) -> Make:
    def make(world: World, caller: Caller) -> Call:
        return Call({"provider_id": world.provider}, {"preview": preview}, json=_off(world))

    return make


def _closure(world: World, caller: Caller) -> Call:
    start = world.next_start() + timedelta(days=300)
    made = world.make.closure(world.clinic, start, start + timedelta(minutes=30))
    return Call({"clinic_id": world.clinic, "closure_id": made})


def _message(world: World, caller: Caller) -> Call:
    """A message to the patient that failed."""
    of = {"appointment_id": world.visit("scheduled"), "patient_id": world.patient, "clinic_id": world.clinic}
    made = world.make.row("notification", **of, version=1, kind="confirmation", channel="email", status="failed")
    return Call({"notification_id": made})


def browser(world: World) -> dict[str, Any]:
    keys = {"p256dh": "B" * 87, "auth": "a" * 22}
    return {"endpoint": f"https://fcm.googleapis.com/fcm/send/{uuid4()}", "keys": keys}


def _device(world: World, caller: Caller) -> Call:
    made = world.make.row("push_subscription", patient_id=world.patient, endpoint=uuid4().bytes, sealed=b"sealed")
    return Call({"patient_id": world.patient, "device_id": made})


def _unsubscribing(world: World, caller: Caller) -> Call:
    return Call({"token": unsubscribing.token_of(Keys(SECRET), world.newcomer(), "email")})


def _newcomer(body: Any = None) -> Make:
    return lambda world, caller: Call({"patient_id": world.newcomer()}, json=body)


def email() -> str:
    return f"walker-{ids.new_id()}@example.test"


def _named(**more: Any) -> Callable[[World], dict[str, Any]]:
    return lambda world: {"name": f"Walked {uuid4()}", **more}


def person(**more: Any) -> Callable[[World], dict[str, Any]]:
    return lambda world: {"first_name": "Walt", "last_name": f"Kerr {uuid4()}", **more}


def _filtered(**names: str) -> Make:
    return lambda world, caller: Call(query={name: getattr(world, what) for name, what in names.items()})


def _looking_for(what: str) -> Make:
    return lambda world, caller: Call(query={"q": CANARIES[Secret.CONTACT][what]})


def _namesake(world: World) -> dict[str, Any]:
    """Who is like somebody that the caller may not know must not be told so."""
    return {name: CANARIES[Secret.CONTACT][name] for name in ("first_name", "last_name", "date_of_birth")}


def _record(world: World) -> dict[str, Any]:
    return {"kind": "note", "title": CANARIES[Secret.CLINICAL]["title"]}


def _year(world: World) -> dict[str, Any]:
    return {"year": world.next_start().year + 2}  # later than every visit of this world


A, C, P, V = "/api/v1/appointments", "/api/v1/clinics", "/api/v1/providers", "/api/v1/visit-types"
T, S = "/api/v1/patients", "/api/v1/specialties"

OPEN: dict[str, Recipe] = {
    "GET /healthz": Recipe(),
    "GET /readyz": Recipe(),
    "GET /metrics": Recipe(),
    "GET /api/v1/availability": Recipe(lambda world, caller: Call(query={"visit_type_id": world.visit_type})),
    "GET /api/v1/availability/days": Recipe(lambda world, caller: Call(query={"visit_type_id": world.visit_type})),
    f"GET {P}/{{provider_id}}/availability": Recipe(_question),
    f"GET {P}/{{provider_id}}/availability/days": Recipe(_question),
    f"GET {P}/{{provider_id}}/availability/explain": Recipe(_explained),
}

DIRECTORY: dict[str, Recipe] = {
    f"GET {C}": Recipe(),
    f"POST {C}": Recipe(sent(_named(time_zone="UTC"))),
    f"GET {C}/{{clinic_id}}": Recipe(of(clinic_id="clinic")),
    f"PATCH {C}/{{clinic_id}}": Recipe(sent(lambda world: {"country": "DE"}, clinic_id="clinic")),
    f"GET {C}/{{clinic_id}}/rooms": Recipe(of(clinic_id="clinic")),
    f"POST {C}/{{clinic_id}}/rooms": Recipe(sent(_named(), clinic_id="clinic")),
    f"GET {C}/{{clinic_id}}/rooms/{{room_id}}": Recipe(of(clinic_id="clinic", room_id="room")),
    f"PATCH {C}/{{clinic_id}}/rooms/{{room_id}}": Recipe(sent(_named(), clinic_id="clinic", room_id="room")),
    f"GET {S}": Recipe(),
    f"POST {S}": Recipe(sent(_named())),
    f"GET {S}/{{specialty_id}}": Recipe(of(specialty_id="specialty")),
    f"PATCH {S}/{{specialty_id}}": Recipe(sent(_named(), specialty_id="specialty")),
    f"GET {V}": Recipe(),
    f"POST {V}": Recipe(sent(_named(duration_min=30))),
    f"GET {V}/{{visit_type_id}}": Recipe(of(visit_type_id="visit_type")),
    f"PATCH {V}/{{visit_type_id}}": Recipe(sent(_named(), visit_type_id="visit_type")),
    f"GET {P}": Recipe(),
    f"POST {P}": Recipe(sent(lambda world: person(license_number=email())(world))),
    f"GET {P}/{{provider_id}}": Recipe(of(provider_id="provider")),
    f"PATCH {P}/{{provider_id}}": Recipe(sent(lambda world: {"title": "Dr"}, provider_id="provider")),
    f"DELETE {P}/{{provider_id}}": Recipe(lambda world, caller: Call({"provider_id": world.make.provider()})),
}

HOURS: dict[str, Recipe] = {
    f"GET {C}/{{clinic_id}}/closures": Recipe(of(clinic_id="clinic")),
    f"POST {C}/{{clinic_id}}/closures": Recipe(sent(_span, clinic_id="clinic"), Thing.CLINIC),
    f"POST {C}/{{clinic_id}}/closures/public-holidays": Recipe(sent(_year, clinic_id="clinic"), Thing.CLINIC),
    f"DELETE {C}/{{clinic_id}}/closures/{{closure_id}}": Recipe(_closure, Thing.CLINIC),
    f"GET {P}/{{provider_id}}/schedules": Recipe(of(provider_id="provider"), Thing.PROVIDER),
    f"PUT {P}/{{provider_id}}/schedules": Recipe(sent(_hours, provider_id="provider"), Thing.PROVIDER),
    f"GET {P}/{{provider_id}}/exceptions": Recipe(of(provider_id="provider"), Thing.PROVIDER),
    f"POST {P}/{{provider_id}}/exceptions": Recipe(sent(_off, provider_id="provider"), Thing.PROVIDER),
    f"PATCH {P}/{{provider_id}}/exceptions/{{exception_id}}": Recipe(
        _exception({"reason": "a course"}), Thing.PROVIDER
    ),
    f"DELETE {P}/{{provider_id}}/exceptions/{{exception_id}}": Recipe(_exception(), Thing.PROVIDER),
    f"POST {P}/{{provider_id}}/exceptions (a preview)": Recipe(_sick(preview=True), Thing.PROVIDER),
    f"GET {P}/{{provider_id}}/exceptions/{{exception_id}}/displaced": Recipe(_exception(), Thing.PROVIDER),
}

PATIENTS: dict[str, Recipe] = {
    f"GET {T}": Recipe(about=Thing.PATIENT, listing=True),
    f"GET {T} (by name)": Recipe(_looking_for("last_name"), Thing.PATIENT, listing=True),
    f"GET {T} (by phone)": Recipe(_looking_for("phone"), Thing.PATIENT, listing=True),
    f"POST {T}": Recipe(sent(person(date_of_birth="1990-02-03")), Thing.REGISTRATION),
    f"POST {T} (a namesake)": Recipe(sent(_namesake), Thing.REGISTRATION),
    f"GET {T}/{{patient_id}}": Recipe(of(patient_id="patient"), Thing.PATIENT),
    f"PATCH {T}/{{patient_id}}": Recipe(
        sent(lambda world: {"preferences": {"channels": ["email"]}}, patient_id="patient"), Thing.PATIENT
    ),
    f"DELETE {T}/{{patient_id}}": Recipe(_newcomer(), Thing.STRANGER),
    f"GET {T}/{{patient_id}}/appointments": Recipe(of(patient_id="patient"), Thing.PATIENT),
    f"GET {T}/{{patient_id}}/accesses": Recipe(of(patient_id="patient"), Thing.PATIENT),
    f"GET {T}/{{patient_id}}/export": Recipe(of(patient_id="patient"), Thing.PATIENT),
    f"GET {T}/{{patient_id}}/export (as a page)": Recipe(
        lambda world, caller: Call({"patient_id": world.patient}, {"form": "html"}), Thing.PATIENT
    ),
    f"GET {T}/{{patient_id}}/erasures": Recipe(of(patient_id="patient"), Thing.PATIENT),
    f"POST {T}/{{patient_id}}/erasures": Recipe(_newcomer({"reason": "asked in person"}), Thing.STRANGER),
    f"GET {T}/{{patient_id}}/records": Recipe(of(patient_id="patient"), Thing.PATIENT),
    f"POST {T}/{{patient_id}}/records": Recipe(sent(_record, patient_id="patient"), Thing.PATIENT),
    f"GET {T}/{{patient_id}}/break-glass": Recipe(of(patient_id="patient"), Thing.PATIENT),
    # On somebody else: the callers whose glass is whole must keep it so.
    f"POST {T}/{{patient_id}}/break-glass": Recipe(
        sent(lambda world: {"reason": "unconscious, allergies unknown"}, patient_id="other"), Thing.STRANGER
    ),
    f"GET {A}/{{appointment_id}}/visit": Recipe(of(appointment_id="seen"), Thing.PATIENT),
    f"PATCH {A}/{{appointment_id}}/visit": Recipe(
        sent(lambda world: {"notes": CANARIES[Secret.CLINICAL]["notes"]}, appointment_id="seen"), Thing.PATIENT
    ),
}

BOOK: dict[str, Recipe] = {
    "POST /api/v1/holds": Recipe(lambda world, caller: Call(json=time_of(world)), Thing.TIME),
    "DELETE /api/v1/holds/{hold_id}": Recipe(held, Thing.HOLD),
    "DELETE /api/v1/holds/{hold_id} (the patient's)": Recipe(kept, Thing.KEPT),
    f"GET {A}": Recipe(about=Thing.VISIT, listing=True),
    f"GET {A} (of the patient)": Recipe(_filtered(patient_id="patient"), Thing.VISIT, listing=True),
    f"GET {A} (of the provider)": Recipe(_filtered(provider_id="provider"), Thing.VISIT, listing=True),
    f"GET {A} (at the clinic)": Recipe(_filtered(clinic_id="clinic"), Thing.VISIT, listing=True),
    f"POST {A}": Recipe(_booking, (Thing.PATIENT, Thing.TIME)),
    f"POST {A} (any provider)": Recipe(_any_provider, (Thing.PATIENT, Thing.TIME)),
    f"POST {A} (the patient's hold)": Recipe(_from_hold, (Thing.PATIENT, Thing.KEPT, Thing.TIME)),
    f"GET {A}/{{appointment_id}}": Recipe(visit("scheduled"), Thing.VISIT),
    f"PATCH {A}/{{appointment_id}}": Recipe(
        visit("scheduled", lambda world: {"start": world.next_start().isoformat()}), Thing.VISIT
    ),
    f"PATCH {A}/{{appointment_id}} (the reason)": Recipe(
        visit("scheduled", lambda world: {"reason": CANARIES[Secret.BOOKING]["reason"]}), Thing.VISIT
    ),
    f"DELETE {A}/{{appointment_id}}": Recipe(visit("scheduled"), Thing.VISIT),
    f"POST {A}/{{appointment_id}}/cancel": Recipe(visit("scheduled"), Thing.VISIT),
    f"POST {A}/{{appointment_id}}/confirm": Recipe(visit("scheduled"), Thing.VISIT),
    f"POST {A}/{{appointment_id}}/check-in": Recipe(visit("confirmed"), Thing.VISIT),
    f"POST {A}/{{appointment_id}}/start": Recipe(visit("checked_in"), Thing.VISIT),
    f"POST {A}/{{appointment_id}}/complete": Recipe(visit("in_progress"), Thing.VISIT),
    f"POST {A}/{{appointment_id}}/no-show": Recipe(visit("confirmed"), Thing.VISIT),
    f"GET {A}/{{appointment_id}}/history": Recipe(visit("scheduled"), Thing.VISIT),
}

MESSAGES: dict[str, Recipe] = {
    f"GET {A}/{{appointment_id}}/notifications": Recipe(visit("scheduled"), Thing.VISIT),
    f"GET {C}/{{clinic_id}}/notifications": Recipe(of(clinic_id="clinic"), Thing.CLINIC),
    "POST /api/v1/notifications/{notification_id}/resend": Recipe(_message, Thing.VISIT),
    f"GET {T}/{{patient_id}}/notification-preferences": Recipe(of(patient_id="patient"), Thing.PATIENT),
    f"PATCH {T}/{{patient_id}}/notification-preferences": Recipe(
        sent(lambda world: {"channels": ["email"]}, patient_id="patient"), Thing.PATIENT
    ),
    f"GET {T}/{{patient_id}}/devices": Recipe(of(patient_id="patient"), Thing.PATIENT),
    f"POST {T}/{{patient_id}}/devices": Recipe(sent(browser, patient_id="patient"), Thing.PATIENT),
    f"DELETE {T}/{{patient_id}}/devices/{{device_id}}": Recipe(_device, Thing.PATIENT),
    "GET /api/v1/unsubscribe/{token}": Recipe(_unsubscribing),
    "POST /api/v1/unsubscribe/{token}": Recipe(_unsubscribing),
}


LIVE: dict[str, Recipe] = {
    "GET /api/v1/stream": Recipe(_filtered(provider_id="provider", clinic_id="clinic")),
}


def operation_of(name: str) -> str:
    """`METHOD /path (in some other way)` is a further recipe of the operation."""
    return name.split(" (")[0]


def ask(name: str, call: Call, client: httpx.Client) -> tuple[httpx.Response, str]:
    """Send the call. Answers the response, and all that was said in asking."""
    method, path = operation_of(name).split(" ", 1)
    path = path.format(**call.path)
    client.cookies.clear()  # of a page that logged somebody in
    request = client.build_request(
        method, path, params=call.query, json=call.json, data=call.form, headers=call.headers
    )
    return answered(client, request), f"{request.url} {call.json} {call.form}"


OWN = {**OPEN, **DIRECTORY, **HOURS, **PATIENTS, **BOOK, **MESSAGES, **LIVE}
