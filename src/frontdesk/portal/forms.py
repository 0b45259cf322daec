"""What a form of a page says, and which of its fields cannot be so."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ValidationError
from pydantic_core import ErrorDetails
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request

from frontdesk.errors import InvalidRequest, Problem, StaleVersion
from frontdesk.web.fields import Short

Model = TypeVar("Model", bound=BaseModel)


MOST_FIELDS = 20_000
"""Of a form. The largest is a week: 200 rows of 9 fields and their kinds of visits, of which a body holds no more."""


def _dialled(value: str) -> str:
    if sum(digit.isdigit() for digit in value) < 6:
        raise ValueError("is no phone number")
    return value


Phone = Annotated[Short, AfterValidator(_dialled)]
"""What somebody can dial. The API takes what the systems of others have kept."""


class Unreadable(InvalidRequest):
    """A form that is broken, or has more than MOST_FIELDS fields."""


async def whole(request: Request) -> FormData:
    """The form, with what comes several times. Raises Unreadable."""
    try:
        return await request.form(max_fields=MOST_FIELDS)
    except HTTPException as error:
        raise Unreadable(f"The form is broken, or has more than {MOST_FIELDS:,} fields.", why="unreadable") from error


async def sent(request: Request) -> dict[str, str]:
    """The fields of the form; a file, or what is no text, is left out. Of a name that comes twice, the last.

    Raises Unreadable."""
    return {name: value for name, value in (await whole(request)).items() if isinstance(value, str)}


class Fault(InvalidRequest):
    """What is wrong with one field, in the words of `read`, and found only when the form is carried out."""

    def __init__(self, name: str, kind: str) -> None:
        super().__init__()
        self.faults = {name: kind}


def code(sent: Mapping[str, str]) -> str:
    """The code in a form: apps show its digits in two groups, and so people type them."""
    return "".join(sent.get("code", "").split())


def unread(faults: Mapping[str, str]) -> Problem:
    """Of a form with these faults. Who does not say which version they saw may not have seen today's."""
    return StaleVersion() if "version" in faults else InvalidRequest()


def version(sent: Mapping[str, Any] | None, refused: Problem | None, today: int) -> Any:
    """The version for a form that is shown again: the one it was filled in upon, and today's once it is told that there
    is a newer one. Another fault does not take it along: what changed meanwhile would be overwritten unseen."""
    return sent["version"] if sent and sent["version"] and not isinstance(refused, StaleVersion) else today


def differing(sent: Mapping[str, str], kept: Mapping[str, str]) -> set[str]:
    """The fields in which a form says something else than what is kept."""
    return {name for name in kept if sent[name].replace("\r\n", "\n").strip() != kept[name]}


OF_PASSWORDS = {"string_too_long": "long", "Guessable": "guessed"}
"""More that `read` tells apart, for pages with a new password."""


def read(
    model: type[Model], fields: Mapping[str, Any], more: Mapping[str, str] | None = None
) -> tuple[Model | None, dict[str, str]]:
    """`fields` as `model`, those left empty left out; or None, and what is wrong by the name of the field: "missing",
    "short", what `more` calls it, or "wrong". The words for it are the page's."""
    try:
        return model.model_validate({name: value for name, value in fields.items() if value != ""}), {}
    except ValidationError as error:
        kinds = {"missing": "missing", "string_too_short": "short", **(more or {})}
        faults = error.errors(include_url=False, include_input=False)
        return None, {
            str(fault["loc"][0]) if fault["loc"] else "": kinds.get(_kind(fault), "wrong") for fault in faults
        }


def _kind(fault: ErrorDetails) -> str:
    """Pydantic's name for it, or that of our own error."""
    return type(fault["ctx"]["error"]).__name__ if fault["type"] == "value_error" else fault["type"]
