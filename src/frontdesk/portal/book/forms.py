"""What is typed into the forms of a booking."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from starlette.responses import RedirectResponse, Response

from frontdesk.portal.forms import Phone
from frontdesk.web.fields import BirthDate, Email, Name, Text


class _Form(BaseModel):
    model_config = ConfigDict(str_strip_whitespace=True, extra="ignore", hide_input_in_errors=True)


class Reason(_Form):
    """Why the patient comes, or does not, if they say so."""

    reason: Text | None = None


class Details(_Form):
    """Who comes, without an account."""

    first_name: Name
    last_name: Name
    date_of_birth: BirthDate
    email: Email
    phone: Phone


class Code(Reason):
    """The six digits of the message; people copy them with spaces."""

    code: Annotated[str, BeforeValidator(lambda said: "".join(str(said).split())), Field(pattern=r"^[0-9]{6}$")]


def see(path: str) -> Response:
    """After a POST the browser GETs a page: loading it again repeats nothing."""
    return RedirectResponse(path, 303, {"Cache-Control": "no-store"})
