"""Every request whose statements are counted, and how many it takes, BEGIN and COMMIT included.

A list of 50 must take as many statements as a list of one. A number changes when an endpoint asks for more than it did:
look why, then write the new one here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from frontdesk import links
from frontdesk.notifications import unsubscribing
from frontdesk.secrets import Keys
from tests.queries.world import PASSWORD, World
from tests.service import SECRET

Body = Callable[[World], dict[str, Any]]


@dataclass(frozen=True)
class Asked:
    """How many `statements` the request takes, what it says, by whom (admin, patient or nobody), and how it ends.

    `ids` are those of the path, where they are not the world's own.
    """

    statements: int
    query: str = ""
    body: Body | None = None
    form: Body | None = None
    by: str | None = "admin"
    expected: int = 200
    ids: Callable[[World], dict[str, Any]] = lambda world: {}


def booking(number: int, **more: Any) -> Body:
    """The number-th free half hour with the provider, for the patient."""
    names = ("provider_id", "clinic_id", "visit_type_id", "patient_id")
    return lambda world: {name: str(world.ids[name]) for name in names} | {"start": world.at(number)} | more


def any_provider(number: int) -> Body:
    """The same with whoever of the specialty can."""
    names = ("specialty_id", "clinic_id", "visit_type_id", "patient_id")
    return lambda world: {name: str(world.ids[name]) for name in names} | {"start": world.at(number)}


def spare(status: str) -> Callable[[World], dict[str, Any]]:
    """A visit in this status that no other request uses."""
    return lambda world: {"appointment_id": world.spare[status].pop()}


def taken(world: World) -> dict[str, Any]:
    """What `booking(1)` has taken, for a visit that needs no room: with fifty rooms one would be free."""
    return booking(1, visit_type_id=str(world.ids["roomless_type_id"]))(world)


def hours(world: World) -> dict[str, Any]:
    """Around the clock on all seven days, as it is already."""
    session = {"clinic_id": str(world.ids["clinic_id"]), "start_time": "00:00", "end_time": "00:00"}
    return {"items": [session | {"weekday": day} for day in range(1, 8)]}


def span(world: World) -> dict[str, Any]:
    """Half an hour in which nobody is booked."""
    return {"start": world.at(9000), "end": world.at(9001)}


def sick_days(world: World) -> dict[str, Any]:
    """The two days on which the provider's visits are."""
    days = {"start": world.at(-480), "end": world.at(-384)}
    return {"kind": "time_off"} | days


def newcomer(world: World) -> dict[str, Any]:
    """Somebody with the name and the birth date of all patients."""
    return {"first_name": "Ada", "last_name": "Vale", "date_of_birth": "1980-05-17"}


def unsubscribing_of(world: World) -> dict[str, Any]:
    """The link in a reminder to the patient."""
    return {"token": unsubscribing.token_of(Keys(SECRET), world.ids["patient_id"], "email")}


def log_in(world: World) -> dict[str, Any]:
    """The form of a log-in."""
    return {"username": world.email, "password": PASSWORD}


def guess(world: World) -> dict[str, Any]:
    """The form of a log-in with a wrong password."""
    return {"username": world.email, "password": "a guess"}


def nobody(world: World) -> dict[str, Any]:
    """The same for an account that does not exist."""
    return {"username": "nobody@queries.test", "password": "a guess"}


def shown(world: World) -> dict[str, Any]:
    """The token of the link to the world's visit."""
    facts = {"appointment_id": world.ids["appointment_id"], "patient_id": world.ids["patient_id"], "generation": 0}
    return {"token": links.token_of(Keys(SECRET), **facts)}


def link(status: str = "scheduled") -> Callable[[World], dict[str, Any]]:
    """The token of the link to a visit in this status that no other request uses."""

    def token(world: World) -> dict[str, Any]:
        facts = {"appointment_id": world.spare[status].pop(), "patient_id": world.ids["patient_id"], "generation": 0}
        return {"token": links.token_of(Keys(SECRET), **facts)}

    return token


VISITS = "/api/v1/appointments"
VISIT = f"{VISITS}/{{appointment_id}}"
PROVIDER = "/api/v1/providers/{provider_id}"
CLINIC = "/api/v1/clinics/{clinic_id}"
OF_TYPE = "visit_type_id={visit_type_id}"

