"""A sick day of a provider with 25 visits, from the first look to the last call."""

from datetime import datetime, timedelta
from itertools import combinations
from typing import Any

from tests.sickday.conftest import Group

VISITS = 25
CHOICES = 3


def span(row: dict[str, Any]) -> tuple[datetime, datetime]:
    return datetime.fromisoformat(row["start"]), datetime.fromisoformat(row["end"])


def test_three_alternatives_each_and_every_one_of_them_books(group: Group) -> None:
    visits = group.fill(VISITS)
    found = group.preview()
    assert [row["id"] for row in found] == visits
    assert all(len(row["alternatives"]) == CHOICES for row in found)
    for row in found:
        for alternative in row["alternatives"]:
            body = group.wish(alternative, patient_id=row["patient_id"])
            answer = group.admin.post("/appointments", json=body)
            assert answer.status_code == 201, answer.text


def test_a_preview_changes_nothing(group: Group) -> None:
    group.fill(3)
    count = "SELECT (SELECT count(*) FROM schedule_exception), (SELECT count(*) FROM appointment),"
    count += (
        " (SELECT count(*) FROM waitlist_entry), (SELECT count(*) FROM outbox), (SELECT sum(version) FROM appointment)"
    )
    before = group.conn.execute(count).fetchone()
    assert group.preview() == group.preview()
    assert group.conn.execute(count).fetchone() == before


def test_the_nearest_comes_first_and_the_same_provider_before_others(group: Group) -> None:
    (visit,) = group.fill(1)
    (row,) = group.preview()
    assert row["id"] == visit
    kinds = [alternative["kind"] for alternative in row["alternatives"]]
    # The same provider at the same hour of the next day is as far as a colleague at the very time of the visit,
    # which its own patient cannot have while it stands.
    assert kinds[0] == "same_provider"
    assert span(row["alternatives"][0])[0] == group.at(24 + 8)
    assert "other_clinic" not in kinds
    assert all(group.at(0) <= span(alternative)[0] for alternative in row["alternatives"])


def test_another_clinic_is_the_way_out_when_there_is_no_other(group: Group) -> None:
    group.fill(1)
    for provider in (group.provider, *group.colleagues[:3]):
        group.make.exception(provider, group.at(24), group.at(24 * 20))
    for provider in group.colleagues[:3]:
        group.make.exception(provider, group.at(0), group.at(24))
    (row,) = group.preview()
    assert {alternative["kind"] for alternative in row["alternatives"]} == {"other_clinic"}


def test_everybody_is_dealt_one_before_anybody_is_dealt_two(group: Group) -> None:
    """The day after has room for five visits, from 08:00 to 09:40, and there is nothing else."""
    group.fill(4)
    group.make.exception(group.provider, group.at(24 + 9) + timedelta(minutes=40), group.at(24 * 100))
    for colleague in group.colleagues:
        group.make.exception(colleague, group.at(0), group.at(24 * 100))
    assert sorted(len(row["alternatives"]) for row in group.preview()) == [1, 1, 1, 2]


def test_far_is_better_than_nothing(group: Group) -> None:
    group.fill(2)
    group.make.exception(group.provider, group.at(24), group.at(24 * 40))
    for colleague in group.colleagues:
        group.make.exception(colleague, group.at(0), group.at(24 * 100))
    for row in group.preview():
        assert len(row["alternatives"]) == CHOICES
        assert {span(alternative)[0].date() for alternative in row["alternatives"]} == {group.at(24 * 40).date()}


