"""How worlds are drawn, and what the tests of this folder share."""

import os
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS, HypothesisProvider

from tests.concurrency.conftest import scene
from tests.make import Make
from tests.proof.wire import Wire
from tests.service import Service

__all__ = ["scene"]

EXAMPLES = int(os.environ.get("FRONTDESK_TEST_EXAMPLES", "0"))
"""So many examples of each search, drawn anew in each run; by default a few hundred, the same in each."""


class Unlike(HypothesisProvider):
    """Draws each example by itself; shrinking stays Hypothesis' own.

    Hypothesis makes five of six examples by copying parts of the one before. Of 150 worlds drawn so none may have a
    visit type that only staff book, though one of sixteen should.
    """

    draws = random.Random()

    def __init__(self, *data: Any) -> None:
        super().__init__(*data)
        self._random = self.draws


AVAILABLE_PROVIDERS["unlike"] = Unlike


def examples(usual: int, seed: int | None = None) -> settings:
    """Settings of a search: `usual` examples from this seed, or from where the last search ended; or
    FRONTDESK_TEST_EXAMPLES new ones."""
    if EXAMPLES or seed is not None:
        Unlike.draws.seed(None if EXAMPLES else seed)
    return settings(
        backend="unlike",
        max_examples=EXAMPLES or usual,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )


@pytest.fixture
def wire(service: Service) -> Iterator[Wire]:
    made = Wire(service)
    yield made
    made.close()


@pytest.fixture
def desk(make: Make) -> str:
    """The access token of an admin."""
    return make.token("admin")
