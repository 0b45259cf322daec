"""A scene to fight over, and the barrier from which all rivals start at once."""

import asyncio
import contextlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

import httpx

from tests.make import Make
from tests.service import Service

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request: `path` below /api/v1; `token` of its own, "" for none, None for that of the race."""

    method: str = "POST"
    path: str
    body: dict[str, Any] | None = None
    token: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    async def send(self, client: httpx.AsyncClient) -> httpx.Response:
        return await client.send(self._request(client))

    def sent(self, client: httpx.Client) -> httpx.Response:
        return client.send(self._request(client))

    def _request(self, client: httpx.Client | httpx.AsyncClient) -> httpx.Request:
        headers = dict(self.headers)
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        request = client.build_request(self.method, self.path, json=self.body, headers=headers)
        if self.token == "":
            del request.headers["Authorization"]
        return request


class Scene:
    """A clinic of its own in UTC, whose providers work every day from 08:00 to 18:00 ten days from now and always.

    `at(15)` is 09:15 of that day. Everything is booked by an admin unless an Ask says otherwise.
    """

    def __init__(
        self,
        service: Service,
        make: Make,
        *,
        providers: int = 1,
        patients: int = 1,
        rooms: int = 0,
        **visit_type: Any,
    ) -> None:
        self.service, self.make = service, make
        self.clinic = make.clinic()
        self.rooms = [make.room(self.clinic) for _ in range(rooms)]
        self.visit_type = make.visit_type(**({"room_kind": "consultation"} if rooms else {}), **visit_type)
        self.providers = [make.provider() for _ in range(providers)]
        for provider in self.providers:
            make.every_day(provider, self.clinic, "08:00", "18:00")
        self.patients = [make.patient() for _ in range(patients)]
        self.admin = make.token("admin")
        self.day = datetime.combine(datetime.now(UTC).date() + timedelta(days=10), time(0), UTC)

    def at(self, minutes: int) -> datetime:
        """So many minutes after 09:00 UTC of the scene's day."""
        return self.day + timedelta(hours=9, minutes=minutes)

    def time(self, minutes: int, provider: int = 0) -> dict[str, Any]:
        """The body that asks for a time."""
        return {
            "provider_id": str(self.providers[provider]),
            "visit_type_id": str(self.visit_type),
            "clinic_id": str(self.clinic),
            "start": self.at(minutes).isoformat(),
        }

    def booking(self, minutes: int, provider: int = 0, patient: int = 0, key: str | None = None, **more: Any) -> Ask:
        """Book `patient` with `provider`."""
        body = self.time(minutes, provider) | {"patient_id": str(self.patients[patient])} | more
        return Ask(path="/appointments", body=body, headers={"Idempotency-Key": key} if key else {})

    def move(self, appointment_id: UUID | str, minutes: int, provider: int | None = None, **more: Any) -> Ask:
        """Move an appointment to another time, and to another provider if one is named."""
        there = {} if provider is None else {"provider_id": str(self.providers[provider])}
        body = {"start": self.at(minutes).isoformat()} | there | more
        return Ask(method="PATCH", path=f"/appointments/{appointment_id}", body=body)

    def resize(self, appointment_id: UUID | str, start: datetime, minutes: int, **more: Any) -> Ask:
        """Have an appointment from `start` last so many minutes, wherever others have moved it meanwhile."""
        body = {"start": start.isoformat(), "end": (start + timedelta(minutes=minutes)).isoformat()} | more
        return Ask(method="PATCH", path=f"/appointments/{appointment_id}", body=body)

    def race(self, asks: Sequence[Ask]) -> list[httpx.Response]:
        """All at once; the answers in the order of `asks`, none of them 5xx."""
        return asyncio.run(race(self.service, asks, self.admin))

    def ask(self, ask: Ask) -> httpx.Response:
        """One request alone, by one client that is kept: a new one costs more than the request."""
        answer = ask.sent(self._client)
        assert answer.status_code < 500, answer.text
        return answer

    @cached_property
    def _client(self) -> httpx.Client:
        return self.service.client(self.admin)

    def booked(self, minutes: int, provider: int = 0, patient: int = 0, **more: Any) -> str:
        """The id of an appointment booked through the service."""
        response = self.ask(self.booking(minutes, provider, patient, **more))
        assert response.status_code == 201, response.text
        return str(response.json()["id"])

    def live(self, columns: str = "id") -> list[tuple[Any, ...]]:
        """The live appointments and holds of the scene."""
        return self.make.conn.execute(
            f"SELECT {columns} FROM appointment WHERE clinic_id = %s"
            " AND status NOT IN ('cancelled', 'no_show', 'expired') ORDER BY during, id",
            (self.clinic,),
        ).fetchall()


_PER_CLIENT = 20
"""httpx looks at all connections of a client at every turn: 300 in one cost it 4 s of CPU, in fifteen clients 1 s."""


async def race(service: Service, asks: Sequence[Ask], token: str) -> list[httpx.Response]:
    """Send all requests from one barrier, each on a connection of its own."""
    gate = asyncio.Event()

    async def rival(client: httpx.AsyncClient, ask: Ask) -> httpx.Response:
        await gate.wait()
        return await ask.send(client)

    async with contextlib.AsyncExitStack() as stack:
        tasks = []
        for first in range(0, len(asks), _PER_CLIENT):
            client = await stack.enter_async_context(service.rivals(token, connections=_PER_CLIENT))
            tasks += [asyncio.create_task(rival(client, ask)) for ask in asks[first : first + _PER_CLIENT]]
        await asyncio.sleep(0)
        gate.set()
        responses = await asyncio.gather(*tasks)
    broken = [f"{r.status_code} {r.text}" for r in responses if r.status_code >= 500]
    assert not broken, f"{len(broken)} of {len(asks)}: {broken[0]}\n{service.log_path.read_text()[-3000:]}"
    return list(responses)


def statuses(responses: Sequence[httpx.Response]) -> dict[int, int]:
    """How often each status was answered."""
    return dict(Counter(response.status_code for response in responses))


def slugs(responses: Sequence[httpx.Response]) -> set[str]:
    """The problems among the answers, without their /problems/."""
    return {r.json()["type"].removeprefix("/problems/") for r in responses if r.status_code >= 400}


def named_in(response: httpx.Response) -> set[str]:
    """Every id that the answer mentions."""
    return set(_UUID.findall(response.text))
