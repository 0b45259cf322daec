"""The people of the demo: 60 providers in their posts and 2,000 patients around eight clinics."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from unicodedata import normalize
from uuid import UUID

from psycopg.types.json import Jsonb

from frontdesk.demo.draw import Draw
from frontdesk.demo.hours import POSTS, Post
from frontdesk.demo.names import CULTURES, RELATIONS, Culture
from frontdesk.demo.places import FIELDS, PLACES, Field, Place
from frontdesk.demo.texts import BIOS, INSURERS

PATIENTS = 2_000

# Rough shape of the ages that a clinic group sees: (youngest, oldest) and weight.
_AGES: Mapping[tuple[int, int], float] = {
    (0, 5): 10,
    (6, 17): 16,
    (18, 39): 27,
    (40, 64): 28,
    (65, 79): 14,
    (80, 95): 5,
}

_ASCII = str.maketrans({"ß": "ss", "ä": "ae", "ö": "oe", "ü": "ue", "ł": "l", "ı": "i", "đ": "d", "Đ": "D", "ø": "o"})


@dataclass(frozen=True, slots=True)
class Person:
    """What a provider and a patient have in common. `language` is BCP 47."""

    id: UUID
    gender: str
    first_name: str
    last_name: str
    born_on: date
    language: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Provider(Person):
    post: Post
    field: Field
    number: int
    accepting: bool
    columns: tuple[Any, ...]  # title … phone, in the order of the statement `copy_provider`


@dataclass(frozen=True, slots=True)
class Patient(Person):
    place: Place
    columns: tuple[Any, ...]  # email … preferences, in the order of the statement `copy_patient`

    def age(self, on: date) -> int:
        """Whole years on that day."""
        return on.year - self.born_on.year - ((on.month, on.day) < (self.born_on.month, self.born_on.day))


def providers(draw: Draw, at: datetime) -> list[Provider]:
    """One provider for each post, in the order of POSTS."""
    places = {place.key: place for place in PLACES}
    return [_provider(draw, at, number, post, places[post.clinic]) for number, post in enumerate(POSTS)]


def patients(draw: Draw, at: datetime) -> list[Patient]:
    """PATIENTS people, each living near one clinic, as many at each as its share says."""
    share = {place.key: place.share for place in PLACES}
    places = {place.key: place for place in PLACES}
    return [_patient(draw, at, number, places[draw.weighted(share)]) for number in range(PATIENTS)]


def _provider(draw: Draw, at: datetime, number: int, post: Post, place: Place) -> Provider:
    culture = CULTURES[draw.weighted(place.cultures)]
    gender, first, last = _name(draw, culture)
    age = draw.whole(31, 66)
    field = FIELDS[post.specialty]
    years = max(2, age - 29 - draw.whole(0, 4))
    german = place.language == "de"
    title = "Dr." if german or "PhD" in field.credentials else None
    credentials = list(field.credentials) if draw.chance(0.5) else [field.credentials[0]]
    languages = list(dict.fromkeys([place.language, culture.language, *draw.some(("en", "es", "fr"), 0, 1)]))
    bio = draw.one(BIOS).format(name=f"Dr. {last}", field=post.specialty.lower(), years=years)
    created_at = at - timedelta(days=draw.whole(200, 900))
    return Provider(
        draw.id(created_at), gender, first, last, _birthday(draw, at, age), culture.language, created_at,
        post, field, number, number == 0 or draw.chance(0.85),
        (
            title, credentials, f"{place.country}-{place.region}-{draw.whole(1000, 9999)}{number:02}", bio, languages,
            _email(first, last, "clinic.test"), place.phone,
        ),
    )  # fmt: skip


def _patient(draw: Draw, at: datetime, number: int, place: Place) -> Patient:
    culture = CULTURES[draw.weighted(place.cultures)]
    gender, first, last = _name(draw, culture)
    low, high = draw.weighted(_AGES)
    age = draw.whole(low, high)
    born_on = _birthday(draw, at, age)
    known_days = min(draw.whole(60, 1500), (at.date() - born_on).days - 1)  # nobody is on file before they are born
    created_at = at - timedelta(days=known_days, minutes=draw.whole(0, 600))
    language = culture.language if draw.chance(0.3) else place.language
    insurers = INSURERS[place.country]
    insurer = draw.one(insurers) if insurers and draw.chance(0.9) else None
    member = f"{draw.whole(10**8, 10**9 - 1)}" if insurer else None
    # Children are reached through a parent of the same surname; nine of ten people have left an address to write to.
    mail_name = draw.one(culture.women) if age < 14 else first
    email = _email(mail_name, last, "mail.test", number) if draw.chance(0.9) else None
    contact = None
    if age < 18 or draw.chance(0.6):
        relation = draw.one(("mother", "father")) if age < 18 else draw.one(RELATIONS)
        contact_gender = {"mother": "female", "sister": "female", "daughter": "female"}.get(relation, "male")
        given = draw.one(culture.women if contact_gender == "female" else culture.men)
        contact = Jsonb({"name": f"{given} {last}", "phone": _digits(draw, place.phones), "relation": relation})
    return Patient(
        draw.id(created_at), gender, first, last, born_on, language, created_at, place,
        (
            email, _digits(draw, place.phones), _address(draw, place), insurer, member, contact,
            Jsonb(_preferences(draw)), f"EHR-{number:06}" if draw.chance(0.4) else None,
        ),
    )  # fmt: skip


def _name(draw: Draw, culture: Culture) -> tuple[str, str, str]:
    """Gender, given name and surname."""
    if draw.chance(0.52):
        first, last = draw.one(culture.women), draw.one(culture.families)
        return "female", first, f"{last[:-1]}a" if culture.language == "pl" and last.endswith("ski") else last
    return "male", draw.one(culture.men), draw.one(culture.families)


def _birthday(draw: Draw, at: datetime, age: int) -> date:
    """A birthday of someone who is `age` at `at`, give or take a day around the world."""
    return (at - timedelta(days=int(age * 365.25) + draw.whole(2, 363))).date()


def _email(first: str, last: str, domain: str, number: int | None = None) -> str:
    """An address under .test (RFC 2606): nothing sent to it ever arrives anywhere."""
    plain = normalize("NFKD", f"{first}.{last}".lower().translate(_ASCII)).encode("ascii", "ignore").decode()
    return f"{plain}{'' if number is None else f'.{number}'}@{domain}"


def _digits(draw: Draw, pattern: str) -> str:
    return "".join(str(draw.whole(0, 9)) if letter == "#" else letter for letter in pattern)


def _address(draw: Draw, place: Place) -> str:
    house = place.house.format(n=draw.whole(1, 190), street=draw.one(place.streets))
    return f"{house}, {_digits(draw, place.town)}"


def _preferences(draw: Draw) -> dict[str, Any]:
    found: dict[str, Any] = {"channels": draw.some(("email", "sms", "push"), 1, 2)}
    if draw.chance(0.3):
        found["weekdays"] = draw.some((1, 2, 3, 4, 5), 2, 3)
    if draw.chance(0.4):
        found["time_of_day"] = draw.one(("morning", "afternoon", "evening"))
    return found