GETS: dict[str, Asked] = {
    "/m/{token}": Asked(6, by=None, ids=shown),
    "/m/{token}/slots": Asked(9, by=None, ids=shown),
    "/m/{token}/calendar.ics": Asked(6, by=None, ids=shown),
    f"{VISIT}/calendar.ics": Asked(4),
    "/healthz": Asked(0, by=None),
    "/readyz": Asked(1, by=None),
    "/metrics": Asked(1, by=None),
    VISITS: Asked(2),
    VISIT: Asked(3),
    f"{VISIT}/history": Asked(4),
    # From a Monday: a week that is nearly over may not fill a page, and then the next one is looked at too.
    "/api/v1/availability": Asked(3, f"{OF_TYPE}&from={{monday}}"),
    "/api/v1/availability/days": Asked(3, OF_TYPE),
    "/api/v1/providers": Asked(2),
    "/api/v1/stream": Asked(1, "provider_id={provider_id}&board={clinic_id}"),
    PROVIDER: Asked(2),
    f"{PROVIDER}/availability": Asked(2, OF_TYPE),
    f"{PROVIDER}/availability/days": Asked(2, OF_TYPE),
    f"{PROVIDER}/availability/explain": Asked(3, f"{OF_TYPE}&clinic_id={{clinic_id}}&start={{start}}"),
    f"{PROVIDER}/schedules": Asked(3),
    f"{PROVIDER}/exceptions": Asked(3),
    f"{PROVIDER}/exceptions/{{exception_id}}/displaced": Asked(4),
    "/api/v1/patients": Asked(3, "q=vale"),
    "/api/v1/patients/{patient_id}": Asked(3),
    "/api/v1/patients/{patient_id}/accesses": Asked(4),
    f"{VISIT}/visit": Asked(4, by="patient"),
    "/api/v1/patients/{patient_id}/records": Asked(3, by="patient"),
    "/api/v1/patients/{patient_id}/break-glass": Asked(2),
    "/api/v1/family": Asked(3, by="patient"),
    "/api/v1/patients/{patient_id}/guardians": Asked(4),
    "/api/v1/patients/{patient_id}/export": Asked(11),
    "/api/v1/patients/{patient_id}/erasures": Asked(3),
    "/api/v1/patients/{patient_id}/appointments": Asked(4, "when=upcoming"),
    "/api/v1/clinics": Asked(2),
    CLINIC: Asked(2),
    f"{CLINIC}/rooms": Asked(3),
    f"{CLINIC}/rooms/{{room_id}}": Asked(2),
    f"{CLINIC}/closures": Asked(3),
    f"{CLINIC}/notifications": Asked(4, "status=failed"),
    f"{VISIT}/notifications": Asked(4),
    "/api/v1/patients/{patient_id}/notification-preferences": Asked(4),
    "/api/v1/patients/{patient_id}/devices": Asked(3, by="patient"),
    "/api/v1/unsubscribe/{token}": Asked(0, by=None, ids=unsubscribing_of),
    "/api/v1/specialties": Asked(2),
    "/api/v1/specialties/{specialty_id}": Asked(2),
    "/api/v1/visit-types": Asked(2),
    "/api/v1/visit-types/{visit_type_id}": Asked(2),
    "/api/v1/waitlist": Asked(2),
    "/api/v1/waitlist/stats": Asked(2),
    "/api/v1/waitlist/{entry_id}": Asked(4),
    "/api/v1/auth/me": Asked(2),
    "/api/v1/auth/sessions": Asked(2),
    "/api/v1/audit": Asked(3, "table=appointment"),
    "/api/v1/auth/factors": Asked(3),
    "/api/v1/api-keys": Asked(2),
    "/api/v1/api-keys/{key_id}": Asked(2),
    "/api/v1/users": Asked(2),
    "/api/v1/users/{user_id}": Asked(2),
}
"""Every GET of /openapi.json; one that is missing here fails a test."""

WRITES: dict[str, tuple[str, Asked]] = {
    "book": (f"POST {VISITS}", Asked(9, body=booking(1), expected=201)),
    "book as the patient": (f"POST {VISITS}", Asked(9, body=booking(2), expected=201, by="patient")),
    "book with any provider": (f"POST {VISITS}", Asked(14, body=any_provider(3), expected=201)),
    "book what is taken": (f"POST {VISITS}", Asked(8, body=taken, expected=409)),
    "hold": ("POST /api/v1/holds", Asked(11, body=booking(4), expected=201)),
    "move": (f"PATCH {VISIT}", Asked(19, body=lambda world: {"start": world.at(6)}, ids=spare("scheduled"))),
    "cancel": (f"POST {VISIT}/cancel", Asked(13, ids=spare("scheduled"))),
    "confirm": (f"POST {VISIT}/confirm", Asked(12, ids=spare("scheduled"))),
    "confirm by a link": ("POST /m/{token}/confirm", Asked(14, by=None, ids=link())),
    "move by a link": (
        "POST /m/{token}/move",
        Asked(21, body=lambda world: {"start": world.at(60)}, by=None, ids=link("confirmed")),
    ),
    "check in": (f"POST {VISIT}/check-in", Asked(12, ids=spare("confirmed"))),
    "check in a late arrival": (f"POST {VISIT}/check-in", Asked(14, ids=spare("no_show"))),
    "start": (f"POST {VISIT}/start", Asked(12, ids=spare("checked_in"))),
    "complete": (f"POST {VISIT}/complete", Asked(12, ids=spare("in_progress"))),
    "no show": (f"POST {VISIT}/no-show", Asked(13, ids=spare("confirmed"))),
    "register a patient": ("POST /api/v1/patients", Asked(10, body=newcomer, expected=201)),
    "log in": ("POST /api/v1/auth/token", Asked(7, form=log_in, by=None)),
    "guess at a known account": ("POST /api/v1/auth/token", Asked(2, form=guess, by=None, expected=401)),
    "guess at an unknown account": ("POST /api/v1/auth/token", Asked(2, form=nobody, by=None, expected=401)),
    "forget a known password": (
        "POST /api/v1/auth/password-reset",
        Asked(3, body=lambda world: {"email": world.email}, by=None, expected=202),
    ),
    "forget an unknown password": (
        "POST /api/v1/auth/password-reset",
        Asked(3, body=lambda world: {"email": "nobody@queries.test"}, by=None, expected=202),
    ),
    "change hours": (f"PUT {PROVIDER}/schedules", Asked(11, body=hours)),
    "see what a sick day displaces": (f"POST {PROVIDER}/exceptions", Asked(12, "preview=true", body=sick_days)),
    "take time off": (
        f"POST {PROVIDER}/exceptions",
        Asked(9, body=lambda world: {"kind": "time_off"} | span(world), expected=201),
    ),
    "close a clinic": (f"POST {CLINIC}/closures", Asked(8, body=span, expected=201)),
    "retire a provider who is booked": (f"DELETE {PROVIDER}", Asked(5, expected=409)),
}
"""The main changes, in this order: each finds what those before have left."""
