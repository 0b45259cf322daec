"""Each listener hears what they may see, and nothing else; nobody hears who the patient is who may not know it."""

import pytest

from tests.live.world import Place, Watch

pytestmark = pytest.mark.postgres("18")


def test_anybody_hears_which_times_are_taken_and_free_but_not_by_whom(place: Place, watch: Watch) -> None:
    watcher = watch(f"provider_id={place.provider}")
    booked = place.book(0)
    place.change(booked, start=place.at(1))
    place.step(booked, "cancel")
    here = {"provider_id": str(place.provider), "clinic_id": str(place.clinic)}
    first, second = ({**here, "start": place.at(n), "end": place.at(n + 1)} for n in (0, 1))
    assert [event.data for event in watcher.heard(3)] == [
        {"times": [first | {"free": False}]},
        {"times": [first | {"free": True}, second | {"free": False}]},
        {"times": [second | {"free": True}]},
    ]
    for secret in (str(place.patient), booked["id"]):
        assert secret not in watcher.text


def test_a_clinic_is_heard_with_all_its_providers_and_no_other_clinic(place: Place, watch: Watch) -> None:
    here = watch(f"clinic_id={place.clinic}")
    elsewhere = watch(f"clinic_id={place.elsewhere}&provider_id={place.colleague}")
    place.book(0)
    place.book(0, patient=place.make.patient(), provider=place.colleague)
    providers = [event.data["times"][0]["provider_id"] for event in here.heard(2)]
    assert providers == [str(place.provider), str(place.colleague)]
    assert [event.id for event in elsewhere.heard(1)] == [here.events[1].id]


def test_steps_that_free_no_time_are_no_news_of_times(place: Place, watch: Watch) -> None:
    watcher = watch(f"provider_id={place.provider}")
    booked = place.book(0)
    place.step(booked, "confirm")
    place.step(booked, "no-show")
    assert [event.data["times"][0]["free"] for event in watcher.heard(2)] == [False, True]


def test_changed_hours_are_news_for_those_who_watch_times(place: Place, watch: Watch) -> None:
    watchers = [watch(query) for query in (f"provider_id={place.provider}", f"clinic_id={place.clinic}")]
    colleague = watch(f"provider_id={place.colleague}")
    desk = place.service.client(place.admin)
    span = {"start": place.at(100), "end": place.at(102)}
    week = {"clinic_id": str(place.clinic), "weekday": 1, "start_time": "09:00", "end_time": "17:00"}
    off = desk.post(f"/providers/{place.provider}/exceptions", json={"kind": "time_off", **span})
    closed = desk.post(f"/clinics/{place.clinic}/closures", json=span)
    assert (off.status_code, closed.status_code) == (201, 201), (off.text, closed.text)
    for request in (
        desk.delete(f"/providers/{place.provider}/exceptions/{off.json()['id']}"),
        desk.delete(f"/clinics/{place.clinic}/closures/{closed.json()['id']}"),
        desk.put(f"/providers/{place.provider}/schedules", json={"items": [week]}),
    ):
        assert request.is_success, request.text
    own = {"hours": {"provider_ids": [str(place.provider)], "clinic_ids": [str(place.clinic)]}}
    for watcher in watchers:
        heard = [event.data for event in watcher.heard(5)]
        assert [heard[0], heard[2], heard[4]] == [own] * 3
        for closure in (heard[1], heard[3]):
            assert set(closure["hours"]["provider_ids"]) == {str(place.provider), str(place.colleague)}
    assert len(colleague.heard(2)) == 2


def test_who_left_came_back_or_offers_something_else_is_news_too(place: Place, watch: Watch) -> None:
    watchers = [watch(query) for query in (f"provider_id={place.provider}", f"clinic_id={place.clinic}")]
    desk = place.service.client(place.admin)
    provider, visit_type = (
        f"/providers/{place.provider}",
        desk.post("/visit-types", json={"name": "Rare", "duration_min": 20}).json()["id"],
    )
    silent = [(provider, {"bio": "Words"}), (provider, {"active": False}), (provider, {"active": True})]
    for path, change in (
        *silent,
        (provider, {"visit_type_ids": [visit_type]}),
        (f"/visit-types/{visit_type}", {"name": "Rarer", "what_to_bring": {"en": "Yourself"}}),
        (f"/visit-types/{visit_type}", {"duration_min": 40}),
        (f"/visit-types/{visit_type}", {"active": False}),
    ):
        answer = desk.patch(path, json=change)
        assert answer.status_code == 200, answer.text
    assert desk.delete(provider).status_code == 204
    assert desk.delete(provider).status_code == 204
    for watcher in watchers:
        heard = [event.data["hours"] for event in watcher.heard(6)]
        assert all(str(place.provider) in hours["provider_ids"] for hours in heard)
        assert all(str(place.clinic) in hours["clinic_ids"] for hours in heard)
    assert desk.patch(provider, json={"active": True}).status_code == 200
    assert len(watchers[0].heard(7)) == 7, "a change of nothing was told"


