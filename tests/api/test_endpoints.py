import asyncio
import base64
import re

import pytest

from tests.api.service import URL, Client, Service

ACME = {"owner": "acme"}


async def test_an_endpoint_is_created_with_a_secret_that_is_shown_once(admin: Client) -> None:
    said = await admin("POST", "/v1/endpoints", {"url": URL, **ACME, "headers": {"X-Key": "sesame"}})
    endpoint = said.json["endpoint"]
    assert (said.status, said.headers["Location"]) == (201, f"/v1/endpoints/{endpoint['id']}")
    (secret,) = said.json["secrets"]
    assert len(base64.b64decode(secret["secret"].removeprefix("whsec_"))) == 32
    again = await admin("GET", said.headers["Location"])
    assert again.json == endpoint
    assert endpoint["header_names"] == ["X-Key"]
    assert b"sesame" not in said.body + again.body
    assert secret["secret"].encode() not in again.body


async def test_of_an_ed25519_key_only_the_public_half_leaves(admin: Client) -> None:
    said = await admin("POST", "/v1/endpoints", {"url": URL, **ACME, "signature": "both"})
    assert [one["secret"][:5] for one in said.json["secrets"]] == ["whsec", "whpk_"]
    assert said.json["endpoint"]["public_key"] == said.json["secrets"][1]["secret"]
    assert b"whsk_" not in said.body


async def test_a_patch_changes_what_it_names(admin: Client) -> None:
    made = await admin.endpoint(**ACME, rate_limit_per_second=2, description="old")
    said = await admin("PATCH", f"/v1/endpoints/{made['id']}", {"rate_limit_per_second": None})
    changed = said.json["endpoint"]
    assert (said.status, said.json["secrets"]) == (200, [])
    assert (changed["rate_limit_per_second"], changed["description"]) == (None, "old")


async def test_a_rotation_shows_the_new_secret(admin: Client) -> None:
    made = await admin.endpoint(**ACME)
    first = await admin("POST", f"/v1/endpoints/{made['id']}/rotate-secret")
    second = await admin("POST", f"/v1/endpoints/{made['id']}/rotate-secret", {"overlap_seconds": 0})
    assert (first.status, second.status) == (200, 200)
    assert first.json["secrets"] != second.json["secrets"]


async def test_too_many_rotations_are_refused_with_a_way_out(admin: Client) -> None:
    made = await admin.endpoint(**ACME)
    for _ in range(4):
        await admin("POST", f"/v1/endpoints/{made['id']}/rotate-secret")
    said = await admin("POST", f"/v1/endpoints/{made['id']}/rotate-secret")
    assert said.status == 409
    assert "overlap of 0 seconds" in said.detail


async def test_enabling_and_disabling_may_be_repeated(admin: Client) -> None:
    path = f"/v1/endpoints/{(await admin.endpoint(**ACME))['id']}"
    for _ in range(2):
        off = await admin("POST", f"{path}/disable")
        assert (off.json["enabled"], off.json["disabled_reason"]) == (False, "by a person")
    for _ in range(2):
        on = await admin("POST", f"{path}/enable")
        assert (on.json["enabled"], on.json["disabled_reason"]) == (True, None)


async def test_what_was_deleted_is_gone(admin: Client) -> None:
    path = f"/v1/endpoints/{(await admin.endpoint(**ACME))['id']}"
    gone = await admin("DELETE", path)
    assert (gone.status, gone.body) == (204, b"")
    for method, at in (("GET", path), ("DELETE", path), ("POST", f"{path}/enable")):
        assert (await admin(method, at)).status == 404


async def test_pages_follow_each_other(admin: Client) -> None:
    made = [(await admin.endpoint(**ACME))["id"] for _ in range(5)]
    first = (await admin("GET", "/v1/endpoints?limit=2")).json
    second = (await admin("GET", f"/v1/endpoints?limit=2&cursor={first['next_cursor']}")).json
    third = (await admin("GET", f"/v1/endpoints?limit=2&cursor={second['next_cursor']}")).json
    assert [one["id"] for page in (first, second, third) for one in page["items"]] == made
    assert third["next_cursor"] is None


