"""National ids and insurance numbers: readable for who may read them, and nowhere else."""

import os
import subprocess
import sys
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import given
from hypothesis import strategies as st

from frontdesk.fields import Fields
from frontdesk.secrets import Keys
from tests.make import Make
from tests.rights.test_rights import places
from tests.service import SECRET, Service

KEYS = Keys(SECRET)
OLD, NEW = "the-older-of-two-keys-0123456789-abc", "the-newer-of-two-keys-9876543210-xyz"


@given(st.text(max_size=120), st.text(max_size=40))
def test_what_was_sealed_opens_at_its_place_alone(value: str, place: str) -> None:
    cipher = Fields([], KEYS)
    try:
        stored = cipher.sealed(value, place)
    except UnicodeEncodeError:
        return  # a lone surrogate is no text; the API refuses it
    assert stored is not None
    assert cipher.opened(stored, place) == value
    assert value == "" or value not in stored.partition(":")[2] or len(value) < 6
    assert stored != cipher.sealed(value, place)
    with pytest.raises(InvalidTag):
        cipher.opened(stored, place + "!")


def test_an_older_key_still_opens_and_the_newest_seals() -> None:
    old, both = Fields([OLD], KEYS), Fields([NEW, OLD], KEYS)
    stored = old.sealed("123", "here")
    assert both.opened(stored, "here") == "123"
    with pytest.raises(KeyError):
        Fields([NEW], Keys("another installation's secret, long enough")).opened(stored, "here")
    assert both.index("12 3A") == both.index(" 123a") == old.index("123A")
    assert both.opened("in plain, from before", "here") == "in plain, from before"


@pytest.mark.postgres("18")
def test_the_database_never_sees_them(service: Service, make: Make) -> None:
    mark = uuid4().hex[:12]
    admin = service.client(make.token("admin"))
    body: dict[str, Any] = {
        "first_name": "Ada",
        "last_name": "Vale",
        "date_of_birth": "1990-01-01",
        "national_id": f"NAT-{mark}",
        "insurance": {"provider": "Kasse", "member_id": f"MEM-{mark}"},
    }
    made = admin.post("/patients", json=body).json()
    assert (made["national_id"], made["insurance"]["member_id"]) == (f"NAT-{mark}", f"MEM-{mark}")
    changed = admin.patch(f"/patients/{made['id']}", json={"phone": "1"}).json()
    assert changed["national_id"] == f"NAT-{mark}"
    changed = admin.patch(f"/patients/{made['id']}", json={"national_id": f"nat- {mark}x"}).json()
    assert changed["national_id"] == f"nat- {mark}x"
    assert changed["insurance"]["member_id"] == f"MEM-{mark}"
    (listed,) = admin.get("/patients", params={"q": "1990-01-01", "limit": 1000}).json()["items"][-1:]
    assert listed["insurance"]["member_id"] == f"MEM-{mark}"
    assert places(make.conn, mark) == set()
    alike = admin.post(
        "/patients", json=body | {"national_id": f"NAT-{mark}X", "last_name": "Other", "insurance": None}
    )
    assert made["id"] in alike.json()["possible_duplicates"]


def test_a_value_moved_to_another_patient_does_not_open(service: Service, make: Make) -> None:
    admin = service.client(make.token("admin"))
    body = {"first_name": "A", "last_name": "B", "date_of_birth": "1990-01-01", "national_id": "one"}
    one, two = (admin.post("/patients", json=body).json()["id"] for _ in range(2))
    make.conn.execute(
        "UPDATE patient SET national_id = (SELECT national_id FROM patient WHERE id = %s) WHERE id = %s", (one, two)
    )
    assert admin.get(f"/patients/{one}").json()["national_id"] == "one"
    assert admin.get(f"/patients/{two}").json()["national_id"] is None
    assert "field_unreadable" in service.log_path.read_text()
    # Nor is it overwritten by a change of something else.
    assert admin.patch(f"/patients/{two}", json={"phone": "1"}).status_code == 500


def test_a_new_key_takes_over(database: str, db: psycopg.Connection) -> None:
    make = Make(db)
    who = make.patient(national_id="plain-1", insurance_member_id="plain-2")
    [make.patient(national_id=f"n{number}") for number in range(20)]

    def stored() -> tuple[str, str]:
        row = db.execute("SELECT national_id, insurance_member_id FROM patient WHERE id = %s", (who,)).fetchone()
        assert row is not None
        return row[0], row[1]

    def rotate(keys: str) -> str:
        env = {name: value for name, value in os.environ.items() if not name.startswith("FRONTDESK_")}
        env |= {"FRONTDESK_DATABASE_URL": database, "FRONTDESK_SECRET": SECRET, "FRONTDESK_FIELD_KEYS": keys}
        command = [sys.executable, "-m", "frontdesk", "keys", "rotate"]
        return subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout

    assert rotate(OLD) == "21 patients encrypted with the newest key\n"
    before = stored()
    assert Fields([OLD], KEYS).opened(before[0], f"patient.national_id:{who}") == "plain-1"
    assert rotate(f"{NEW},{OLD}") == "21 patients encrypted with the newest key\n"
    assert rotate(f"{NEW},{OLD}").startswith("0 ")
    after = stored()
    assert Fields([NEW], KEYS).opened(after[1], f"patient.insurance_member_id:{who}") == "plain-2"
    assert after[0][:12] != before[0][:12]
    found = db.execute("SELECT count(*) FROM patient WHERE national_id_index IS NULL").fetchone()
    assert found == (0,)
