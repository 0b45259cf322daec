"""Whatever is no link that works gets one answer, and never more."""

import base64
from collections.abc import Callable
from urllib.parse import quote
from uuid import UUID, uuid4

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from frontdesk import links
from frontdesk.secrets import Keys
from tests.guests.conftest import KEYS, PAGE, House, Link

pytestmark = pytest.mark.postgres("18")

_CHANGING = ("/confirm", "/cancel", "/move")


def _said(answer: httpx.Response) -> tuple[int, bytes, dict[str, str]]:
    """An answer without what is different in each."""
    kept = {name: value for name, value in answer.headers.items() if name not in ("x-request-id", "date")}
    return answer.status_code, answer.content, kept


@pytest.fixture
def refused(house: House) -> Callable[[str], None]:
    """Asserts that a token is answered as one for an appointment that never was, in every way to ask."""

    def asks(token: str) -> list[httpx.Response]:
        path = f"/m/{quote(token.encode('utf-8', 'surrogatepass'), safe='')}"
        post = {"json": {"start": house.at(9).isoformat()}}
        form = {"data": {"start": house.at(9).isoformat()}, "headers": PAGE}
        return [
            house.guest.get(path),
            house.guest.get(path, headers=PAGE),
            house.guest.get(f"{path}/slots"),
            house.guest.post(f"{path}/move", **post),
            house.guest.post(f"{path}/move", **form),
            house.guest.post(f"{path}/cancel"),
        ]

    never = links.token_of(KEYS, appointment_id=uuid4(), patient_id=uuid4(), generation=0)
    right = [_said(answer) for answer in asks(never)]
    assert [said[0] for said in right] == [404] * 6

    def check(token: str) -> None:
        assert [_said(answer) for answer in asks(token)] == right

    return check


def _bytes(link: Link) -> bytes:
    return base64.urlsafe_b64decode(link.path.removeprefix("/m/"))