async def test_the_list_can_be_of_one_owner(admin: Client) -> None:
    await admin.endpoint(owner="globex")
    mine = await admin.endpoint(**ACME)
    assert (await admin("GET", "/v1/endpoints?owner=acme")).json["items"] == [mine]


# --- one owner and another --------------------------------------------------------------------------------


async def test_an_owner_need_not_say_who_it_is(service: Service) -> None:
    assert (await (await service.of("acme")).endpoint())["owner"] == "acme"


async def test_an_owner_makes_no_endpoints_of_others(service: Service) -> None:
    said = await (await service.of("acme"))("POST", "/v1/endpoints", {"url": URL, "owner": "globex"})
    assert said.status == 403
    assert "only for owner acme" in said.detail


async def test_an_admin_must_say_whose_it_is(admin: Client) -> None:
    said = await admin("POST", "/v1/endpoints", {"url": URL})
    assert (said.status, said.detail) == (422, "owner: required: name the owner of the endpoint")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("PATCH", "", {"description": "mine now"}),
        ("DELETE", "", None),
        ("POST", "/rotate-secret", None),
        ("POST", "/enable", None),
        ("POST", "/disable", None),
    ],
)
async def test_what_is_not_theirs_looks_as_if_it_were_not_there(
    service: Service, method: str, path: str, body: object
) -> None:
    theirs = await (await service.of("globex")).endpoint()
    acme = await service.of("acme")
    said = await acme(method, f"/v1/endpoints/{theirs['id']}{path}", body)
    nothing = await acme(method, f"/v1/endpoints/ep_{'1' * 24}{path}", body)
    assert (said.status, nothing.status) == (404, 404)
    assert said.detail == nothing.detail
    assert (await service.admin("GET", f"/v1/endpoints/{theirs['id']}")).json == theirs


async def test_an_owner_lists_its_own_whatever_it_asks_for(service: Service) -> None:
    await (await service.of("globex")).endpoint()
    acme = await service.of("acme")
    assert (await acme("GET", "/v1/endpoints")).json["items"] == []
    assert (await acme("GET", "/v1/endpoints?owner=globex")).json["items"] == []


# --- what is refused, and why ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        (
            {"url": "http://example.com/"},
            r"url: the URL must start with https://; an operator may allow plain http",
        ),
        ({"url": "https://127.0.0.1/"}, r"url: its host is not a public address .*outbound.allow_networks"),
        ({"url": "https://2130706433/"}, r"url: "),
        ({"url": "https://user:pw@example.com/"}, r"credentials before the host"),
        ({"url": "ftp://example.com/"}, r"url: write a URL such as https://example.com/webhooks"),
        ({"event_types": ["candidate.changed"]}, r"event_types\[0\]: write <model>.created"),
        ({"event_types": []}, r"event_types: Expected `array` of length >= 1"),
        ({"event_types": ["endpoint.*"]}, r"only an endpoint with operational = true receives it"),
        (
            {"event_types": ["job.*"], "operational": True},
            r"an operational endpoint receives only endpoint.\* and hold.\*",
        ),
        ({"changed_fields": ["salary_of_the_boss"]}, r"not a field of any model in event_types"),
        (
            {"changed_fields": ["current_stage_id"], "event_types": ["job.*"]},
            r"not a field of any model in event_types",
        ),
        ({"changed_fields": ["title"], "event_types": ["*.deleted"]}, r"event_types includes none"),
        ({"headers": {"Webhook-Id": "x"}}, r"headers: Webhook-Id: the bridge sets this header itself"),
        ({"headers": {"Content-Length": "0"}}, r"the bridge sets this header itself"),
        ({"headers": {"X-A": "1", "x-a": "2"}}, r"given twice"),
        ({"headers": {"X-A": "1\r\nX-B: 2"}}, r"headers\[\.\.\.\]: a header name has letters"),
        ({"headers": {f"X-{n}": "v" * 1000 for n in range(9)}}, r"at most 8,000 characters"),
        ({"integrations": ["nobody"]}, r"integrations: no integration has the id nobody"),
        ({"timeout_seconds": 0}, r"timeout_seconds: Expected `float` >= 1"),
        ({"order": "sometimes"}, r"order: Invalid enum value"),
        ({"secret": "whsec_mine"}, r"secret: unknown field"),
        ({"deliver_since": "2026-01-01T00:00:00"}, r"deliver_since: "),
    ],
)
async def test_what_can_not_work_is_refused_with_the_reason(
    admin: Client, fields: dict[str, object], detail: str
) -> None:
    said = await admin("POST", "/v1/endpoints", {"url": URL, **ACME, **fields})
    assert said.status == 422
    assert re.search(detail, said.detail), said.detail


