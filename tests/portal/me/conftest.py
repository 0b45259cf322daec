"""A patient who is logged in."""

import pytest

from tests.portal.conftest import Visitor
from tests.portal.patients import Patient, at_a_clinic


@pytest.fixture
def patient(visitor: Visitor) -> Patient:
    return at_a_clinic(visitor)
