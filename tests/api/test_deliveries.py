"""What the API tells of deliveries, and what it has done again. The store's own functions fill the tables."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from trackerrms_contracts import ids

from bridge.store import delivery_log, pending
from bridge.store.delivery import Delivery, DeliveryAttempt, Event, Failed
from tests.api.service import SEALER, Client, Service

NOW = datetime.now(UTC)


def event(number: int, kind: str = "candidate.updated") -> Event:
    subject = ids.entity_id("acme", "candidate", str(number))
    return Event(
        event_id=ids.event_id(subject, 1),
        event_type=kind,
        subject=subject,
        integration_id="acme",
        topic="trackerrms.candidates.v1",
        partition=0,
        offset=number,
        at=NOW,
    )


def delivery(endpoint_id: str, what: Event) -> Delivery:
    """Its delivery to the endpoint."""
    delivery_id = ids.delivery_id(endpoint_id, what.event_id)
    return Delivery(id=delivery_id, endpoint_id=endpoint_id, event=what, body=b"{}")


async def delivered(service: Service, endpoint_id: str, number: int, **fields: Any) -> str:
    """A delivery that was made at the first attempt."""
    made = delivery(endpoint_id, event(number, **fields))
    at = NOW + timedelta(seconds=number)
    attempt = DeliveryAttempt(at=at, status=204, elapsed_ms=12, signed_with="v1")
    async with service.parts.db.transaction() as tx:
        await delivery_log.append_attempts(tx, [(made, attempt)])
    return made.id


async def given_up(service: Service, endpoint_id: str, number: int) -> str:
    """A delivery that failed for good, with one attempt in the log."""
    lost = delivery(endpoint_id, event(number))
    attempt = DeliveryAttempt(
        at=NOW, status=500, error="server_error", reason="answered 500", elapsed_ms=3,
        response=SEALER.seal(delivery_log.RESPONSE_PURPOSE, b"oh no"), signed_with="v1 v1a",
    )  # fmt: skip
    outcome = Failed(error="server_error", attempt=attempt)
    async with service.parts.db.transaction() as tx:
        await pending.add_pending(tx, SEALER, [(lost, outcome)])
        await delivery_log.append_attempts(tx, [(lost, attempt)])
    return lost.id


async def test_a_failed_delivery_tells_what_the_receiver_said(service: Service, admin: Client) -> None:
    endpoint = await admin.endpoint(owner="acme")
    delivery_id = await given_up(service, endpoint["id"], 1)
    said = await admin("GET", f"/v1/deliveries/{delivery_id}")
    assert (said.json["delivery"]["state"], said.json["delivery"]["last_status"]) == ("failed", 500)
    (attempt,) = said.json["attempts"]
    assert attempt["response_excerpt"] == "oh no"
    assert attempt["signed_with"] == "v1 v1a"


async def test_deliveries_are_filtered_and_paged(service: Service, admin: Client) -> None:
    one, other = [await admin.endpoint(owner="acme") for _ in range(2)]
    made = [await delivered(service, one["id"], number) for number in range(5)]
    await delivered(service, other["id"], 9, kind="job.created")
    failed = await given_up(service, one["id"], 7)

    async def listed(query: str) -> list[str]:
        return [found["id"] for found in (await admin("GET", f"/v1/deliveries?{query}")).json["items"]]

    assert set(await listed(f"endpoint_id={one['id']}")) == {*made, failed}
    assert await listed("state=failed") == [failed]
    assert await listed("event_type=job.created") == [ids.delivery_id(other["id"], event(9).event_id)]
    later = (NOW + timedelta(seconds=3.5)).isoformat().replace("+00:00", "Z")
    assert await listed(f"state=delivered&endpoint_id={one['id']}&since={later}") == [made[4]]
    pages, cursor = [], ""
    for _ in range(3):
        query = f"endpoint_id={one['id']}&state=delivered&limit=2{cursor}"
        page = (await admin("GET", f"/v1/deliveries?{query}")).json
        pages += [found["id"] for found in page["items"]]
        cursor = f"&cursor={page['next_cursor']}"
    assert pages == made[::-1]


async def test_what_is_resent_can_be_followed(service: Service, admin: Client) -> None:
    endpoint = await admin.endpoint(owner="acme")
    failed, made = await given_up(service, endpoint["id"], 1), await delivered(service, endpoint["id"], 2)
    tried = await admin("POST", f"/v1/deliveries/{failed}/resend")
    again = await admin("POST", f"/v1/deliveries/{made}/resend")
    assert (tried.status, tried.json) == (202, {"id": failed})
    assert again.json["id"] != made
    for delivery_id in (failed, again.json["id"]):
        assert (await admin("GET", f"/v1/deliveries/{delivery_id}")).json["delivery"]["state"] == "pending"


async def test_a_test_event_is_a_delivery_like_others(admin: Client) -> None:
    endpoint = await admin.endpoint(owner="acme")
    said = await admin("POST", f"/v1/endpoints/{endpoint['id']}/test")
    found = (await admin("GET", f"/v1/deliveries/{said.json['id']}")).json["delivery"]
    assert (said.status, found["event_type"], found["state"]) == (202, "webhook.test", "pending")


async def test_a_disabled_endpoint_gets_no_test(admin: Client) -> None:
    endpoint = await admin.endpoint(owner="acme", enabled=False)
    said = await admin("POST", f"/v1/endpoints/{endpoint['id']}/test")
    assert said.status == 409
    assert "enable it first" in said.detail


async def test_a_recovery_is_asked_for_and_listed(admin: Client) -> None:
    endpoint = await admin.endpoint(owner="acme")
    path = f"/v1/endpoints/{endpoint['id']}/recoveries"
    asked = {"since": "2026-11-01T01:00:00+01:00", "until": "2026-11-02T00:00:00Z"}
    said = await admin("POST", path, asked)
    (found,) = (await admin("GET", path)).json["items"]
    assert (said.status, said.json["id"]) == (202, found["id"])
    assert (found["since"], found["state"]) == ("2026-11-01T00:00:00Z", "waiting")


@pytest.mark.parametrize(
    ("asked", "detail"),
    [
        ({}, "since: required"),
        ({"since": "2999-01-01T00:00:00Z"}, "since: must not be in the future"),
        (
            {"since": "2026-01-02T00:00:00Z", "until": "2026-01-02T00:00:00Z"},
            "until: must be later than",
        ),
        ({"since": "0001-01-01T00:00:00+23:59"}, "since: write a time between the years 2000 and 9999"),
        ({"since": "yesterday"}, "since: Invalid RFC3339"),
    ],
)
async def test_a_range_with_nothing_in_it_is_refused(
    admin: Client, asked: dict[str, str], detail: str
) -> None:
    endpoint = await admin.endpoint(owner="acme")
    said = await admin("POST", f"/v1/endpoints/{endpoint['id']}/recoveries", asked)
    assert said.status == 422
    assert said.detail.startswith(detail)


async def test_a_new_endpoint_can_start_in_the_past(admin: Client) -> None:
    endpoint = await admin.endpoint(owner="acme", deliver_since="2026-11-01T00:00:00Z")
    (found,) = (await admin("GET", f"/v1/endpoints/{endpoint['id']}/recoveries")).json["items"]
    assert found["since"] == "2026-11-01T00:00:00Z"


async def test_deliveries_of_others_look_as_if_they_were_not_there(service: Service) -> None:
    theirs = await (await service.of("globex")).endpoint()
    delivery_id = await delivered(service, theirs["id"], 1)
    acme = await service.of("acme")
    assert (await acme("GET", "/v1/deliveries")).json["items"] == []
    assert (await acme("GET", f"/v1/deliveries?endpoint_id={theirs['id']}")).json["items"] == []
    recoveries = f"/v1/endpoints/{theirs['id']}/recoveries"
    for method, path, body in (
        ("GET", f"/v1/deliveries/{delivery_id}", None),
        ("POST", f"/v1/deliveries/{delivery_id}/resend", None),
        ("POST", f"/v1/endpoints/{theirs['id']}/test", None),
        ("GET", recoveries, None),
        ("POST", recoveries, {"since": "2026-11-01T00:00:00Z"}),
    ):
        assert (await acme(method, path, body)).status == 404
    assert (await service.admin("GET", recoveries)).json["items"] == []
    assert len((await service.admin("GET", "/v1/deliveries")).json["items"]) == 1


@pytest.mark.parametrize("at", ['["2026-01-01T00:00:00","dl_1"]', '["0001-01-01T00:00:00+23:00",""]', "[]"])
async def test_a_cursor_of_ones_own_making_is_refused(admin: Client, at: str) -> None:
    cursor = base64.urlsafe_b64encode(at.encode()).decode()
    assert (await admin("GET", f"/v1/deliveries?cursor={cursor}")).status == 422