async def test_all_that_is_wrong_is_told_at_once(admin: Client) -> None:
    wrong = {"url": "https://10.0.0.1/", "headers": {"Host": "x"}, "integrations": ["nobody"]}
    said = await admin("POST", "/v1/endpoints", {**ACME, **wrong})
    assert [one["field"] for one in said.json["errors"]] == ["url", "headers", "integrations"]


async def test_a_patch_is_held_to_the_same_rules(admin: Client) -> None:
    made = await admin.endpoint(**ACME, event_types=["application.*"], changed_fields=["current_stage_id"])
    path = f"/v1/endpoints/{made['id']}"
    for change in (
        {"url": "https://[::1]/"},
        {"event_types": ["job.*"]},
        {"operational": True},
        {"owner": "x"},
    ):
        assert (await admin("PATCH", path, change)).status == 422
    assert (await admin("GET", path)).json == made


# --- a request that is sent again --------------------------------------------------------------------------


async def test_the_same_key_creates_one_endpoint_and_gets_the_same_answer(admin: Client) -> None:
    asked = {"url": URL, **ACME}
    said = await asyncio.gather(
        *(admin("POST", "/v1/endpoints", asked, Idempotency_Key="abc") for _ in range(5))
    )
    assert {one.status for one in said} == {201}
    assert len({one.body for one in said}) == 1
    assert len((await admin("GET", "/v1/endpoints")).json["items"]) == 1


async def test_a_key_is_not_taken_for_another_request(admin: Client) -> None:
    await admin("POST", "/v1/endpoints", {"url": URL, **ACME}, Idempotency_Key="abc")
    said = await admin("POST", "/v1/endpoints", {"url": URL, "owner": "globex"}, Idempotency_Key="abc")
    assert said.status == 422
    assert "use a new key" in said.detail


async def test_keys_of_two_tokens_do_not_meet(service: Service) -> None:
    for client in (await service.of("acme"), await service.of("globex")):
        said = await client("POST", "/v1/endpoints", {"url": URL}, Idempotency_Key="abc")
        assert said.status == 201
    assert len((await service.admin("GET", "/v1/endpoints")).json["items"]) == 2


async def test_a_refused_request_leaves_its_key_free(admin: Client) -> None:
    wrong = await admin("POST", "/v1/endpoints", {"url": URL}, Idempotency_Key="abc")
    right = await admin("POST", "/v1/endpoints", {"url": URL, **ACME}, Idempotency_Key="abc")
    assert (wrong.status, right.status) == (422, 201)


async def test_a_key_does_not_bring_back_what_was_deleted(admin: Client) -> None:
    asked = {"url": URL, **ACME}
    made = await admin("POST", "/v1/endpoints", asked, Idempotency_Key="abc")
    await admin("DELETE", made.headers["Location"])
    said = await admin("POST", "/v1/endpoints", asked, Idempotency_Key="abc")
    assert said.status == 409
    assert "use a new key" in said.detail
