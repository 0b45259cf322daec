"""What log-in and user management are asked, and what they answer."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    Secret,
    StringConstraints,
    ValidationInfo,
    field_validator,
)

from frontdesk.auth.policy import MAX_LENGTH, MIN_LENGTH, Guessable, weakness
from frontdesk.web.fields import BirthDate, Body, Email, Flag, Name, Number

AccountRole = Literal["patient", "provider", "staff", "admin"]


def _typeable(value: str) -> str:
    if "\x00" in value:
        raise ValueError("must not contain a NUL character")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("must be text") from None  # its own message would repeat the password
    return value


# Not stripped, whatever the body does: spaces belong to a password, at its ends too.
_Typed = Annotated[
    str, StringConstraints(strip_whitespace=False, min_length=1, max_length=MAX_LENGTH), AfterValidator(_typeable)
]
_Chosen = Annotated[
    str,
    StringConstraints(strip_whitespace=False, min_length=MIN_LENGTH, max_length=MAX_LENGTH),
    AfterValidator(_typeable),
]
Password = Annotated[Secret[_Typed], Field(json_schema_extra={"format": "password"})]
NewPassword = Annotated[Secret[_Chosen], Field(json_schema_extra={"format": "password"})]
ClinicIds = Annotated[list[UUID], Field(max_length=1000)]


class _Secretive(Body):
    """A body with a password: its errors do not repeat what was sent."""

    model_config = ConfigDict(hide_input_in_errors=True)


class _Choosing(_Secretive):
    """A body with a new password. It stands after the fields that say whose it is: what others know is refused."""

    @field_validator("password", check_fields=False)
    @classmethod
    def _not_guessed_first(cls, value: Secret[str] | None, info: ValidationInfo) -> Secret[str] | None:
        about = (info.data.get(name) for name in ("email", "first_name", "last_name"))
        fault = value and weakness(value.get_secret_value(), *about)
        if fault:
            raise Guessable(fault)
        return value


class Registration(_Choosing):
    """A patient opens an account of their own. There is no role to choose."""

    email: Email
    first_name: Name
    last_name: Name
    password: NewPassword
    date_of_birth: BirthDate
    phone: Name | None = None
    gender: Name | None = None


class LogIn(BaseModel):
    """The form of the OAuth2 password grant (RFC 6749 §4.3.2); `username` is the e-mail address.

    `code` is one of the authenticator app, or a recovery code, for those who have a second factor and give it at once.
    Other fields (scope, client_id, client_secret) are what OAuth2 clients send and are not looked at.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    grant_type: Literal["password", ""] = ""
    username: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=254, pattern=r"^[^\x00]*$")
    ]
    password: Password
    code: Annotated[str, StringConstraints(strip_whitespace=True, max_length=40, pattern=r"^[0-9A-Za-z -]*$")] = ""


class Refresh(_Secretive):
    """The newest refresh token of a session."""

    refresh_token: Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Tokens(BaseModel):
    """`access_token` goes into the Authorization header for `expires_in` seconds; `refresh_token` works once."""

    access_token: str
    refresh_token: str
    token_type: Literal["bearer"]
    expires_in: int


class User(BaseModel):
    """Somebody who logs in. The phone that is verified is that of the linked patient or provider."""

    id: UUID
    email: str
    role: AccountRole
    patient_id: UUID | None
    provider_id: UUID | None
    clinic_ids: list[UUID]
    may_report: bool
    active: bool
    version: int
    created_at: datetime
    changed_at: datetime
    email_verified_at: datetime | None
    phone_verified_at: datetime | None


class Users(BaseModel):
    """One page of users, in the order of their creation."""

    items: list[User]
    next_cursor: str | None


class Unlinked(ValueError):
    """The account of a patient or a provider without its record."""


class NewUser(_Choosing):
    """An account made by an admin. A patient needs `patient_id`, a provider `provider_id`."""

    email: Email
    password: NewPassword
    role: AccountRole
    patient_id: Annotated[UUID | None, Field(validate_default=True)] = None
    provider_id: Annotated[UUID | None, Field(validate_default=True)] = None
    clinic_ids: ClinicIds = Field(default_factory=list)
    may_report: Flag = False

    @field_validator("patient_id", "provider_id")
    @classmethod
    def _linked(cls, value: UUID | None, info: ValidationInfo) -> UUID | None:
        role = info.data.get("role")
        if value is None and info.field_name == f"{role}_id":
            raise Unlinked(f"a user with the role {role} needs {role}_id")
        return value


class ChangeUser(_Choosing):
    """What an admin changes about an account; what is left out stays. `clinic_ids` replaces the whole set."""

    email: Email | None = None
    password: NewPassword | None = None
    role: AccountRole | None = None
    patient_id: UUID | None = None
    provider_id: UUID | None = None
    clinic_ids: ClinicIds | None = None
    may_report: Flag | None = None
    active: Flag | None = None
    version: Annotated[int, Number] | None = None

    @field_validator("email", "password", "role", "clinic_ids", "may_report", "active")
    @classmethod
    def _has_a_value(cls, value: Any) -> Any:
        if value is None:
            raise ValueError("cannot be null; leave it out to keep it")
        return value


class Session(BaseModel):
    """One log-in on one device; `current` is the one that asks. In one with `acts_for` a guardian acts for them."""

    id: UUID
    acts_for: UUID | None
    created_at: datetime
    refreshed_at: datetime | None
    expires_at: datetime
    current: bool


class Sessions(BaseModel):
    """One page of sessions, oldest first."""

    items: list[Session]
    next_cursor: str | None


class ChangePassword(_Secretive):
    """A new password, by somebody who knows the old one."""

    old_password: Password
    new_password: NewPassword


class AskReset(Body):
    """Whose password is forgotten."""

    email: Email


class ResetPassword(_Secretive):
    """The token of the link that was sent, and the password to set."""

    token: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    password: NewPassword


Channel = Literal["email", "phone"]


class AskCode(Body):
    """What to verify: the e-mail address of the account, or the phone number of its patient or provider."""

    channel: Channel


class ConfirmCode(_Secretive):
    """The code that was sent."""

    channel: Channel
    code: Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")]


class CodeSent(BaseModel):
    """A code is on its way. It works once, until `expires_at`, and survives four wrong tries."""

    channel: Channel
    expires_at: datetime


class AskAddress(_Secretive):
    """The e-mail address to log in by from now on, and the password of now."""

    email: Email
    password: Password


class ConfirmAddress(_Secretive):
    """The code that was sent to the new address."""

    code: Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")]


class AddressAsked(BaseModel):
    """A code is on its way to the new address. It works once, until `expires_at`, and survives four wrong tries."""

    expires_at: datetime


class Done(BaseModel):
    """It was done, in words."""

    detail: str
