"""Every page, and who looks at it. test_axe.py opens each for each of them; a new page needs a line here.

What stands in braces is filled from `ids` of the world (tests/queries/world.py, three of each thing), or from MORE.
"""

ANYBODY = ("anonymous",)
DESK = ("staff",)
EVERYBODY = ("anonymous", "patient", "provider", "staff", "admin")

PAGES: dict[str, tuple[str, ...]] = {
    "/": EVERYBODY,
    "/start": ANYBODY,
    "/find": EVERYBODY,
    "/find?name=nobody-like-this&speaks=fi&on=2027-03-01": ANYBODY,
    "/providers/{provider_id}": ANYBODY,
    "/providers/{provider_id}?visit={visit_type_id}&view=day": ANYBODY,
    "/providers/{provider_id}?visit={visit_type_id}&view=month": ANYBODY,
    "/login": ANYBODY,
    "/register": ANYBODY,
    "/forgot": ANYBODY,
    "/password/{token}": ANYBODY,
    "/visits": ("patient",),
    "/visits?when=past": ("patient",),
    "/visits/{appointment_id}": ("patient",),
    "/visits/{appointment_id}/move": ("patient",),
    "/waitlist/{entry_id}": ("patient",),
    "/me": ("patient", "staff"),
    "/me/details": ("patient",),
    "/me/messages": ("patient",),
    "/me/accesses": ("patient",),
    "/my-day": ("provider",),
    "/my-schedule": ("provider",),
    "/desk": DESK,
    "/desk/visits/{appointment_id}": DESK,
    "/desk/calendar": DESK,
    "/desk/patients": DESK,
    "/desk/patients/new": DESK,
    "/desk/patients/{patient_id}": DESK,
    "/desk/patients/{patient_id}/book": DESK,
    "/desk/waitlist": DESK,
    "/desk/messages": DESK,
    "/desk/away": DESK,
    "/desk/away/{provider_id}/{exception_id}": DESK,
}

MORE = {"token": "none"}

REFUSED: dict[str, int] = {
    "/providers/{clinic_id}": 404,
    "/find?on=yesterday": 422,
}
"""What is told on a page when there is nothing to show; to anybody."""

FILES = {"/desk/calendar/events", "/live", "/me/export", "/static/{name}", "/visits/{appointment_id}/calendar.ics"}
"""What is asked for as a page is, and is none."""
