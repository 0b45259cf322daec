"""Eight clinics in five time zones, on both sides of the equator, and what they offer.

Telephone numbers come from the ranges that regulators keep free for drama, so that nobody's telephone rings.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Place:
    """A clinic and the town around it.

    `postcode` and `phone` hold `#` for a digit. `house` says how this country writes street and number.
    `cultures` says how likely a person of each language is; `rooms` how many of each kind there are.
    """

    key: str
    name: str
    time_zone: str
    country: str
    region: str
    address: str
    phone: str
    latitude: float
    longitude: float
    town: str
    house: str
    streets: tuple[str, ...]
    phones: str
    language: str
    cultures: Mapping[str, float]
    share: float  # of all patients
    rooms: Mapping[str, int] = field(
        default_factory=lambda: {"consultation": 6, "exam": 3, "procedure": 1, "treatment": 1, "therapy": 1}
    )


_US = ("Maple Street", "Oak Avenue", "Cedar Lane", "Washington Street", "Lake Street", "Park Avenue", "Elm Street")
_DE = ("Lindenstraße", "Gartenstraße", "Schillerstraße", "Bergstraße", "Goethestraße", "Am Markt", "Kastanienallee")
_USA = {"en": 40, "es": 18, "zh": 7, "hi": 7, "it": 6, "ar": 4, "vi": 5, "yo": 5, "pl": 3, "de": 2, "el": 2, "fr": 1}

PLACES: tuple[Place, ...] = (
    Place(
        "nyc", "Riverside Medical Center", "America/New_York", "US", "NY",
        "210 Riverside Walk, New York, NY 10024", "+1 212-555-0100", 40.7870, -73.9754,
        "New York, NY 100##", "{n} {street}", _US, "+1 212-555-01##", "en", _USA, 0.19,
        {"consultation": 7, "exam": 3, "procedure": 1, "treatment": 2, "therapy": 1, "urgent": 2},
    ),
    Place(
        "bos", "Harborview Clinic", "America/New_York", "US", "MA",
        "48 Harborview Street, Boston, MA 02110", "+1 617-555-0100", 42.3601, -71.0589,
        "Boston, MA 021##", "{n} {street}", _US, "+1 617-555-01##", "en", _USA, 0.12,
    ),
    Place(
        "chi", "Lakeshore Health", "America/Chicago", "US", "IL",
        "1500 Lakeshore Drive, Chicago, IL 60610", "+1 312-555-0100", 41.9035, -87.6298,
        "Chicago, IL 606##", "{n} {street}", _US, "+1 312-555-01##", "en", {**_USA, "pl": 14}, 0.14,
    ),
    Place(
        "aus", "Barton Creek Family Clinic", "America/Chicago", "US", "TX",
        "77 Barton Creek Road, Austin, TX 78704", "+1 512-555-0100", 30.2672, -97.7431,
        "Austin, TX 787##", "{n} {street}", _US, "+1 512-555-01##", "en", {**_USA, "es": 36}, 0.11,
    ),
    Place(
        "ber", "Praxis am Landwehrkanal", "Europe/Berlin", "DE", "BE",
        "Uferstraße 12, 10999 Berlin", "+49 30 23125 000", 52.4986, 13.4180,
        "10### Berlin", "{street} {n}", _DE, "+49 30 23125 ###", "de",
        {"de": 58, "tr": 16, "pl": 8, "ar": 7, "vi": 3, "el": 3, "it": 3, "en": 2}, 0.14,
    ),
    Place(
        "ham", "Ärztehaus Elbblick", "Europe/Berlin", "DE", "HH",
        "Elbuferweg 5, 22767 Hamburg", "+49 40 66969 000", 53.5459, 9.9400,
        "22### Hamburg", "{street} {n}", _DE, "+49 40 66969 ###", "de",
        {"de": 66, "tr": 11, "pl": 8, "ar": 5, "yo": 3, "es": 2, "en": 2}, 0.09,
    ),
    Place(
        "lon", "Canonbury Health Centre", "Europe/London", "GB", "ENG",
        "31 Canonbury Lane, London N1 2AS", "+44 20 7946 0000", 51.5450, -0.0990,
        "London N1 #AB", "{n} {street}",
        ("Church Road", "Station Road", "Victoria Terrace", "Mill Lane", "Albert Road", "Queen's Crescent"),
        "+44 20 7946 0###", "en", {"en": 56, "hi": 14, "pl": 6, "yo": 7, "ar": 5, "it": 3, "fr": 3, "el": 2}, 0.11,
    ),
    Place(
        "syd", "Bronte Beach Medical", "Australia/Sydney", "AU", "NSW",
        "9 Headland Parade, Bronte NSW 2024", "+61 2 5550 0000", -33.9040, 151.2660,
        "Sydney NSW 20##", "{n} {street}",
        ("Banksia Street", "Wattle Avenue", "Ocean Road", "Jacaranda Place", "Bay Street", "Macquarie Road"),
        "+61 2 5550 0###", "en", {"en": 58, "zh": 14, "vi": 8, "hi": 7, "el": 5, "it": 4, "ar": 4}, 0.10,
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class VisitKind:
    """A visit type. Field names are those of the table; lengths in minutes."""

    key: str
    name: str
    duration_min: int
    slot_step_min: int
    room_kind: str | None
    buffer_before_min: int = 0
    buffer_after_min: int = 0
    min_notice_min: int = 120
    horizon_days: int = 90
    max_per_day: int | None = None
    one_future_per_provider: bool = False
    mode: str = "in_person"
    self_bookable: bool = True


VISIT_KINDS: dict[str, VisitKind] = {
    kind.key: kind
    for kind in (
        VisitKind("new", "New patient visit", 30, 15, "consultation", min_notice_min=1440),
        VisitKind("follow", "Follow-up", 15, 15, "consultation"),
        VisitKind("long", "Extended consultation", 45, 15, "consultation", horizon_days=180),
        VisitKind(
            "physical", "Annual physical", 45, 15, "exam", buffer_after_min=15, min_notice_min=2880, horizon_days=365,
            max_per_day=4, one_future_per_provider=True,
        ),
        VisitKind("tele", "Telehealth visit", 15, 15, None, min_notice_min=30, horizon_days=60, mode="telehealth"),
        VisitKind("urgent", "Urgent visit", 20, 20, "urgent", min_notice_min=0, horizon_days=7),
        VisitKind(
            "procedure", "Minor procedure", 60, 30, "procedure", buffer_before_min=10, buffer_after_min=15,
            min_notice_min=4320, max_per_day=3, self_bookable=False,
        ),
        VisitKind("vaccine", "Vaccination", 15, 15, "treatment", horizon_days=120),
        VisitKind("therapy", "Psychotherapy session", 50, 60, "therapy", buffer_after_min=10, horizon_days=180),
        VisitKind("teletherapy", "Online therapy session", 50, 60, None, buffer_after_min=10, mode="telehealth"),
        VisitKind("physio", "Physiotherapy", 30, 30, "treatment", horizon_days=120),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Field:
    """A specialty: its credentials, what is booked there (weights) and the ages and gender it sees."""

    name: str
    credentials: tuple[str, ...]
    mix: Mapping[str, float]
    ages: tuple[int, int] = (16, 120)
    gender: str | None = None


_GENERAL = {"new": 14, "follow": 44, "long": 10, "tele": 14, "physical": 12, "vaccine": 6}
_SPECIAL = {"new": 26, "follow": 40, "long": 22, "tele": 12}
_SURGICAL = {"new": 24, "follow": 42, "long": 16, "procedure": 18}

FIELDS: dict[str, Field] = {
    field.name: field
    for field in (
        Field("Family Medicine", ("MD",), _GENERAL, (0, 120)),
        Field("Internal Medicine", ("MD", "PhD"), _GENERAL),
        Field("Pediatrics", ("MD",), {**_GENERAL, "vaccine": 20}, (0, 17)),
        Field("Urgent Care", ("MD",), {"urgent": 100}, (0, 120)),
        Field("Obstetrics and Gynecology", ("MD",), _SURGICAL, (14, 120), "female"),
        Field("Cardiology", ("MD", "PhD"), _SPECIAL, (25, 120)),
        Field("Dermatology", ("MD",), _SURGICAL, (4, 120)),
        Field("Orthopedics", ("MD",), _SURGICAL, (10, 120)),
        Field("Psychiatry", ("MD",), {"long": 50, "follow": 30, "tele": 20}),
        Field("Psychotherapy", ("PsyD",), {"therapy": 65, "teletherapy": 35}),
        Field("Neurology", ("MD", "PhD"), _SPECIAL, (18, 120)),
        Field("Endocrinology", ("MD",), _SPECIAL, (18, 120)),
        Field("Gastroenterology", ("MD",), _SURGICAL, (18, 120)),
        Field("Ophthalmology", ("MD",), {"new": 30, "follow": 60, "long": 10}, (3, 120)),
        Field("Ear, Nose and Throat", ("MD",), _SURGICAL, (3, 120)),
        Field("Physiotherapy", ("DPT",), {"physio": 100}, (10, 120)),
    )
}
