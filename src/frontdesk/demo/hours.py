"""Who works where and when: 60 posts, their weekly hours, and what happens beside them."""

from dataclasses import dataclass
from datetime import date, timedelta

from frontdesk.demo.draw import Draw

Rule = tuple[str, str, str]
"""Weekdays as ISO digits, then start and end in the clinic's local time: ("135", "09:00", "13:00")."""


@dataclass(frozen=True, slots=True)
class Hours:
    """Weekly rules at one clinic. Without a clinic: the post's own."""

    rules: tuple[Rule, ...]
    clinic: str | None = None
    interval_weeks: int = 1
    only: tuple[str, ...] = ()  # a carve-out for these visit kinds …
    release_hours: int | None = None  # … open to all so long before it starts
    from_day: int = -200  # days from the day of the fill
    until_day: int | None = None


@dataclass(frozen=True, slots=True)
class Post:
    """A place to work: the first one of a clinic and specialty is filled by the first provider made."""

    clinic: str
    specialty: str
    hours: tuple[Hours, ...]

    @property
    def clinics(self) -> list[str]:
        """Every clinic of this post, its own first."""
        return list(dict.fromkeys([self.clinic, *(h.clinic for h in self.hours if h.clinic)]))


def _weekly(*rules: Rule) -> tuple[Hours, ...]:
    return (Hours(rules),)


FULL = _weekly(("12345", "08:30", "12:00"), ("12345", "13:00", "16:30"))
SPLIT = _weekly(("1245", "09:00", "12:30"), ("124", "13:30", "17:00"))
MORNINGS = _weekly(("12345", "08:00", "12:00"))
AFTERNOONS = _weekly(("1234", "13:00", "18:00"))
THREE_DAYS = _weekly(("135", "09:00", "14:00"))
TWO_DAYS = _weekly(("24", "08:00", "12:00"), ("24", "14:00", "18:00"))
LATE = _weekly(("3", "12:00", "20:00"), ("25", "09:00", "13:00"))
SATURDAY = _weekly(("35", "09:00", "15:00"), ("6", "09:00", "13:00"))

URGENT_DAYS = _weekly(("1267", "10:00", "18:00"))
OVERNIGHT = _weekly(("567", "22:00", "06:00"))
EVERY_SECOND_WEEK = (Hours((("12", "09:00", "12:30"), ("12", "13:30", "17:00")), interval_weeks=2),)
TWO_CLINICS = (Hours((("12", "09:00", "15:00"),)), Hours((("4", "10:00", "16:00"),), clinic="bos"))
TWO_ZONES = (Hours((("12", "09:00", "14:00"),)), Hours((("4", "09:30", "15:30"),), clinic="chi"))
CHILDREN_CHECKS = (
    Hours((("1245", "08:30", "12:30"),)),
    Hours((("3", "13:00", "17:00"),), only=("physical", "vaccine"), release_hours=48),
)
CHANGES_SOON = (
    Hours((("1234", "08:00", "12:00"),), until_day=20),
    Hours((("1345", "12:00", "17:00"),), from_day=21),
)

_USUAL = (SPLIT, MORNINGS, THREE_DAYS, AFTERNOONS, TWO_DAYS, LATE, SATURDAY)


def _posts(clinic: str, *posts: str | tuple[str, tuple[Hours, ...]]) -> list[Post]:
    """Posts of a clinic; one that is only a specialty takes the next of the usual patterns."""
    made = []
    for number, post in enumerate(posts):
        specialty, hours = post if isinstance(post, tuple) else (post, _USUAL[(number + len(clinic)) % len(_USUAL)])
        made.append(Post(clinic, specialty, hours))
    return made


POSTS: tuple[Post, ...] = (
    *_posts("nyc", ("Family Medicine", FULL), "Family Medicine", "Internal Medicine", "Pediatrics",
            ("Urgent Care", OVERNIGHT), ("Urgent Care", URGENT_DAYS), ("Cardiology", TWO_CLINICS),
            ("Neurology", TWO_ZONES), "Psychiatry", "Obstetrics and Gynecology", "Dermatology"),
    *_posts("bos", "Internal Medicine", "Family Medicine", "Pediatrics", "Orthopedics", "Endocrinology",
            ("Psychotherapy", TWO_DAYS), "Ear, Nose and Throat"),
    *_posts("chi", "Family Medicine", "Internal Medicine", ("Pediatrics", CHILDREN_CHECKS), "Gastroenterology",
            "Obstetrics and Gynecology", "Physiotherapy", "Ophthalmology", "Psychiatry"),
    *_posts("aus", ("Family Medicine", CHANGES_SOON), "Family Medicine", "Pediatrics", "Internal Medicine",
            "Dermatology", "Physiotherapy", "Orthopedics"),
    *_posts("ber", "Family Medicine", "Internal Medicine", "Pediatrics", "Neurology", ("Psychotherapy", AFTERNOONS),
            "Obstetrics and Gynecology", "Ophthalmology", "Family Medicine"),
    *_posts("ham", "Family Medicine", "Internal Medicine", "Cardiology", "Orthopedics", "Ear, Nose and Throat",
            "Pediatrics"),
    *_posts("lon", "Family Medicine", "Family Medicine", "Endocrinology", "Pediatrics", ("Psychotherapy", SPLIT),
            "Physiotherapy", "Gastroenterology"),
    *_posts("syd", "Family Medicine", "Internal Medicine", ("Dermatology", EVERY_SECOND_WEEK), "Pediatrics",
            "Obstetrics and Gynecology", "Physiotherapy"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Away:
    """An exception in local time of `clinic`: all of the days `first` to `last`, or between two clock times."""

    kind: str
    clinic: str
    first: date
    last: date
    status: str
    reason: str
    clock: tuple[str, str] | None = None


_TIME_OFF = ("Annual leave", "Conference", "Training course", "Family matter", "Examination duty")


def exceptions(draw: Draw, post: Post, today: date) -> list[Away]:
    """What this provider has beside the weekly hours, around `today`: leave, and now and then a Saturday."""
    found = []
    if draw.chance(0.45):
        first = today + timedelta(days=draw.whole(-40, 60))
        last = first + timedelta(days=draw.whole(0, 6))
        found.append(Away("time_off", post.clinic, first, last, "approved", draw.one(_TIME_OFF)))
    if draw.chance(0.2):
        first = today + timedelta(days=draw.whole(15, 80))
        status = "declined" if draw.chance(0.3) else "requested"
        found.append(Away("time_off", post.clinic, first, first + timedelta(days=4), status, draw.one(_TIME_OFF)))
    if draw.chance(0.2) and not any("6" in weekdays for hours in post.hours for weekdays, *_ in hours.rules):
        saturday = today + timedelta(days=5 - today.weekday() + 7 * draw.whole(-4, 5))
        found.append(
            Away("extra_session", post.clinic, saturday, saturday, "approved", "Saturday clinic", ("09:00", "12:00"))
        )
    return found


def open_today(post: Post, today: date) -> list[Away]:
    """Extra sessions that give the demo's own provider a day to show on a weekend.

    `today` is the day in UTC, and west of Greenwich it may still be the day before.
    """
    return [
        Away("extra_session", post.clinic, day, day, "approved", "Weekend clinic", ("08:30", "16:30"))
        for day in (today - timedelta(days=1), today)
        if day.isoweekday() > 5
    ]
