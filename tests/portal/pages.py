"""Every page, and who looks at it. test_axe.py opens each for each of them; a new page needs a line here.

What stands in braces is filled from `ids` of the world (tests/queries/world.py, three of each thing), or from MORE.
"""

ANYBODY = ("anonymous",)
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
    "/admin/visit-types": ("admin",),
    "/admin/visit-types/new": ("admin",),
    "/admin/visit-types/{visit_type_id}": ("admin",),
    "/admin/providers": ("admin",),
    "/admin/providers/new": ("admin",),
    "/admin/providers/{provider_id}": ("admin",),
}

MORE = {"token": "none"}

REFUSED: dict[str, int] = {
    "/providers/{clinic_id}": 404,
    "/find?on=yesterday": 422,
}
"""What is told on a page when there is nothing to show; to anybody."""

FILES = {"/static/{name}"}
"""What is asked for as a page is, and is none."""