def test_applied_half_accept_and_the_rest_are_called(group: Group) -> None:
    visits = group.fill(VISITS)
    exception = group.enter()
    listed = group.call_list(exception)
    assert listed["counts"] == {"offered": VISITS, "accepted": 0, "needs_call": 0, "cancelled": 0}
    assert [row["appointment_id"] for row in listed["items"]] == visits
    offers = [offer for row in listed["items"] for offer in row["offers"]]
    assert len(offers) == VISITS * CHOICES
    of = [(offer["provider_id"], *span(offer)) for offer in offers]
    assert not [(a, b) for a, b in combinations(of, 2) if a[0] == b[0] and a[1] < b[2] and b[1] < a[2]]

    _a_stranger_wins_nothing(group, offers)

    moved, others = listed["items"][: VISITS // 2], listed["items"][VISITS // 2 :]
    for n, row in enumerate(moved):
        offer = row["offers"][n % CHOICES]
        answer = group.patient(row["appointment_id"]).post(f"/offers/{offer['id']}/accept")
        assert answer.status_code == 201, answer.text
        assert (answer.json()["id"], answer.json()["start"]) == (row["appointment_id"], offer["start"])
        again = group.patient(row["appointment_id"]).post(f"/offers/{row['offers'][(n + 1) % CHOICES]['id']}/accept")
        assert (again.status_code, again.json()["type"]) == (409, "/problems/offer-gone")
    for row in others[:-1]:
        for offer in row["offers"]:
            answer = group.patient(row["appointment_id"]).post(f"/offers/{offer['id']}/decline")
            assert answer.status_code == 200, answer.text
    group.admin.post(f"/appointments/{others[-1]['appointment_id']}/cancel", json={})

    after = group.call_list(exception)
    calls = VISITS - len(moved) - 1
    assert after["counts"] == {"offered": 0, "accepted": len(moved), "needs_call": calls, "cancelled": 1}
    for was, row in zip(moved, after["items"], strict=False):
        assert (row["start"], row["state"]) == (was["start"], "accepted")
        assert row["new"]["start"] in {offer["start"] for offer in was["offers"]}
    held = group.conn.execute(
        "SELECT count(*) FROM appointment WHERE hold_client = 'waitlist' AND status = 'held' AND patient_id = ANY (%s)",
        ([group.patients[row["appointment_id"]] for row in moved + others[:-1]],),
    ).fetchone()
    assert held == (0,)


def _a_stranger_wins_nothing(group: Group, offers: list[dict[str, Any]]) -> None:
    patient = group.make.patient()
    stranger = group.service.client(group.make.token("patient", patient_id=patient))
    for offer in offers:
        answer = stranger.post("/appointments", json=group.wish(offer))
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/slot-taken"), answer.text
    assert stranger.post(f"/offers/{offers[0]['id']}/accept").status_code == 404


def test_what_was_not_chosen_is_public_at_once(group: Group) -> None:
    group.fill(1)
    (row,) = group.call_list(group.enter())["items"]
    chosen, *others = row["offers"]
    assert group.patient(row["appointment_id"]).post(f"/offers/{chosen['id']}/accept").status_code == 201
    stranger = group.service.client(group.make.token("patient", patient_id=group.make.patient()))
    assert stranger.post("/appointments", json=group.wish(others[0])).status_code == 201


def test_the_visits_are_kept_with_a_reason_and_not_moved_by_anybody_else(group: Group) -> None:
    visits = group.fill(2)
    group.enter()
    rows = group.conn.execute(
        "SELECT status, override_reason, lower(during) FROM appointment WHERE id = ANY (%s::uuid[]) ORDER BY during",
        (visits,),
    ).fetchall()
    reason = "The provider is away; other times were offered."
    assert rows == [("scheduled", reason, group.at(8)), ("scheduled", reason, group.at(8) + timedelta(minutes=20))]


def test_the_patient_sees_all_choices_in_one_place(group: Group) -> None:
    (visit,) = group.fill(1)
    exception = group.enter()
    (listed,) = group.call_list(exception)["items"]
    entry = group.patient(visit).get(f"/waitlist/{listed['entry_id']}").json()
    assert (entry["status"], entry["exception_id"], entry["appointment_id"]) == ("offered", exception["id"], visit)
    assert entry["offers"] == listed["offers"]
    assert entry["offer"] == entry["offers"][0]
    assert all(datetime.fromisoformat(offer["expires_at"]) < group.at(8) for offer in entry["offers"])
