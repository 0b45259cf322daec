"""A patient's own record: how to reach them, what they agreed to, who has looked, and all of it to take along."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from frontdesk.audit import reads
from frontdesk.auth import service as accounts
from frontdesk.auth.guard import allow
from frontdesk.auth.permissions import Actor
from frontdesk.db import Connection, borrow
from frontdesk.errors import Forbidden, InvalidRequest, Problem, StaleVersion
from frontdesk.notifications import service as notifications
from frontdesk.notifications.models import NotificationPreferencesPatch
from frontdesk.patients import service as patients
from frontdesk.patients.models import EmergencyContact, PatientPatch
from frontdesk.portal import forms
from frontdesk.portal.attempt import attempt, go
from frontdesk.portal.family import whom
from frontdesk.portal.pages import page
from frontdesk.portal.route import PageRoute
from frontdesk.rights import api as rights
from frontdesk.web.fields import Body, Email, Name, Short, Text
from frontdesk.web.pages import Cursor
from frontdesk.web.tx import Read, still_in, viewer_of

router = APIRouter(prefix="/me", tags=["pages"], route_class=PageRoute, include_in_schema=False)

Reader = Annotated[Actor, allow("patients:read")]
Writer = Annotated[Actor, allow("patients:write")]
Done = Literal["saved", "ended", "password", "address"]

_AT_ONCE = 50


class Details(Body):
    """What a patient may change about themself. What is left empty is empty from now on."""

    version: int
    email: Email | None = None
    phone: forms.Phone | None = None
    language: Short | None = None
    address: Text | None = None
    contact_name: Name | None = None
    contact_phone: forms.Phone | None = None
    contact_relation: Short | None = None

    def patch(self) -> PatientPatch:
        """The same as the API takes it."""
        names = {"name": self.contact_name, "phone": self.contact_phone, "relation": self.contact_relation}
        contact = EmergencyContact.model_validate(names) if self.contact_name else None
        own = self.model_dump(include={"version", "email", "phone", "language", "address"})
        return PatientPatch(**own, emergency_contact=contact)


def own_record(actor: Actor) -> UUID:
    """The patient who asks. Raises Forbidden: who is no patient has no record of their own here."""
    if actor.patient_id is None:
        raise Forbidden("This page is for patients.")
    return actor.patient_id


@router.get("/details")
async def details(request: Request, actor: Reader, conn: Read, done: Done | None = None) -> Response:
    """How the clinic reaches the patient."""
    return await _details(request, actor, conn, done=done) if actor.patient_id else go("/me")


@router.post("/details")
async def change_details(request: Request, actor: Writer) -> Response:
    """Change it. What cannot be is told at its field, and nothing typed is lost."""
    if actor.patient_id is None:
        await still_in(request)
        return go("/me")
    patient_id, typed = actor.patient_id, await forms.sent(request)
    if whom.other(actor, typed):  # nothing typed for another person is shown in this one's fields
        async with borrow(request.app.state.pool, viewer_of(request)) as conn:
            return await _details(request, actor, conn, refused=whom.OtherPerson())
    typed.pop("whom", None)
    asked, faults = forms.read(Details, typed)
    named, number, relation = (typed.get(f"contact_{one}", "").strip() for one in ("name", "phone", "relation"))
    if not named and (number or relation):
        faults["contact_name"] = "missing"
    refused: Problem | None = forms.unread(faults) if faults else None
    if asked is not None and not faults:

        async def change(conn: Connection) -> None:
            await patients.change_patient(conn, actor, patient_id, asked.patch())

        refused = await attempt(request, change)
    if refused is None:
        return go("/me/details?done=saved")
    async with borrow(request.app.state.pool, viewer_of(request)) as conn:
        return await _details(request, actor, conn, refused=refused, typed=typed, faults=faults)


async def _details(
    request: Request,
    actor: Actor,
    conn: Connection,
    *,
    refused: Problem | None = None,
    typed: dict[str, str] | None = None,
    **said: Any,
) -> Response:
    row = await patients.get_patient(conn, actor, own_record(actor))
    await reads.looked(conn, actor, [row["id"]], "patients:read")
    contact = row["emergency_contact"] or {}
    kept = {name: row[name] or "" for name in ("email", "phone", "language", "address")}
    kept |= {f"contact_{name}": contact.get(name) or "" for name in ("name", "phone", "relation")}
    shown = kept | {name: value for name, value in (typed or {}).items() if name in kept}
    differs = forms.differing(shown, kept) if isinstance(refused, StaleVersion) else ()
    account = (await accounts.get_user(conn, actor.user_id))["email"]
    other = actor.guardian_id is None and account.lower() != (row["email"] or "").lower()
    told: dict[str, Any] = {"row": row, "sent": shown, "differs": {name: kept[name] for name in differs}}
    told |= {"version": forms.version(typed, refused, row["version"]), "logs_in_with": other and account}
    return _page(request, "details", refused, **told, **said)


@router.get("/messages")
async def messages(request: Request, actor: Reader, conn: Read, done: Done | None = None) -> Response:
    """How the patient agreed to be told of visits."""
    return await _messages(request, actor, conn, done=done) if actor.patient_id else go("/me")


@router.post("/messages")
async def change_messages(request: Request, actor: Writer) -> Response:
    """Agree, or no longer."""
    if actor.patient_id is None:
        await still_in(request)
        return go("/me")
    patient_id, form, keys = actor.patient_id, await forms.whole(request), request.app.state.keys
    if whom.other(actor, form):
        async with borrow(request.app.state.pool, viewer_of(request)) as conn:
            return await _messages(request, actor, conn, refused=whom.OtherPerson())
    typed: dict[str, Any] = {name: form.getlist(name) for name in ("channels", "reminders")}
    typed |= {name: form.get(name) or None for name in ("quiet_from", "quiet_until", "version")}
    number = str(typed["version"])
    version = int(number) if number.isascii() and number.isdigit() and len(number) < 10 else None
    asked, faults = forms.read(NotificationPreferencesPatch, typed | {"version": version})
    refused: Problem | None = forms.unread(faults) if asked is None else None
    if asked is not None:

        async def change(conn: Connection) -> None:
            await notifications.change_wishes(conn, keys, actor, patient_id, asked, None)

        refused = await attempt(request, change)
        if isinstance(refused, InvalidRequest):  # each field is right by itself: these two do not go together
            faults = dict.fromkeys(("quiet_from", "quiet_until"), "wrong")
    if refused is None:
        return go("/me/messages?done=saved")
    async with borrow(request.app.state.pool, viewer_of(request)) as conn:
        return await _messages(request, actor, conn, refused=refused, typed=typed, faults=faults)


async def _messages(
    request: Request,
    actor: Actor,
    conn: Connection,
    *,
    refused: Problem | None = None,
    typed: dict[str, Any] | None = None,
    **said: Any,
) -> Response:
    row = await notifications.wishes(conn, request.app.state.keys, actor, own_record(actor))
    wishes = row | {name: value for name, value in (typed or {}).items() if name != "version"}
    who = await patients.get_patient(conn, actor, own_record(actor))
    without = [way for way, kept in (("email", "email"), ("sms", "phone")) if not who[kept]]
    version = forms.version(typed, refused, row["version"])
    return _page(request, "messages", refused, wishes=wishes, without=without, version=version, **said)


@router.get("/accesses")
async def accesses(
    request: Request, actor: Annotated[Actor, allow("patients:accesses")], conn: Read, cursor: Cursor = None
) -> Response:
    """Who has looked at the record or changed it, the latest first."""
    if actor.patient_id is None:
        return go("/me")
    await reads.looked(conn, actor, [actor.patient_id], "patients:accesses")
    found = await reads.accesses(conn, actor.patient_id, limit=_AT_ONCE, cursor=cursor)
    return _page(request, "accesses", None, looks=found["items"], more=found["next_cursor"])


@router.get("/export")
async def export(
    actor: Annotated[Actor, allow("patients:export")], conn: Read, form: Literal["json", "html"] = "json"
) -> Response:
    """Everything that is kept about the patient, as a file to take along or a page to print."""
    if actor.patient_id is None:
        return go("/me")
    response = await rights.export(actor.patient_id, actor, conn, form)
    response.headers["Content-Disposition"] = f'attachment; filename="record.{form}"'
    return response


def _page(request: Request, name: str, refused: Problem | None, **said: Any) -> Response:
    frame: dict[str, Any] = {"done": None, "faults": {}, "here": f"/me/{name}"}
    said = frame | {"refused": refused and refused.slug} | said
    return page(request, f"me/{name}.html", status=refused.status if refused else 200, private=True, **said)
