"""Each real broker, started once."""

from collections.abc import Iterator

import pytest

from tests.brokers.carriers import KINDS, Carrier, carrier


@pytest.fixture(scope="session", params=KINDS)
def broker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Carrier]:
    with carrier(request.param, tmp_path_factory.mktemp(f"broker-{request.param}")) as running:
        yield running


@pytest.fixture(scope="session")
def database_beside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Carrier]:
    """For brokers that are no database."""
    with carrier("pg18", tmp_path_factory.mktemp("beside")) as running:
        yield running
