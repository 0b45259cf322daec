"""Offers are told while they happen: to whom they are made, and to the desk of the clinic."""

from typing import Any

from tests.live.world import Place, Watch, Watcher


def of_waitlist(watcher: Watcher) -> list[dict[str, Any]]:
    return [event.data for event in watcher.events if {"offer", "waitlist"} & set(event.data)]


def test_the_patient_and_the_desk_hear_of_places_and_offers(place: Place, watch: Watch) -> None:
    mine = watch("mine=true", place.make.token("patient", patient_id=place.patient))
    other = watch("mine=true", place.make.token("patient", patient_id=place.make.patient()))
    desk = watch(f"board={place.clinic}", place.staff)
    elsewhere = watch(f"board={place.elsewhere}", place.make.token("staff", clinic_ids=(place.elsewhere,)))
    provider = watch(f"board={place.clinic}&mine=true", place.make.token("provider", provider_id=place.provider))
    anybody = watch(f"clinic_id={place.clinic}")
    scopes = ["availability:read", "appointments:read"]
    made = place.service.client(place.admin).post(
        "/api-keys", json={"name": "a screen", "scopes": scopes, "clinic_ids": [str(place.clinic)]}
    )
    screen = watch(f"board={place.clinic}", made.json()["key"])
    desk_of_both = place.service.client(place.admin)
    wish = {
        "patient_id": str(place.patient),
        "visit_type_id": str(place.visit_type),
        "provider_id": str(place.provider),
        "clinic_ids": [str(place.clinic)],
    }
    joined = desk_of_both.post("/waitlist", json=wish)
    assert joined.status_code == 201, joined.text
    entry, offer = joined.json(), joined.json()["offer"]
    assert desk_of_both.delete(f"/waitlist/{entry['id']}").status_code == 204
    last = place.book(96)
    for watcher in (mine, desk, provider, anybody, screen):
        watcher.until(lambda heard=watcher: last["start"][:16] in heard.text)
    hold = next(event.data["appointment"]["id"] for event in mine.events if "appointment" in event.data)
    kept = {name: offer[name] for name in ("id", "provider_id", "clinic_id")}
    told = [
        {"waitlist": {"id": entry["id"], "status": "waiting"}},
        {"offer": kept | {"entry_id": entry["id"], "appointment_id": hold, "status": "standing"}},
        {"waitlist": {"id": entry["id"], "status": "removed"}},
    ]
    for watcher in (mine, desk):
        heard = of_waitlist(watcher)
        times = [heard[1]["offer"].pop(name)[:16] for name in ("start", "end", "expires_at")]
        assert times == [offer[name][:16] for name in ("start", "end", "expires_at")]
        assert heard == told
        assert str(place.patient) not in watcher.text
    for watcher in (other, elsewhere, provider, anybody, screen):
        assert of_waitlist(watcher) == []