def test_the_board_is_heard_by_staff_admins_and_by_providers_their_own(place: Place, watch: Watch) -> None:
    tokens = {
        "staff": place.staff,
        "admin": place.make.token("admin"),
        "provider": place.make.token("provider", provider_id=place.provider),
        "colleague": place.make.token("provider", provider_id=place.colleague),
    }
    watchers = {name: watch(f"board={place.clinic}", token) for name, token in tokens.items()}
    booked = place.book(0)
    place.step(booked, "confirm")
    place.change(booked, provider_id=str(place.colleague))
    now = {name: booked[name] for name in ("id", "clinic_id", "start", "end")} | {"provider_id": str(place.provider)}
    told = [
        {"appointment": now | {"status": "scheduled", "version": 1}},
        {"appointment": now | {"status": "confirmed", "version": 2}},
        {"appointment": now | {"status": "scheduled", "version": 3, "provider_id": str(place.colleague)}},
    ]
    heard = {
        name: [event.data for event in watcher.heard(3 if name != "colleague" else 1)]
        for name, watcher in watchers.items()
    }
    assert [_utc(data) for data in heard["staff"]] == [_utc(data) for data in told]
    assert heard["admin"] == heard["staff"]
    assert heard["provider"] == [*heard["staff"][:2], {"gone": {"id": booked["id"], "version": 3}}]
    assert heard["colleague"] == heard["staff"][2:]
    for watcher in watchers.values():
        assert str(place.patient) not in watcher.text


def _utc(data: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    return {"appointment": {name: str(value).replace("Z", "+00:00") for name, value in data["appointment"].items()}}


def test_a_patient_hears_of_their_own_and_never_of_anothers(place: Place, watch: Watch) -> None:
    other = place.make.patient()
    mine = watch("mine=true", place.make.token("patient", patient_id=place.patient))
    theirs = watch("mine=true", place.make.token("patient", patient_id=other))
    booked = [place.book(0), place.book(1, patient=other), place.book(2)]
    assert [event.data["appointment"]["id"] for event in mine.heard(2)] == [booked[0]["id"], booked[2]["id"]]
    place.step(booked[1], "cancel")
    assert [event.data["appointment"]["status"] for event in theirs.heard(2)] == ["scheduled", "cancelled"]
    assert {event.data["appointment"]["id"] for event in theirs.events} == {booked[1]["id"]}
    assert booked[1]["id"] not in mine.text


def test_several_topics_are_one_stream_and_an_event_comes_once(place: Place, watch: Watch) -> None:
    token = place.make.token("provider", provider_id=place.provider)
    watcher = watch(f"mine=true&board={place.clinic}&provider_id={place.provider}", token)
    booked = place.book(0)
    (event,) = watcher.heard(1)
    assert set(event.data) == {"times", "appointment"}
    assert event.data["appointment"]["id"] == booked["id"]


@pytest.mark.parametrize(
    ("who", "query", "status"),
    [
        ("nobody", "board={clinic}", 401),
        ("nobody", "mine=true", 401),
        ("patient", "board={clinic}", 403),
        ("staff of elsewhere", "board={clinic}", 403),
        ("staff of elsewhere", "mine=true", 422),
        ("nobody", "", 422),
        ("nobody", "provider_id=somebody", 422),
        ("nobody", "provider_id={clinic}&last_event_id=-1", 422),
    ],
)
def test_who_may_not_hear_is_told_so(place: Place, who: str, query: str, status: int) -> None:
    tokens = {
        "patient": place.make.token("patient", patient_id=place.patient),
        "staff of elsewhere": place.make.token("staff", clinic_ids=(place.elsewhere,)),
    }
    asked = place.service.client(tokens.get(who)).get(f"/stream?{query.format(clinic=place.clinic)}")
    assert asked.status_code == status, asked.text


def test_staff_of_another_clinic_hear_nothing_of_this_one(place: Place, watch: Watch) -> None:
    token = place.make.token("staff", clinic_ids=(place.elsewhere,))
    watcher = watch(f"board={place.elsewhere}&provider_id={place.colleague}", token)
    here = watch(f"board={place.clinic}", place.staff)
    place.book(0)
    place.book(0, patient=place.make.patient(), provider=place.colleague)
    assert len(here.heard(2)) == 2
    assert [set(event.data) for event in watcher.heard(1)] == [{"times"}]


def test_nobody_between_keeps_or_collects_it(place: Place, watch: Watch) -> None:
    headers = watch(f"provider_id={place.provider}").headers
    assert headers["content-type"] == "text/event-stream"
    assert headers["cache-control"] == "no-store"
    assert headers["x-accel-buffering"] == "no"
    assert "content-length" not in headers


def test_a_head_request_is_refused_and_does_not_hang(place: Place) -> None:
    assert place.service.client().head(f"/stream?provider_id={place.provider}").status_code == 405
