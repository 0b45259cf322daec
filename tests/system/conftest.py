"""What a first start leaves behind, for tests of everything that comes after it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from frontdesk.schema.migrate import migrate
from frontdesk.supervisor.postgres import EmbeddedPostgres


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a database that was stopped, migrated and empty; to be copied, not to be used."""
    data_dir = tmp_path_factory.mktemp("prepared") / "data"
    server = EmbeddedPostgres(data_dir / "postgres")
    server.start()
    try:
        migrate(server.dsn())
    finally:
        server.stop()
    return data_dir


@pytest.fixture(scope="session")
def home(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Makes a folder for a service that was here before: its start makes no database and migrates nothing."""

    def make() -> Path:
        folder = tmp_path_factory.mktemp("home")
        shutil.copytree(prepared, folder / "data")
        return folder

    return make
