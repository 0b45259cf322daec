"""The directory: clinics, visit types and providers; listed, added, and changed by the same form."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from frontdesk.auth.guard import allow
from frontdesk.auth.permissions import Actor
from frontdesk.clinics import service as clinics
from frontdesk.clinics.models import ClinicPatch, NewClinic, NewSpecialty, NewVisitType, SpecialtyPatch, VisitTypePatch
from frontdesk.db import Connection
from frontdesk.portal.admin import forms
from frontdesk.portal.admin.forms import SAVED, Field, Fields, Told
from frontdesk.portal.forms import Fault
from frontdesk.portal.pages import page
from frontdesk.portal.route import PageRoute
from frontdesk.portal.search import Query
from frontdesk.providers import service as providers
from frontdesk.providers.models import NewProvider, ProviderPatch
from frontdesk.web.fields import Text
from frontdesk.web.tx import Read

router = APIRouter(prefix="/admin", tags=["pages"], route_class=PageRoute, include_in_schema=False)

Writer = Annotated[Actor, allow("directory:write")]

_PAGE = 100
_MOST = 1000
"""Names that a form offers."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of thing: where its pages are, and what its forms hold."""

    path: str
    fields: Fields
    ends: bool = True  # it may be taken out of use

    @property
    def changed(self) -> Fields:
        """The fields of what is there already."""
        return (*self.fields, Field("active", "flag")) if self.ends else self.fields

    def saved(self, row: dict[str, Any]) -> str:
        """Where somebody goes who has saved it."""
        return f"{self.path}/{row['id']}{SAVED}"


CLINICS = Kind(
    "/admin/clinics",
    (
        Field("name", needed=True),
        Field("time_zone", needed=True),
        Field("country"),
        Field("region"),
        Field("address", "lines"),
        Field("phone", "tel"),
        Field("latitude", "number"),
        Field("longitude", "number"),
        Field("remind_day_min", "number"),
        Field("remind_hours_min", "number"),
    ),
)
SPECIALTIES = Kind("/admin/specialties", (Field("name", needed=True),), ends=False)
VISIT_TYPES = Kind(
    "/admin/visit-types",
    (
        Field("name", needed=True),
        Field("duration_min", "number", needed=True),
        Field("slot_step_min", "number", needed=True),
        Field("buffer_before_min", "number", needed=True),
        Field("buffer_after_min", "number", needed=True),
        Field("min_notice_min", "number", needed=True),
        Field("horizon_days", "number", needed=True),
        Field("capacity", "number", needed=True),
        Field("max_per_day", "number"),
        Field("mode", "word", needed=True, words=("in_person", "telehealth")),
        Field("room_kind"),
        Field("what_to_bring", "by_language"),
        Field("self_bookable", "flag"),
        Field("one_future_per_provider", "flag"),
    ),
)
PROVIDERS = Kind(
    "/admin/providers",
    (
        Field("title"),
        Field("first_name", needed=True),
        Field("last_name", needed=True),
        Field("license_number", needed=True),
        Field("credentials", "codes"),
        Field("languages", "codes"),
        Field("bio", "lines"),
        Field("specialty_ids", "many"),
        Field("clinic_ids", "many"),
        Field("visit_type_ids", "many"),
        Field("accepting_new_patients", "flag"),
        Field("gender"),
        Field("date_of_birth", "date"),
        Field("email", "email"),
        Field("phone", "tel"),
        Field("address", "lines"),
        Field("photo_url"),
    ),
)
_NEW_CLINIC = {"remind_day_min": 1440, "remind_hours_min": 120}
_NEW_VISIT_TYPE = {
    "duration_min": 30,
    "slot_step_min": 30,
    "buffer_before_min": 0,
    "buffer_after_min": 0,
    "min_notice_min": 120,
    "horizon_days": 90,
    "capacity": 1,
    "self_bookable": True,
}


class Place(Query):
    """Where in the list."""

    cursor: Text | None = None


@router.get("/clinics")
async def list_clinics(request: Request, _: Writer, conn: Read) -> Response:
    """All clinics, those no longer in use too."""
    cursor = Place.of(request).cursor
    return _list(request, CLINICS, await clinics.list_clinics(conn, active=None, limit=_PAGE, cursor=cursor))


@router.get("/clinics/new")
async def new_clinic(request: Request, actor: Writer, conn: Read) -> Response:
    """The form for a clinic that opens."""
    return await _form(request, actor, CLINICS, None, conn, forms.told(CLINICS.fields, _NEW_CLINIC))


