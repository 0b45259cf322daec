"""Access tokens: short-lived signed statements of who somebody is, checked without asking the database."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import jwt
from starlette.requests import Request

from frontdesk import clock, ids
from frontdesk.auth.permissions import Actor, Role
from frontdesk.errors import Unauthenticated

_ALGORITHM = "HS256"  # the only one accepted: a token that names another is refused
API, PAGES = "frontdesk-api", "frontdesk-pages"
"""What a token is for: the header of a program, or the cookie of a browser. Neither opens the other's door."""

_READ = "frontdesk.login"
"""In the scope of a request: the log-in that its token was found to say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """What an access token says."""

    user_id: UUID
    role: Role
    session_id: UUID
    patient_id: UUID | None
    provider_id: UUID | None
    clinic_ids: tuple[UUID, ...]
    guardian_id: UUID | None = None  # whose the session is, while it acts for `patient_id` (ADR-0031)
    acts_as: str | None = field(default=None, compare=False)  # the name of that patient, which pages tell
    expires_at: datetime | None = field(default=None, compare=False)  # of the token, when it was read from one


def write(login: Login, key: bytes, ttl: timedelta, audience: str = API) -> str:
    """A signed access token that expires after `ttl`."""
    at = clock.now()
    return jwt.encode(
        {
            "aud": audience,
            "iat": at,
            "exp": at + ttl,
            "sub": str(login.user_id),
            "sid": str(login.session_id),
            "role": login.role.value,
            "patient": str(login.patient_id) if login.patient_id else None,
            "provider": str(login.provider_id) if login.provider_id else None,
            "clinics": [str(clinic) for clinic in login.clinic_ids],
            **({"guardian": str(login.guardian_id)} if login.guardian_id else {}),
            **({"name": login.acts_as} if login.acts_as and audience == PAGES else {}),
        },
        key,
        algorithm=_ALGORITHM,
    )


def read(token: str, key: bytes, audience: str = API) -> Login:
    """What the token says. Raises Unauthenticated when it is expired, forged or not one of ours."""
    try:
        claims = jwt.decode(
            token, key, algorithms=[_ALGORITHM], audience=audience, options={"require": ["exp", "sub", "aud"]}
        )
        return Login(
            user_id=UUID(claims["sub"]),
            role=Role(claims["role"]),
            session_id=UUID(claims["sid"]),
            patient_id=UUID(claims["patient"]) if claims["patient"] else None,
            provider_id=UUID(claims["provider"]) if claims["provider"] else None,
            clinic_ids=tuple(UUID(clinic) for clinic in claims["clinics"]),
            guardian_id=UUID(claims["guardian"]) if "guardian" in claims else None,
            acts_as=claims.get("name"),
            expires_at=datetime.fromtimestamp(claims["exp"], UTC),
        )
    except jwt.ExpiredSignatureError as error:
        raise Unauthenticated("The access token has expired; refresh it or log in again.") from error
    except (
        jwt.PyJWTError,
        AttributeError,
        KeyError,
        TypeError,
        ValueError,
        OverflowError,
    ) as error:  # UUID(5): AttributeError
        raise Unauthenticated("The access token is not valid; log in again.") from error


def login_of(request: Request) -> Login | None:
    """The log-in of the request's bearer token, or None without one. Raises Unauthenticated for a bad one.

    A token is checked once a request, however often it is asked for.
    """
    if _READ in request.scope:
        known: Login | None = request.scope[_READ]
        return known
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if not scheme:
        return None
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("Send the access token as: Authorization: Bearer <token>.")
    login = request.scope[_READ] = read(token.strip(), request.app.state.keys.tokens)
    return login


def take(request: Request, login: Login | None) -> None:
    """From here on this request is that of `login`, whatever its header says."""
    request.scope[_READ] = login


def known(request: Request) -> Login | None:
    """Whose this request was found to be so far; None for nobody, or for what nobody has looked at."""
    login: Login | None = request.scope.get(_READ)
    return login


def caller_of(request: Request, *, lenient: bool = False) -> Actor:
    """Who sends this request with an access token or none, before any permission is looked at.

    Raises Unauthenticated for a bad or expired token; `lenient` takes its bearer for anonymous instead.
    """
    try:
        login = login_of(request)
    except Unauthenticated:
        if not lenient:
            raise
        login = None
    return actor_of(request, login)


def actor_of(request: Request, login: Login | None, scopes: frozenset[str] | None = None) -> Actor:
    """The bearer of `login`, or an anonymous caller; `scopes` are those of an API key."""
    address = request.app.state.keys.client(request.client.host if request.client else "")
    request_id: UUID = request.state.request_id
    if login is None:
        return Actor(user_id=ids.ANONYMOUS, role=Role.ANONYMOUS, request_id=request_id, address=address)
    return Actor(
        user_id=login.user_id,
        role=login.role,
        request_id=request_id,
        patient_id=login.patient_id,
        provider_id=login.provider_id,
        clinic_ids=login.clinic_ids,
        guardian_id=login.guardian_id,
        login=login.session_id,
        scopes=scopes,
        address=address,
    )
