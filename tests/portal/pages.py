"""Every page, and who looks at it. test_axe.py opens each for each of them; a new page needs a line here.

What stands in braces is filled from `ids` of the world (tests/queries/world.py, three of each thing); `day` is one with
visits, `token` that of a link to one, and `hold_id` a time that is kept for the reader.
"""

ANYBODY = ("anonymous",)
HOLDERS = ("anonymous", "patient")
DESK = ("staff", "admin")
OWNERS = ("patient", "guardian", "provider", "staff", "admin")
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
    "/offline": ANYBODY,
    "/device": ("patient",),
    "/password/{token}": ANYBODY,
    "/book": HOLDERS,
    "/book/{hold_id}": HOLDERS,
    "/book/{hold_id}/guest": ANYBODY,
    "/book/{hold_id}/code": ANYBODY,
    "/booked/{token}": ANYBODY,
    "/visits": ("patient", "guardian"),
    "/visits?when=past": ("patient",),
    "/visits/{appointment_id}": ("patient",),
    "/visits/{appointment_id}/move": ("patient",),
    "/waitlist/{entry_id}": ("patient",),
    "/family": ("patient", "guardian"),
    "/me": ("patient", "staff"),
    "/me/password": OWNERS,
    "/me/address": OWNERS,
    "/me/factors": OWNERS,
    "/me/details": ("patient", "guardian"),
    "/me/messages": ("patient",),
    "/me/accesses": ("patient",),
    "/my-day": ("provider",),
    "/my-schedule": ("provider",),
    "/desk/waitlist": ("staff",),
    "/desk/messages": ("staff",),
    "/desk/away": ("staff",),
    "/desk/away/{provider_id}/{exception_id}": ("staff",),
    "/desk": DESK,
    "/desk?clinic={clinic_id}&on={day}": ("staff",),
    "/desk/visits/{appointment_id}": ("staff",),
    "/desk/calendar": DESK,
    "/desk/calendar?clinic={clinic_id}&on={day}": ("staff",),
    "/desk/patients": DESK,
    "/desk/patients/new": ("staff",),
    "/desk/patients/{patient_id}": ("staff",),
    "/desk/patients/{patient_id}/book": ("staff",),
    "/desk/patients/{patient_id}/edit": ("staff",),
    "/desk/providers": DESK,
    "/desk/providers/{provider_id}/week": DESK,
    "/desk/providers/{provider_id}/exceptions": DESK,
    "/desk/patients/{patient_id}/guardians": ("staff",),
    "/admin": ("admin",),
    "/admin/users": ("admin",),
    "/admin/users/new": ("admin",),
    "/admin/users/{user_id}": ("admin",),
    "/admin/audit": ("admin",),
    "/admin/system": ("admin",),
    "/admin/settings": ("admin",),
    "/admin/clinics": ("admin",),
    "/admin/clinics/new": ("admin",),
    "/admin/clinics/{clinic_id}": ("admin",),
    "/admin/clinics/{clinic_id}/rooms": ("admin",),
    "/admin/clinics/{clinic_id}/rooms/{room_id}": ("admin",),
    "/admin/clinics/{clinic_id}/closures": ("admin",),
    "/admin/clinics/{clinic_id}/holidays": ("admin",),
    "/admin/specialties": ("admin",),
    "/admin/specialties/new": ("admin",),
    "/admin/specialties/{specialty_id}": ("admin",),
    "/admin/visit-types": ("admin",),
    "/admin/visit-types/new": ("admin",),
    "/admin/visit-types/{visit_type_id}": ("admin",),
    "/admin/providers": ("admin",),
    "/admin/providers/new": ("admin",),
    "/admin/providers/{provider_id}": ("admin",),
}

REFUSED: dict[str, tuple[str, int]] = {
    "/providers/{clinic_id}": ("anonymous", 404),
    "/find?on=yesterday": ("anonymous", 422),
    "/visits/{appointment_id}": ("guardian", 404),
}
"""What is told on a page when there is nothing to show: to whom, and the status."""

FILES = {
    "/static/{name}",
    "/manifest.webmanifest",
    "/sw.js",
    "/device/next",
    "/live",
    "/me/export",
    "/desk/calendar/events",
    "/desk/patients/find",
    "/visits/{appointment_id}/calendar.ics",
}
"""What is asked for as a page is, and is none."""