@router.post("/clinics")
async def add_clinic(request: Request, actor: Writer) -> Response:
    """Open a clinic."""
    body, shown = await forms.read(request, NewClinic, CLINICS.fields)
    add = _by(actor, clinics.create_clinic)
    return await forms.save(request, body, shown, add, partial(_form, request, actor, CLINICS, None), CLINICS.saved)


@router.get("/clinics/{clinic_id}")
async def clinic(request: Request, clinic_id: UUID, actor: Writer, conn: Read) -> Response:
    """One clinic."""
    shown = forms.told(CLINICS.changed, await clinics.get_clinic(conn, clinic_id))
    return await _form(request, actor, CLINICS, clinic_id, conn, shown)


@router.post("/clinics/{clinic_id}")
async def change_clinic(request: Request, clinic_id: UUID, actor: Writer) -> Response:
    """Change a clinic; neither its zone nor whether it is in use while visits stand ahead."""
    body, shown = await forms.read(request, ClinicPatch, CLINICS.changed)
    change = _by(actor, clinics.change_clinic, clinic_id)
    again = partial(_form, request, actor, CLINICS, clinic_id)
    return await forms.save(request, body, shown, change, again, CLINICS.saved)


@router.get("/specialties")
async def list_specialties(request: Request, _: Writer, conn: Read) -> Response:
    """All specialties."""
    cursor = Place.of(request).cursor
    return _list(request, SPECIALTIES, await clinics.list_specialties(conn, limit=_PAGE, cursor=cursor))


@router.get("/specialties/new")
async def new_specialty(request: Request, actor: Writer, conn: Read) -> Response:
    """The form for another specialty."""
    return await _form(request, actor, SPECIALTIES, None, conn, forms.told(SPECIALTIES.fields, {}))


@router.post("/specialties")
async def add_specialty(request: Request, actor: Writer) -> Response:
    """Add a specialty."""
    body, shown = await forms.read(request, NewSpecialty, SPECIALTIES.fields)
    add, again = _by(actor, clinics.create_specialty), partial(_form, request, actor, SPECIALTIES, None)
    return await forms.save(request, body, shown, add, again, SPECIALTIES.saved)


@router.get("/specialties/{specialty_id}")
async def specialty(request: Request, specialty_id: UUID, actor: Writer, conn: Read) -> Response:
    """One specialty."""
    shown = forms.told(SPECIALTIES.changed, await clinics.get_specialty(conn, specialty_id))
    return await _form(request, actor, SPECIALTIES, specialty_id, conn, shown)


@router.post("/specialties/{specialty_id}")
async def change_specialty(request: Request, specialty_id: UUID, actor: Writer) -> Response:
    """Call a specialty by another name. Its providers stay."""
    body, shown = await forms.read(request, SpecialtyPatch, SPECIALTIES.changed)
    change = _by(actor, clinics.change_specialty, specialty_id)
    again = partial(_form, request, actor, SPECIALTIES, specialty_id)
    return await forms.save(request, body, shown, change, again, SPECIALTIES.saved)


@router.get("/visit-types")
async def list_visit_types(request: Request, _: Writer, conn: Read) -> Response:
    """All visit types, those no longer in use too."""
    cursor = Place.of(request).cursor
    return _list(request, VISIT_TYPES, await clinics.list_visit_types(conn, active=None, limit=_PAGE, cursor=cursor))


@router.get("/visit-types/new")
async def new_visit_type(request: Request, actor: Writer, conn: Read) -> Response:
    """The form for another kind of visit."""
    return await _form(request, actor, VISIT_TYPES, None, conn, forms.told(VISIT_TYPES.fields, _NEW_VISIT_TYPE))


@router.post("/visit-types")
async def add_visit_type(request: Request, actor: Writer) -> Response:
    """Add a visit type."""
    body, shown = await forms.read(request, NewVisitType, VISIT_TYPES.fields)

    async def add(conn: Connection, new: NewVisitType) -> dict[str, Any]:
        if await clinics.name_is_taken(conn, new.name):
            raise Fault("name", "taken")
        return await clinics.create_visit_type(conn, actor, new)

    again = partial(_form, request, actor, VISIT_TYPES, None)
    return await forms.save(request, body, shown, add, again, VISIT_TYPES.saved)


