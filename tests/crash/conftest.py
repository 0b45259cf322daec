"""The mail server of a storm."""

from collections.abc import Iterator

import pytest

from tests.crash.storm import Mailboxes


@pytest.fixture
def sink() -> Iterator[Mailboxes]:
    server = Mailboxes()
    server.open()
    yield server
    server.close()
