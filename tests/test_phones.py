"""Phone numbers as their readers read and dial them."""

import pytest

from frontdesk import phones


@pytest.mark.parametrize(
    ("number", "country", "reader", "said"),
    [
        ("0491 570 156", "AU", "AU", "0491 570 156"),
        ("0491570156", "AU", "DE", "+61 491 570 156"),
        ("+61491570156", None, "AU", "0491 570 156"),
        ("(212) 555-0123", "US", "ES", "+1 212-555-0123"),
        ("+1 212 555 0123", "AU", "CA", "(212) 555-0123"),  # one code, dialled alike
        ("+442079460018", "GB", None, "+44 20 7946 0018"),
        ("020 7946 0018 ext 5", "GB", "US", "+44 20 7946 0018 x5"),
    ],
)
def test_in_the_form_of_the_reader(number: str, country: str | None, reader: str | None, said: str) -> None:
    assert phones.said(number, country, reader) == said


@pytest.mark.parametrize(
    ("number", "country"),
    [("0491 570 156", None), ("555-0123", "US"), ("112", "DE"), ("ask Jim", "US"), ("", "US"), ("+999 1", "US")],
)
def test_what_is_no_whole_number_stays_as_it_was_typed(number: str, country: str | None) -> None:
    assert phones.said(number, country, "US") == number


@pytest.mark.parametrize(
    ("number", "country", "link"),
    [
        ("0491 570 156", "AU", "tel:+61-491-570-156"),
        ("020 7946 0018 ext 5", "GB", "tel:+44-20-7946-0018;ext=5"),
        ("555-0123", "US", "tel:5550123"),
        ("112", "DE", "tel:112"),
        ("ask Jim", "US", None),
        ('"><script>', "US", None),
        ("٠٤٩١٥٧٠١٥٦", "AU", "tel:+61-491-570-156"),
    ],
)
def test_what_a_tap_dials(number: str, country: str, link: str | None) -> None:
    assert phones.link(number, country) == link
