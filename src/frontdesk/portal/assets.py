"""Styles and scripts of the pages: read once, packed once, and served under a name that changes with the content.

Ours lie in `own/`. `static/` is what `make` copies from npm; without it every page works, and none updates by itself.
"""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType

from starlette.requests import Request
from starlette.responses import Response

from frontdesk.errors import NotFound

_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "png": "image/png",
}
_FOLDERS = ("own", "static")
_FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file; `name` holds a digest of its content."""

    name: str
    kind: str
    body: bytes
    packed: bytes

    @property
    def url(self) -> str:
        """Where browsers find it."""
        return f"/static/{self.name}"


@cache
def assets() -> MappingProxyType[str, Asset]:
    """All files by the names they have in their folders."""
    found: dict[str, Asset] = {}
    for folder in _FOLDERS:
        place = resources.files(__package__).joinpath(folder)
        for file in place.iterdir() if place.is_dir() else ():
            stem, _, ending = file.name.rpartition(".")
            if stem and ending in _TYPES:
                body = file.read_bytes()
                name = f"{stem}.{hashlib.sha256(body).hexdigest()[:16]}.{ending}"
                found[file.name] = Asset(name, _TYPES[ending], body, gzip.compress(body, 9, mtime=0))
    return MappingProxyType(found)


@cache
def _by_name() -> dict[str, Asset]:
    return {asset.name: asset for asset in assets().values()}


def url(file: str) -> str | None:
    """The address of a file by the name it has in its folder; None when it was not copied."""
    asset = assets().get(file)
    return asset.url if asset else None


def serve(name: str, request: Request) -> Response:
    """The file with this name, packed for whoever unpacks. Raises NotFound; that includes names of former contents."""
    asset = _by_name().get(name)
    if asset is None:
        raise NotFound("There is no such file.")
    headers = {"Cache-Control": _FOR_EVER, "ETag": f'"{asset.name}"', "Vary": "Accept-Encoding"}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response(*packed(asset.body, request, headers, asset.packed), media_type=asset.kind)


def packed(
    body: bytes, request: Request, headers: dict[str, str], already: bytes | None = None
) -> tuple[bytes, int, dict[str, str]]:
    """`body` with status and headers of a 200, packed if the caller says that it unpacks gzip."""
    codings = {part.partition(";")[0].strip(): part for part in request.headers.get("accept-encoding", "").split(",")}
    if "gzip" not in codings or codings["gzip"].replace(" ", "").endswith(";q=0"):
        return body, 200, headers
    return already or gzip.compress(body, 5, mtime=0), 200, headers | {"Content-Encoding": "gzip"}
