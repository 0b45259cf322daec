"""Errors are facts with a status, answered as RFC 9457 `application/problem+json`. A constraint knows its error.

Every slug has a page under docs/problems; a test says so.
"""

from typing import Any, ClassVar

import psycopg


class Problem(Exception):
    """Something the caller should know. `detail` says what to do; `extra` is merged into the answer."""

    status: ClassVar[int] = 500
    slug: ClassVar[str] = "internal"
    title: ClassVar[str] = "Something went wrong on our side"

    def __init__(self, detail: str | None = None, /, *, headers: dict[str, str] | None = None, **extra: Any) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.headers = headers or {}
        self.extra = extra

    def body(self) -> dict[str, Any]:
        """The problem document (RFC 9457 §3)."""
        document: dict[str, Any] = {"type": f"/problems/{self.slug}", "title": self.title, "status": self.status}
        if self.detail:
            document["detail"] = self.detail
        return document | self.extra


class InvalidRequest(Problem):
    """The request itself is malformed; `errors` lists each field and what is wrong with it."""

    status, slug, title = 422, "invalid-request", "The request is not valid"


class Unauthenticated(Problem):
    """No log-in, or one that is no longer valid."""

    status, slug, title = 401, "unauthenticated", "Log in first"

    def __init__(self, detail: str | None = None, /, **extra: Any) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": "Bearer"}, **extra)


class Forbidden(Problem):
    """The role does not allow this, and the existence of the thing is no secret."""

    status, slug, title = 403, "forbidden", "Not allowed"


class NotFound(Problem):
    """There is no such thing, or none that the caller may see."""

    status, slug, title = 404, "not-found", "Not found"


class Conflict(Problem):
    """What is there already does not allow it."""

    status, slug, title = 409, "conflict", "In conflict with what is there"


class StaleVersion(Problem):
    """Somebody else changed it since it was read; `version` is today's."""

    status, slug, title = 412, "stale-version", "Changed by somebody else meanwhile"


class TooLarge(Problem):
    """The body is larger than any request here needs."""

    status, slug, title = 413, "too-large", "Content Too Large"


class Busy(Problem):
    """The database is out of reach or overloaded; nothing was changed."""

    status, slug, title = 503, "busy", "Try again in a moment"

    def __init__(self, detail: str | None = None, /, **extra: Any) -> None:
        super().__init__(detail, headers={"Retry-After": "1"}, **extra)


BY_CONSTRAINT: dict[str, tuple[type[Problem], str, dict[str, Any]]] = {}
"""What the violation of a named constraint means. Each domain adds its own beside its service."""


def register(constraint: str, problem: type[Problem], detail: str, **extra: Any) -> None:
    """Say which Problem a violated constraint is, by its name, never by the text of the error."""
    BY_CONSTRAINT[constraint] = (problem, detail, extra)


def from_database(error: psycopg.Error) -> Problem | None:
    """The Problem behind a database error, or None when it is a fault of ours."""
    named = BY_CONSTRAINT.get(error.diag.constraint_name or "")
    if named:
        problem, detail, extra = named
        return problem(detail, **extra)
    if isinstance(error, psycopg.errors.ForeignKeyViolation):
        if "delete" in (error.diag.message_primary or "").split(" on table ")[0]:
            return Conflict("Something still refers to it; deactivate it instead.")
        return InvalidRequest("It refers to something that does not exist.")
    if isinstance(error, psycopg.errors.QueryCanceled | psycopg.errors.LockNotAvailable):
        return Busy("The request took too long and was given up; nothing was changed.")
    if isinstance(error, psycopg.OperationalError):
        return Busy("The database cannot be reached at the moment.")
    return None
