"""Names of the file become providers, clinics and visit types: those that are there, else new ones."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from frontdesk import clock, db, ids
from frontdesk.auth.permissions import Actor
from frontdesk.db import Connection
from frontdesk.imports.refusals import Code, ImportStopped, Refusal, Unfit
from frontdesk.imports.rows import Local, Patient, Row, check_length, status_at
from frontdesk.imports.zones import zone_of_offset
from frontdesk.sql import load

q = load(__package__, "directory.sql")

PLACEHOLDER = "imported: "
"""Begins the licence number of a provider of whom only the name is known; the name follows."""

VISIT_TYPE = "Imported visit"
"""For rows that name no visit type."""

Kind = Literal["provider", "clinic", "visit type"]
_FIND: dict[Kind, str] = {
    "provider": q.find_providers,
    "clinic": q.find_clinics,
    "visit type": q.find_visit_types,
}
_VISIT_MIN = 15  # of that visit type; one that a row names is as long as the first such row, in whole minutes
_MOST_REMEMBERED = 10_000  # names; a file with more than that asks again now and then


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What the operator says for all rows. A provider or clinic given here goes before what a row names."""

    provider: str | None = None
    clinic: str | None = None
    time_zone: str | None = None  # IANA; of starts without offset, and of a clinic that is made


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A row whose names and times are known. `start` and `end` are aware, in the file's offset where it gives one."""

    line: int
    provider_id: UUID
    clinic_id: UUID
    visit_type_id: UUID
    patient: Patient
    start: datetime
    end: datetime
    status: str
    reason: str | None
    external_id: str | None


@dataclass(frozen=True, slots=True)
class _Found:
    id: UUID
    time_zone: str | None


