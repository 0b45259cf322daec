"""What is typed into the forms of a booking: read, judged field by field, and kept when something is wrong with it."""

from dataclasses import dataclass, field
from typing import Annotated, Any, Self, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from frontdesk.portal.pages import page
from frontdesk.web.fields import BirthDate, Email, Name, Short, Text


class Filled(BaseModel):
    """A form; a field that was left empty was not filled in."""

    model_config = ConfigDict(str_strip_whitespace=True, extra="ignore", hide_input_in_errors=True)


def _dialled(value: str) -> str:
    if sum(digit.isdigit() for digit in value) < 6:
        raise ValueError("is no phone number")
    return value


class Reason(Filled):
    """Why the patient comes, if they say so."""

    reason: Text | None = None


class Details(Filled):
    """Who comes, without an account."""

    first_name: Name
    last_name: Name
    date_of_birth: BirthDate
    email: Email
    phone: Annotated[Short, AfterValidator(_dialled)]


class Code(Reason):
    """The six digits of the message; people copy them with spaces."""

    code: Annotated[str, BeforeValidator(lambda said: "".join(str(said).split())), Field(pattern=r"^[0-9]{6}$")]


@dataclass(frozen=True, slots=True)
class Typed:
    """What stands in the fields of a form, and which of them are wrong."""

    values: dict[str, str] = field(default_factory=dict)
    wrong: frozenset[str] = frozenset()

    @property
    def status(self) -> int:
        """Of the page that shows them."""
        return 422 if self.wrong else 200

    def but(self, *wrong: str) -> Self:
        """The same, with these fields wrong."""
        return type(self)(self.values, self.wrong | set(wrong))


F = TypeVar("F", bound=Filled)


async def read(request: Request, kind: type[F]) -> tuple[F | None, Typed]:
    """The form, None when something is wrong with it, and what was typed."""
    sent = await request.form()
    values = {name: value.strip() for name in kind.model_fields if isinstance(value := sent.get(name), str)}
    try:
        return kind.model_validate({name: value for name, value in values.items() if value}), Typed(values)
    except ValidationError as error:
        return None, Typed(values, frozenset(str(one["loc"][0]) for one in error.errors() if one["loc"]))


def see(path: str) -> Response:
    """After a POST the browser GETs a page: loading it again repeats nothing."""
    return RedirectResponse(path, 303, {"Cache-Control": "no-store"})


def own(request: Request, template: str, **told: Any) -> Response:
    """A page of one person, which nobody keeps."""
    response = page(request, template, **told)
    response.headers["Cache-Control"] = "no-store"
    return response