def _token(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode()


def test_a_flipped_bit(house: House, refused: Callable[[str], None]) -> None:
    raw = _bytes(house.link(9))

    @settings(max_examples=60, deadline=None)
    @given(bit=st.integers(0, len(raw) * 8 - 1))
    @example(bit=0)
    @example(bit=len(raw) * 8 - 1)
    def check(bit: int) -> None:
        flipped = bytearray(raw)
        flipped[bit // 8] ^= 1 << bit % 8
        refused(_token(bytes(flipped)))

    check()


def test_any_text(house: House, refused: Callable[[str], None]) -> None:
    @settings(max_examples=100, deadline=None)
    @given(token=st.text(min_size=1, max_size=80) | st.text("AaZz09-_", min_size=44, max_size=44))
    @example(token="A" * 44)
    @example(token="-" * 44)
    @example(token="\x00")
    @example(token="é" * 44)
    @example(token="A" * 43 + "\n")
    @example(token="A" * 5000)
    def check(token: str) -> None:
        if "/" not in token and token not in (".", ".."):  # those are other paths
            refused(token)

    check()


def test_any_bytes_in_the_path(house: House) -> None:
    @settings(max_examples=100, deadline=None)
    @given(raw=st.binary(min_size=1, max_size=60))
    @example(raw=b"\xff\xfe\x00")
    @example(raw=b"../../healthz")
    def check(raw: bytes) -> None:
        path = "".join(f"%{byte:02X}" for byte in raw)
        answer = house.guest.get(f"/m/%7E{path}", follow_redirects=True)  # from a path with a slash at the end
        assert answer.status_code == 404

    check()


def test_a_link_spelt_otherwise(house: House, refused: Callable[[str], None]) -> None:
    token = house.link(9).path.removeprefix("/m/")
    for other in (token[:-1], token[1:], token + "A", token + "=", token.swapcase(), f" {token}", token + "%00"):
        refused(other)
    for cut in range(1, 44, 7):
        refused(token[:cut])


def test_the_digest_of_another_appointment_or_patient(house: House, refused: Callable[[str], None]) -> None:
    patient = house.patient()
    one, other, strangers = house.link(9, patient=patient), house.link(10, patient=patient), house.link(11)
    refused(_token(_bytes(one)[:16] + _bytes(other)[16:]))
    refused(_token(_bytes(one)[:16] + _bytes(strangers)[16:]))
    about = {"appointment_id": one.visit, "generation": 0}
    refused(links.token_of(KEYS, patient_id=strangers.patient, **about))
    refused(links.token_of(KEYS, patient_id=UUID(int=0), **about))
    refused(links.token_of(Keys("another secret, long enough to pass"), patient_id=patient, **about))
    assert one.get().status_code == 200


def test_what_is_no_visit_has_no_link(house: House, refused: Callable[[str], None]) -> None:
    held = house.link(9, status="held", hold_expires_at=house.at(12))
    expired = house.link(10, status="expired")
    for link in (held, expired):
        refused(link.path.removeprefix("/m/"))
    nobodys = house.make.appointment(
        house.provider, house.clinic, house.visit_type, house.at(13), status="held", hold_expires_at=house.at(14)
    )
    refused(links.token_of(KEYS, appointment_id=nobodys, patient_id=UUID(int=0), generation=0))


def _log_out_everywhere(house: House, link: Link) -> None:
    me = house.service.client(house.make.token("patient", patient_id=link.patient))
    assert me.post("/auth/logout-everywhere").status_code == 204


def _erase(house: House, link: Link) -> None:
    assert link.post("/cancel").status_code == 200
    admin = house.service.client(house.make.token("admin"))
    erased = admin.post(f"/patients/{link.patient}/erasures", json={"reason": "asked in person"})
    assert erased.status_code == 201, erased.text


def _patch(**changes: object) -> Callable[[House, Link], None]:
    def change(house: House, link: Link) -> None:
        admin = house.service.client(house.make.token("admin"))
        changed = admin.patch(f"/patients/{link.patient}", json=changes)
        assert changed.status_code == 200, changed.text

    return change


def _delete(house: House, link: Link) -> None:
    desk = house.service.client(house.make.token("staff", clinic_ids=(house.clinic,)))
    assert desk.delete(f"/patients/{link.patient}/links").status_code == 204


_ENDS: dict[str, Callable[[House, Link], None]] = {
    "ended by the desk": _delete,
    "logged out everywhere": _log_out_everywhere,
    "erased": _erase,
    "another e-mail address": _patch(email="new@example.test"),
    "no phone any more": _patch(phone=None),
    "inactive": _patch(active=False),
}


@pytest.mark.parametrize("how", _ENDS)
def test_what_ends_a_link(house: House, refused: Callable[[str], None], how: str) -> None:
    patient = house.patient()
    link, sibling = house.link(9, patient=patient), house.link(10, patient=patient)
    neighbour = house.link(11)
    if how == "erased":
        assert sibling.post("/cancel").status_code == 200
    old = [one.path.removeprefix("/m/") for one in (link, sibling)]
    _ENDS[how](house, link)
    for token in old:
        refused(token)
    assert neighbour.get().status_code == 200
    renewed = 404 if how in ("erased", "inactive") else 200
    assert link.get().status_code == renewed  # as the next message has it


def test_what_does_not_end_a_link(house: House) -> None:
    link = house.link(9, patient=house.patient(email=None))
    path = link.path
    for change in ({"email": "first@example.test"}, {"language": "es"}, {"address": "elsewhere"}):
        _patch(**change)(house, link)
    assert link.post("/move", json={"start": house.at(15).isoformat()}).status_code == 200
    assert link.path == path
    assert link.get().status_code == 200


def test_the_same_facts_give_the_same_link() -> None:
    facts = {"appointment_id": uuid4(), "patient_id": uuid4(), "generation": 3}
    url = links.manage_url("https://desk.example", KEYS, **facts)
    assert url == links.manage_url("https://desk.example", KEYS, **facts)
    token = url.removeprefix("https://desk.example/m/")
    assert links.appointment_in(token) == facts["appointment_id"]
    assert links.proves(token, KEYS, **facts)
    for other in ({"appointment_id": uuid4()}, {"patient_id": uuid4()}, {"generation": 4}):
        assert not links.proves(token, KEYS, **facts | other)


@pytest.mark.parametrize("path", _CHANGING)
def test_a_wrong_link_is_refused_before_its_body_is(house: House, path: str) -> None:
    answer = house.guest.post(f"/m/{'A' * 44}{path}", json={"start": "yesterday", "version": "x"})
    assert answer.status_code == 404