class Directory:
    """Finds and makes, each name once. Writes in transactions of its own, so that no batch waits for another's."""

    def __init__(self, conn: Connection, actor: Actor, defaults: Defaults) -> None:
        self._conn, self._actor, self._defaults = conn, actor, defaults
        self._known: dict[Kind, dict[str, _Found | None]] = {"provider": {}, "clinic": {}, "visit type": {}}
        self._linked: set[tuple[UUID, UUID]] = set()
        self.made: Counter[str] = Counter()

    async def check_defaults(self) -> None:
        """Raises ImportStopped when an option names nothing, or more than one."""
        zone = self._defaults.time_zone
        if zone is not None:
            row = await db.one(self._conn, q.zone_exists, zone=zone)
            if not (row and row["yes"]):
                raise ImportStopped(f"--time-zone: {zone!r} is no IANA time zone")
        given: list[tuple[Kind, str | None]] = [
            ("provider", self._defaults.provider),
            ("clinic", self._defaults.clinic),
        ]
        for kind, name in given:
            if name is None:
                continue
            await self._look_up(kind, [name])
            try:
                found = self._get(kind, name)
            except Unfit as unfit:
                raise ImportStopped(f"--{kind}: {unfit.detail}") from None
            if found is None:
                raise ImportStopped(f"--{kind}: there is no {kind} of this id or exact name")

    async def place(self, rows: list[Row]) -> list[Placed | Refusal]:
        """The rows with ids and instants, in their order; what they name and nobody has made yet is made."""
        for known in self._known.values():
            if len(known) > _MOST_REMEMBERED:
                known.clear()
        await self._look_up("provider", [name for row in rows if (name := self._provider(row))])
        await self._look_up("clinic", [name for row in rows if (name := self._clinic_named(row))])
        await self._look_up("visit type", [row.visit_type or VISIT_TYPE for row in rows])
        outcomes: dict[int, Placed | Refusal] = {}
        timed = []
        for row, start, end in await self._instants(rows, outcomes):
            try:
                timed.append(self._judge(row, start, end))
            except Unfit as unfit:
                outcomes[row.line] = Refusal(row.line, unfit.code, unfit.detail)
        await self._make_missing(timed)
        for item in timed:
            try:
                outcomes[item.row.line] = self._placed(item)
            except Unfit as unfit:
                outcomes[item.row.line] = Refusal(item.row.line, unfit.code, unfit.detail)
        await self._link([each for each in outcomes.values() if isinstance(each, Placed)])
        return [outcomes[row.line] for row in rows]

    async def _instants(
        self, rows: list[Row], outcomes: dict[int, Placed | Refusal]
    ) -> list[tuple[Row, datetime, datetime]]:
        """Each row with its start and end as instants; rows whose local time has no instant go to `outcomes`."""
        zones: dict[int, str] = {}
        for row in rows:
            if isinstance(row.start, str) or isinstance(row.end, str):
                try:
                    zones[row.line] = self._zone(row)
                except Unfit as unfit:
                    outcomes[row.line] = Refusal(row.line, unfit.code, unfit.detail)
        local = [
            (moment, zones[row.line])
            for row in rows
            if row.line in zones
            for moment in (row.start, row.end)
            if isinstance(moment, str)
        ]
        found = {}
        if local:
            parameters = {"locals": [moment for moment, _ in local], "zones": [zone for _, zone in local]}
            answers = await db.many(self._conn, q.instants, **parameters)
            found = dict(zip(local, (answer["at"] for answer in answers), strict=True))

        def instant(row: Row, moment: datetime | Local) -> datetime | None:
            return found[moment, zones[row.line]] if isinstance(moment, str) else moment

        timed = []
        for row in rows:
            if row.line in outcomes:
                continue
            start = instant(row, row.start)
            end = instant(row, row.end) if row.end is not None else start and start + (row.length or timedelta(0))
            if start is None or end is None:
                detail = f"{'start' if start is None else 'end'}: the clocks skip this local time"
                outcomes[row.line] = Refusal(row.line, Code.SKIPPED_HOUR, detail)
            else:
                timed.append((row, start, end))
        return timed

    def _zone(self, row: Row) -> str:
        """The zone of a row's local times: the one the operator gives, else its clinic's."""
        name = self._clinic_named(row)
        clinic = self._get("clinic", name) if name else None
        zone = self._defaults.time_zone or (clinic.time_zone if clinic else None)
        if zone is None:
            raise Unfit(Code.NO_OFFSET, "a time without offset; give --time-zone, or the clinic whose zone it is in")
        return zone

    def _judge(self, row: Row, start: datetime, end: datetime) -> "_Timed":
        """Raises Unfit for a row that cannot be placed, before anything is made for it."""
        check_length(end - start)
        status = status_at(row.status, start, end, clock.now())
        provider = self._provider(row)
        if provider is None:
            raise Unfit(Code.MISSING, "provider is empty")
        self._known_or_new("provider", provider)
        self._known_or_new("visit type", row.visit_type or VISIT_TYPE)
        named = self._clinic_named(row)
        if named is not None and self._known_or_new("clinic", named):
            return _Timed(row, start, end, status, provider, named, None)
        zone = self._defaults.time_zone or zone_of_offset(start)
        return _Timed(row, start, end, status, provider, named or f"Imported visits ({zone})", zone)

    def _placed(self, item: "_Timed") -> Placed:
        row = item.row
        return Placed(
            line=row.line,
            provider_id=self._id("provider", item.provider),
            clinic_id=self._id("clinic", item.clinic),
            visit_type_id=self._id("visit type", row.visit_type or VISIT_TYPE),
            patient=row.patient,
            start=item.start,
            end=item.end,
            status=item.status,
            reason=row.reason,
            external_id=row.external_id,
        )

    def _provider(self, row: Row) -> str | None:
        return self._defaults.provider or row.provider

    def _clinic_named(self, row: Row) -> str | None:
        return self._defaults.clinic or row.clinic

    # -- what is known, and what is made ---------------------------------------------------------------------------

    def _get(self, kind: Kind, name: str) -> _Found | None:
        """What the name means; None: nothing yet. Raises Unfit when it means several."""
        found = self._known[kind][name]
        if found is _SEVERAL:
            raise Unfit(Code.AMBIGUOUS_NAME, f"more than one {kind} has this name; give the id")
        return found

    def _id(self, kind: Kind, name: str) -> UUID:
        found = self._get(kind, name)
        assert found is not None  # made if it was missing
        return found.id

    def _known_or_new(self, kind: Kind, name: str) -> bool:
        """Whether it is there; False: it will be made. Raises Unfit for an id that nothing has."""
        if self._get(kind, name) is not None:
            return True
        if _is_id(name):
            raise Unfit(Code.UNKNOWN_ID, f"no {kind} has this id")
        return False

    async def _look_up(self, kind: Kind, names: Iterable[str]) -> None:
        """Learn what these names mean, as far as it is not known."""
        known = self._known[kind]
        missing = [name for name in set(names) if known.get(name) is None]
        if not missing:
            return
        best: dict[str, list[dict[str, Any]]] = {}
        for row in await db.many(self._conn, _FIND[kind], names=missing, placeholder=PLACEHOLDER):
            rivals = best.setdefault(row["name"], [])
            if rivals and row["rank"] < rivals[0]["rank"]:
                rivals.clear()
            if not rivals or row["rank"] == rivals[0]["rank"]:
                rivals.append(row)
        for name in missing:
            means = best.get(name, [])
            known[name] = (
                None if not means else _SEVERAL if len(means) > 1 else _Found(means[0]["id"], means[0]["time_zone"])
            )

    async def _make_missing(self, items: list["_Timed"]) -> None:
        """Make what the rows name and is not there, each once, whatever other imports are doing."""
        # The clinics that are named after a zone were not looked up with the others.
        await self._look_up("clinic", [item.clinic for item in items if item.clinic not in self._known["clinic"]])
        if all(self._known[kind][name] is not None for item in items for kind, name in item.names):
            return
        async with self._conn.transaction():
            await db.run(self._conn, q.lock_directory)
            for item in items:
                for kind, name in item.names:
                    if self._known[kind][name] is None:
                        await self._look_up(kind, [name])  # again: another import may have made it before the lock
                    if self._known[kind][name] is None:
                        self._known[kind][name] = await self._make(kind, name, item)

    async def _make(self, kind: Kind, name: str, item: "_Timed") -> _Found:
        made, stamp = ids.new_id(), self._actor.stamp
        if kind == "provider":
            license_number = PLACEHOLDER + name
            await db.run(
                self._conn, q.insert_provider, id=made, license_number=license_number, **split_name(name), **stamp
            )
        elif kind == "clinic":
            await db.run(self._conn, q.insert_clinic, id=made, name=name, time_zone=item.zone, **stamp)
        else:
            minutes = _VISIT_MIN if name == VISIT_TYPE else -((item.start - item.end) // timedelta(minutes=1))
            await db.run(self._conn, q.insert_visit_type, id=made, name=name, duration_min=minutes, **stamp)
        self.made[kind] += 1
        return _Found(made, item.zone if kind == "clinic" else None)

    async def _link(self, rows: list[Placed]) -> None:
        pairs = {(row.provider_id, row.clinic_id) for row in rows} - self._linked
        if pairs:
            providers, clinics = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
            parameters = {"providers": providers, "clinics": clinics, "placeholder": PLACEHOLDER, **self._actor.stamp}
            await db.run(self._conn, q.link_providers, **parameters)
            self._linked = pairs if len(self._linked) > _MOST_REMEMBERED else self._linked | pairs


@dataclass(frozen=True, slots=True)
class _Timed:
    """A row that will be placed. `zone` is that of its clinic if the clinic has to be made."""

    row: Row
    start: datetime
    end: datetime
    status: str
    provider: str
    clinic: str
    zone: str | None

    @property
    def names(self) -> tuple[tuple[Kind, str], ...]:
        return ("provider", self.provider), ("clinic", self.clinic), ("visit type", self.row.visit_type or VISIT_TYPE)


_SEVERAL = _Found(UUID(int=0), None)


def _is_id(name: str) -> bool:
    try:
        UUID(name)
    except ValueError:
        return False
    return True


def split_name(name: str) -> dict[str, str | None]:
    """`{"title", "first_name", "last_name"}` of a provider's whole name, as "Dr. Ana Lima" or "Lima, Ana".

    Neither name is ever empty: a single word is the last name.
    """
    words = name.split()
    titles = []
    while len(words) > 1 and words[0].rstrip(".").lower() in _TITLES:
        titles.append(words.pop(0))
    last, comma, first = " ".join(words).partition(", ")
    if not (comma and last and first):
        first, _, last = " ".join(words).rpartition(" ")
    return {"title": " ".join(titles) or None, "first_name": first or "Provider", "last_name": last}


_TITLES = {"dr", "prof", "med", "mr", "mrs", "ms"}
