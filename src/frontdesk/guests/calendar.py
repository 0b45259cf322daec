"""One appointment as a file for a calendar: the same entry that the patient's messages bring, about nobody."""

import hashlib
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from frontdesk import phones
from frontdesk.notifications.calendar import entry_of, file_of
from frontdesk.notifications.language import locale_of
from frontdesk.settings import settings

MEDIA_TYPE = "text/calendar"

_STATUS = {"held": "TENTATIVE", "cancelled": "CANCELLED", "expired": "CANCELLED"}


def of(row: dict[str, Any], language: str | None, link: str | None = None) -> bytes:
    """The file for a row of `q.see`; `link`, if given, is the path of the page that manages it."""
    clinic = row["clinic"]
    phone = clinic["phone"] and phones.said(clinic["phone"], row["country"], None)
    entry = entry_of(
        row["id"],
        version=row["version"],
        changed_at=row["changed_at"],
        start=row["start"],
        end=row["end"],
        status=_STATUS.get(row["status"], "CONFIRMED"),
        clinic=clinic["name"],
        place=", ".join(filter(None, [clinic["name"], clinic["address"]])),
        told=[row["provider"], phone, settings().origin + link if link else None],
        language=locale_of(language, row["country"]).language,
    )
    return file_of(entry, "PUBLISH")


def answer(request: Request, file: bytes, **headers: str) -> Response:
    """The file with its ETag; 304 to who has it already."""
    etag = f'"{hashlib.sha256(file).hexdigest()[:32]}"'
    headers |= {"ETag": etag, "Cache-Control": "no-store"}
    known = [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
    if etag in known or known == ["*"]:
        return Response(status_code=304, headers=headers)
    named = {"Content-Disposition": 'attachment; filename="appointment.ics"'}
    return Response(file, 200, headers | named, f"{MEDIA_TYPE}; charset=utf-8; method=PUBLISH")
