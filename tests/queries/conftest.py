"""Two services that differ only in how much there is: one row behind everything, and fifty."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta

import httpx
import psycopg
import pytest

from frontdesk.schema.migrate import migrate
from frontdesk.supervisor.postgres import EmbeddedPostgres
from tests.conftest import copy_database
from tests.make import Make
from tests.queries.recorder import OPTIONS, Recorder
from tests.queries.world import PASSWORD, Builder, World
from tests.service import TRUST, Service, answered

FEW, MANY = 1, 50


@dataclass
class Observed:
    """A service with one worker, what is in it, and the recorder beside it."""

    service: Service
    world: World
    recorder: Recorder
    admin: str  # token

    def warm(self) -> None:
        """Let the service work out what it keeps in memory: the working time of the weeks that are asked for."""
        ids, first = self.world.ids, self.world.free.date()
        with httpx.Client(base_url=self.service.api, verify=TRUST) as client:
            for days in (0, 14):
                span = {"from": str(first + timedelta(days=days - 14)), "to": str(first + timedelta(days=days + 14))}
                for visit_type in (ids["visit_type_id"], ids["roomless_type_id"]):
                    for path in ("/availability", f"/providers/{ids['provider_id']}/availability"):
                        asked = client.get(path, params={"visit_type_id": str(visit_type), **span})
                        assert asked.status_code == 200, asked.text

    def count(self, request: httpx.Request) -> tuple[httpx.Response, list[str]]:
        """The answer and the statements it took."""
        with httpx.Client(timeout=30, verify=TRUST) as client:
            return self.recorder.during(lambda: answered(client, request))


@pytest.fixture(scope="session")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, Observed]]:
    """By the number of rows. PostgreSQL 18 alone: how often the service asks does not depend on who answers."""
    postgres = EmbeddedPostgres(tmp_path_factory.mktemp("queries"), options=OPTIONS)
    with ExitStack() as stack:
        stack.callback(postgres.stop)
        postgres.start()
        migrate(postgres.dsn())

        def observe(count: int) -> Observed:
            service = Service(copy_database(postgres), tmp_path_factory.mktemp(f"rows{count}"), workers=1)
            stack.callback(service.stop)
            service.start()
            with psycopg.connect(service.dsn, autocommit=True, options="-c timezone=UTC") as conn:
                world = Builder(Make(conn), count).build()
            form = {"username": world.email, "password": PASSWORD}
            token = httpx.post(f"{service.api}/auth/token", data=form).raise_for_status().json()["access_token"]
            return Observed(service, world, Recorder(postgres), token)

        yield {count: observe(count) for count in (FEW, MANY)}
