"""The matrix of the design brief, said a second time and independently of the code."""

from frontdesk.auth.permissions import IMPERSONAL, PERMISSIONS, Role
from tests.access.walk import operations

# Columns: anonymous, patient, provider, staff, admin. "glass": only for whom the glass was broken.
DESIGN = """
    public               all  all  all   all      all
    metrics:read         all  all  all   all      all
    directory:read       all  all  all   all      all
    availability:read    all  all  all   all      all
    directory:write      -    -    -     -        all
    account              -    own  own   own      own
    factors:enrol        -    own  own   own      own
    api-keys:manage      -    -    -     -        all
    patients:read        -    own  care  clinics  all
    patients:create      -    -    -     clinics  all
    patients:write       -    own  -     clinics  all
    patients:delete      -    -    -     -        all
    patients:export      -    own  -     -        all
    patients:erase       -    -    -     -        all
    patients:accesses    -    own  -     -        all
    appointments:read    -    own  own   clinics  all
    appointments:book    -    own  care  clinics  all
    appointments:move    -    own  -     clinics  all
    appointments:cancel  -    own  own   clinics  all
    appointments:confirm -    own  own   clinics  all
    appointments:link    all  all  all   all      all
    appointments:step    -    -    own   clinics  all
    appointments:arrive  -    own  -     -        -
    waitlist:read        -    own  care  clinics  all
    waitlist:join        -    own  care  clinics  all
    waitlist:stats       -    -    -     clinics  all
    visits:read          -    own  care  -        glass
    visits:write         -    -    care  -        -
    notifications:read   -    -    -     clinics  all
    notifications:send   -    -    -     clinics  all
    break-glass:open     -    -    all   -        all
    schedules:read       -    -    own   clinics  all
    schedules:write      -    -    -     clinics  all
    exceptions:ask       -    -    own   clinics  all
    patients:devices     -    own  -     -        -
    family               -    own  -     -        -
    guardians:manage     -    -    -     clinics  all
    holds:make           all  own  care  clinics  all
    users:manage         -    -    -     -        all
    board:read           -    -    -     clinics  all
    audit:read           -    -    -     -        all
    events:replay        -    -    -     -        all
"""

OPEN_TO_ALL = {
    "GET /",
    "GET /start",
    "GET /manifest.webmanifest",
    "GET /sw.js",
    "GET /offline",
    "GET /static/{name}",
    "POST /language",
    "GET /login",
    "POST /login",
    "POST /login/second",
    "POST /login/app",
    "POST /login/passkey",
    "POST /logout",
    "GET /register",
    "POST /register",
    "GET /forgot",
    "POST /forgot",
    "GET /password/{token}",
    "POST /password/{token}",
    "GET /healthz",
    "GET /readyz",
    "GET /metrics",
    "POST /api/v1/auth/register",
    "POST /api/v1/auth/token",
    "POST /api/v1/auth/token/second-factor",
    "POST /api/v1/auth/token/second-factor/passkey-options",
    "POST /api/v1/auth/refresh",
    "POST /api/v1/auth/password-reset",
    "POST /api/v1/auth/password-reset/confirm",
    "GET /api/v1/unsubscribe/{token}",
    "POST /api/v1/unsubscribe/{token}",
}
"""What anybody may call without being known. Another one is a decision, and is written here."""


def test_the_permissions_are_those_of_the_design() -> None:
    designed = {name: reaches for name, *reaches in map(str.split, DESIGN.strip().splitlines())}
    written = {
        name: [reach.value if (reach := by_role.get(role)) else "-" for role in Role]
        for name, by_role in PERMISSIONS.items()
    }
    assert written == designed


def test_nothing_more_is_open_to_all() -> None:
    found = operations()
    assert {name for name, permission in found.items() if permission in ("public", "metrics:read")} == OPEN_TO_ALL
    reads = {name for name, permission in found.items() if permission == "availability:read"}
    live = {"GET /api/v1/stream", "GET /live"}  # who may hear more than times: tests/live
    pages = {"GET /find", "GET /providers/{provider_id}"}
    assert all(name.startswith("GET ") and "/availability" in name for name in reads - live - pages)
    by_link = {name for name, permission in found.items() if permission == "appointments:link"}
    assert all(name.split(" ")[1].startswith(("/m/{token}", "/booked/{token}")) for name in by_link)
    assert {"public", "metrics:read", "availability:read", "appointments:link"} == IMPERSONAL


def test_what_is_not_the_desks_is_declared_by_its_path() -> None:
    """An operation under a folder of the API declares a permission of that folder, not one that lets more in."""
    of_folder = {
        "patients": {"patients", "visits", "break-glass", "guardians"},
        "appointments": {"appointments", "visits", "notifications"},
        "users": {"users"},
        "audit": {"audit"},
        "clinics": {"directory", "schedules", "notifications"},
        "providers": {"directory", "schedules", "exceptions", "availability"},
        "holds": {"holds"},
        "notifications": {"notifications"},
        "auth": {"public", "account", "factors"},
        "api-keys": {"api-keys"},
    }
    wrong = [
        (name, permission)
        for name, permission in operations().items()
        for folder in [name.split("/api/v1/")[-1].split("/")[0]]
        if folder in of_folder and permission.split(":")[0] not in of_folder[folder]
    ]
    assert wrong == []


def test_no_reading_permission_changes_anything() -> None:
    reading = {(name, permission) for name, permission in operations().items() if permission.endswith(":read")}
    searches = {"POST /desk/patients/find"}  # a name that somebody looks for stands in no address
    assert [name for name, _ in reading if not name.startswith("GET ") and name not in searches] == []