@router.get("/visit-types/{visit_type_id}")
async def visit_type(request: Request, visit_type_id: UUID, actor: Writer, conn: Read) -> Response:
    """One visit type."""
    shown = forms.told(VISIT_TYPES.changed, await clinics.get_visit_type(conn, visit_type_id))
    return await _form(request, actor, VISIT_TYPES, visit_type_id, conn, shown)


@router.post("/visit-types/{visit_type_id}")
async def change_visit_type(request: Request, visit_type_id: UUID, actor: Writer) -> Response:
    """Change a visit type. What is booked keeps its times."""
    body, shown = await forms.read(request, VisitTypePatch, VISIT_TYPES.changed)

    async def change(conn: Connection, new: VisitTypePatch) -> dict[str, Any]:
        if await clinics.name_is_taken(conn, new.name, visit_type_id):
            raise Fault("name", "taken")
        return await clinics.change_visit_type(conn, actor, visit_type_id, new)

    again = partial(_form, request, actor, VISIT_TYPES, visit_type_id)
    return await forms.save(request, body, shown, change, again, VISIT_TYPES.saved)


@router.get("/providers")
async def list_providers(request: Request, actor: Writer, conn: Read) -> Response:
    """All providers, those no longer in use too."""
    listed = await providers.list_providers(conn, actor, limit=_PAGE, cursor=Place.of(request).cursor)
    return _list(request, PROVIDERS, listed)


@router.get("/providers/new")
async def new_provider(request: Request, actor: Writer, conn: Read) -> Response:
    """The form for somebody who begins."""
    return await _form(
        request, actor, PROVIDERS, None, conn, forms.told(PROVIDERS.fields, {"accepting_new_patients": True})
    )


@router.post("/providers")
async def add_provider(request: Request, actor: Writer) -> Response:
    """Add a provider."""
    body, shown = await forms.read(request, NewProvider, PROVIDERS.fields)
    add, again = _by(actor, providers.create_provider), partial(_form, request, actor, PROVIDERS, None)
    return await forms.save(request, body, shown, add, again, PROVIDERS.saved)


@router.get("/providers/{provider_id}")
async def provider(request: Request, provider_id: UUID, actor: Writer, conn: Read) -> Response:
    """One provider."""
    shown = forms.told(PROVIDERS.changed, await providers.get_provider(conn, actor, provider_id))
    return await _form(request, actor, PROVIDERS, provider_id, conn, shown)


@router.post("/providers/{provider_id}")
async def change_provider(request: Request, provider_id: UUID, actor: Writer) -> Response:
    """Change a provider; whoever has visits ahead stays in use."""
    body, shown = await forms.read(request, ProviderPatch, PROVIDERS.changed)
    change = _by(actor, providers.change_provider, provider_id)
    again = partial(_form, request, actor, PROVIDERS, provider_id)
    return await forms.save(request, body, shown, change, again, PROVIDERS.saved)


def _by(actor: Actor, work: Callable[..., Any], *of: UUID) -> Callable[[Connection, Any], Any]:
    """The service's work for what a form says; `of`: about which thing."""
    return lambda conn, body: work(conn, actor, *of, body)


def _list(request: Request, kind: Kind, listed: dict[str, Any]) -> Response:
    return page(request, "admin/things.html", kind=kind, listed=listed)


async def _form(
    request: Request, actor: Actor, kind: Kind, thing_id: UUID | None, conn: Connection, shown: Told
) -> Response:
    return page(
        request,
        "admin/thing.html",
        status=shown.status,
        kind=kind,
        thing_id=thing_id,
        fields=kind.changed if thing_id else kind.fields,
        shown=shown,
        choices=await _choices(conn, kind),
    )


async def _choices(conn: Connection, kind: Kind) -> dict[str, dict[str, str]]:
    """What a provider can be named for, and the kinds of rooms that a visit may need."""
    if kind is VISIT_TYPES:
        return {"room_kind": {one: one for one in await clinics.room_kinds(conn)}}
    if kind is not PROVIDERS:
        return {}
    found = {
        "specialty_ids": await clinics.list_specialties(conn, limit=_MOST, cursor=None),
        "clinic_ids": await clinics.list_clinics(conn, active=None, limit=_MOST, cursor=None),
        "visit_type_ids": await clinics.list_visit_types(conn, active=None, limit=_MOST, cursor=None),
    }
    return {name: {str(one["id"]): one["name"] for one in listed["items"]} for name, listed in found.items()}
