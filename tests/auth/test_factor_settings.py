"""Settings of second factors that cannot be meant."""

import pytest
from pydantic import ValidationError

from frontdesk.settings import Settings


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        (None, "http://localhost:8000"),
        ("https://frontdesk.example.org/", "https://frontdesk.example.org"),
        ("https://frontdesk.example.org:8443", "https://frontdesk.example.org:8443"),
        ("http://localhost:9000", "http://localhost:9000"),
    ],
)
def test_where_browsers_find_us(url: str | None, origin: str) -> None:
    assert Settings(port=8000, public_url=url).origin == origin


@pytest.mark.parametrize(
    "url",
    [
        "frontdesk.example.org",
        "http://frontdesk.example.org",
        "https://192.0.2.7",
        "https://[2001:db8::1]",
        "https://frontdesk.example.org/book",
        "https://frontdesk.example.org?x=1",
        "https://who@frontdesk.example.org",
        "https://",
        "ftp://localhost",
    ],
)
def test_where_they_cannot(url: str) -> None:
    with pytest.raises(ValidationError):
        Settings(public_url=url)


def test_which_roles_need_a_second_factor() -> None:
    some = Settings(second_factor_roles="admin, staff")
    assert {role for role in ("patient", "provider", "staff", "admin") if some.needs_second_factor(role)} == {
        "admin",
        "staff",
    }
    assert not Settings().needs_second_factor("admin")
    for wrong in ("root", "admin;staff", "anonymous"):
        with pytest.raises(ValidationError):
            Settings(second_factor_roles=wrong)
