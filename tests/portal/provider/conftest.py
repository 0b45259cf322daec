"""A provider who is logged in, and a patient who comes to them."""

from dataclasses import dataclass, replace

import httpx
import pytest

from tests.portal.conftest import Visitor
from tests.portal.patients import Patient, at_a_clinic


@dataclass(frozen=True)
class Provider:
    """`me`: a log-in like a patient's, but the provider's; `patient`: who comes to them in Madrid."""

    me: Patient
    patient: Patient


@pytest.fixture
def provider(visitor: Visitor) -> Provider:
    patient = at_a_clinic(visitor)
    token = visitor.make.token("provider", provider_id=patient.provider)
    client = visitor.service.client(token)
    client.base_url = httpx.URL(visitor.service.url)
    return Provider(replace(patient, token=token, client=client), patient)
