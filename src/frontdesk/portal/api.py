"""The pages that anybody may see: home, search, a provider; and what they are drawn with."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from frontdesk.auth.guard import allow
from frontdesk.auth.permissions import Actor
from frontdesk.db import borrow
from frontdesk.portal import assets, language, search, times
from frontdesk.portal.book import choosing
from frontdesk.portal.pages import page
from frontdesk.portal.route import PageRoute
from frontdesk.portal.search import Search
from frontdesk.portal.start import api as start
from frontdesk.portal.times import Look
from frontdesk.providers import finding
from frontdesk.web import notices
from frontdesk.web.browsers import wants_page
from frontdesk.web.tx import Read

router = APIRouter(tags=["pages"], route_class=PageRoute, include_in_schema=False)

Anybody = Annotated[Actor, allow("public")]
Looker = Annotated[Actor, allow("availability:read")]

_A_YEAR_S = 31_536_000


@router.get("/")
async def home(request: Request, _: Anybody, conn: Read) -> Response:
    """The search; programs are led to the documentation of the API."""
    if not wants_page(request):
        return RedirectResponse("/docs")
    return page(
        request, "home.html", search=Search(), demo=await start.here(request, conn), **await search.choices(conn)
    )


@router.get("/find")
async def find(request: Request, _: Looker, conn: Read) -> Response:
    """Who matches, and when they are free next."""
    asked = Search.of(request)
    found = await search.find(conn, asked, request.app.state.availability.copies.for_request())
    return page(request, "find.html", search=asked, **found)


@router.get("/providers/{provider_id}")
async def provider(request: Request, provider_id: UUID, actor: Looker) -> Response:
    """One provider and their free times. To htmx only the times: those are what changes."""
    look, near = Look.of(request), None
    async with borrow(request.app.state.pool) as conn:  # given back before the times are read on another
        who = await finding.profile(conn, provider_id)
        kinds = who["visit_types"]
        kind = next((one for one in kinds if one["id"] == str(look.visit)), kinds[0] if kinds else None)
        ids = {"provider_id": provider_id, "visit_type_id": UUID(kind["id"])} if kind else {}
        if kind and look.gone and look.at:
            near = await choosing.near(conn, actor, look.gone, clinic_id=look.at, **ids)
            look = look.where(who["clinics"])
    shown = None
    if kind:
        shown = await times.of(request.app.state.availability, look, language.of(request), who, kind)
    clinics = {one["id"]: one for one in who["clinics"]}
    template = "_times.html" if request.headers.get("hx-request") else "provider.html"
    told: dict[str, Any] = {"look": look, "near": near, "views": list(times.View)}
    return page(request, template, who=who, kind=kind, shown=shown, clinics=clinics, **told)


@router.post("/language")
async def choose_language(
    _: Anybody,
    request: Request,
    chosen: Annotated[str, Form(max_length=8)],
    back: Annotated[str, Form(max_length=2000)],
) -> Response:
    """Remember the language for a year, and go back to the page."""
    response = RedirectResponse(notices.onward(back), 303, {"Cache-Control": "no-store"})
    if chosen in language.LANGUAGES:
        secure = request.url.scheme == "https"
        response.set_cookie(language.COOKIE, chosen, _A_YEAR_S, httponly=True, secure=secure, samesite="lax")
    return response


@router.get("/static/{name}")
async def static(request: Request, name: str, _: Anybody) -> Response:
    """A style or a script; its name changes with its content, so it may be kept for ever."""
    return assets.serve(name, request)
