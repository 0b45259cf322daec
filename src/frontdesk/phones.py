"""Phone numbers: kept as somebody typed them, said and dialled as whoever reads them has to dial.

A number without `+` is one of the country whose clinic it is known at. Countries are ISO 3166-1 alpha-2.
"""

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, ValidationResult


def said(number: str, country: str | None, reader: str | None) -> str:
    """`(212) 555-0123` to a reader in its own country, `+1 212-555-0123` to others (ITU-T E.123).

    As it was typed, when it is no whole number or nobody knows of which country.
    """
    known = _known(number, country)
    if known is None:
        return number
    # By the code, not the region: Canada and the United States dial each other as at home.
    home = reader is not None and phonenumbers.country_code_for_region(reader) == known.country_code
    form = PhoneNumberFormat.NATIONAL if home else PhoneNumberFormat.INTERNATIONAL
    return str(phonenumbers.format_number(known, form))


def link(number: str, country: str | None) -> str | None:
    """`tel:+1-212-555-0123` (RFC 3966): what dials it, from wherever. What is no whole number is dialled as it was
    typed, and None is what has no digits.
    """
    known = _known(number, country)
    if known is not None:
        return str(phonenumbers.format_number(known, PhoneNumberFormat.RFC3966))
    digits = "".join(sign for sign in number if sign in "+0123456789")
    return f"tel:{digits}" if digits else None


def _known(number: str, country: str | None) -> PhoneNumber | None:
    try:
        known = phonenumbers.parse(number, country)
    except NumberParseException:
        return None
    # By length alone: new ranges, and those kept free for drama, are in no list of valid numbers.
    whole = phonenumbers.is_possible_number_with_reason(known) == ValidationResult.IS_POSSIBLE
    return known if whole else None
