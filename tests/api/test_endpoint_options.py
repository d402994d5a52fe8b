"""Every option of an endpoint is kept: shown again, and loaded by the process that delivers.

Driven by the fields of the structs: an option without a sample value below fails.
"""

import re
from typing import Any

import pytest
from msgspec import NODEFAULT, Struct
from msgspec.structs import fields
from trackerrms_contracts.webhooks import Endpoint, EndpointChange, NewEndpoint

from bridge.store import endpoints
from bridge.store.database import Database
from bridge.store.endpoints import Stored
from tests.api.service import SEALER, URL, Client

# A value of each option that is not its default.
SAMPLES: dict[str, Any] = {
    "url": "https://other.example.com/hooks",
    "owner": "globex",
    "description": "the reports",
    "integrations": ["acme"],
    "event_types": ["candidate.*", "*.deleted"],
    "changed_fields": ["title"],
    "operational": True,
    "rate_limit_per_second": 2.5,
    "timeout_seconds": 7.0,
    "order": "per_entity",
    "signature": "both",
    "headers": {"X-Key": "abc", "X-Other": "d e"},
    "enabled": False,
    "deliver_since": "2026-11-01T10:00:00Z",
}
# What these are shown as, where it is not a field of their own name and value.
SHOWN: dict[str, dict[str, Any]] = {"headers": {"header_names": ["X-Key", "X-Other"]}, "deliver_since": {}}
# What changes along with an option, besides itself.
ALONG: dict[str, set[str]] = {"signature": {"public_key"}, "enabled": {"disabled_reason", "disabled_at"}}
ALWAYS = {"id", "created_at", "updated_at"}
BASE = {"url": URL, "owner": "acme"}


@pytest.mark.parametrize("kind", [NewEndpoint, EndpointChange])
def test_every_option_has_a_sample_that_is_not_its_default(kind: type[Struct]) -> None:
    for field in fields(kind):
        where = f"{kind.__name__}.{field.name}"
        assert field.name in SAMPLES, f"{where}: no sample; add a value that is not the default to SAMPLES"
        if field.default is not NODEFAULT:
            assert SAMPLES[field.name] != field.default, f"{where}: the sample is the default; take another"
    unknown = SAMPLES.keys() - set(NewEndpoint.__struct_fields__)
    assert unknown == set(), f"NewEndpoint has no {unknown}; take them out of SAMPLES"


def test_every_option_has_a_column() -> None:
    for name in Endpoint.__struct_fields__:
        assert re.search(rf"\b{name}\b", endpoints._COLUMNS), (
            f"{name}: write a migration that adds the column, in bridge/store/migrations, and name it in "
            "bridge/store/endpoints.py: in _COLUMNS and in insert_endpoint()"
        )


def test_every_option_can_be_seen_again() -> None:
    for name in (*NewEndpoint.__struct_fields__, *EndpointChange.__struct_fields__):
        assert name in SHOWN or name in Endpoint.__struct_fields__, (
            f"{name}: nothing shows it; add it to Endpoint in trackerrms_contracts/webhooks.py, or to SHOWN"
        )


async def test_what_is_given_at_creation_is_shown_and_loaded(admin: Client, store_url: str) -> None:
    plain = await admin.endpoint(**BASE)
    for name in NewEndpoint.__struct_fields__:
        made = await admin.endpoint(**BASE | {name: SAMPLES[name]})
        await assert_kept(admin, store_url, name, plain, made)


async def test_what_is_changed_is_shown_and_loaded(admin: Client, store_url: str) -> None:
    for name in EndpointChange.__struct_fields__:
        before = await admin.endpoint(**BASE)
        said = await admin("PATCH", f"/v1/endpoints/{before['id']}", {name: SAMPLES[name]})
        assert said.status == 200, (name, said.body)
        await assert_kept(admin, store_url, name, before, said.json["endpoint"])


async def test_what_is_to_be_delivered_since_a_moment_is_a_recovery(admin: Client) -> None:
    made = await admin.endpoint(**BASE, deliver_since=SAMPLES["deliver_since"])
    (recovery,) = (await admin("GET", f"/v1/endpoints/{made['id']}/recoveries")).json["items"]
    assert recovery["since"] == SAMPLES["deliver_since"]


async def assert_kept(admin: Client, store_url: str, name: str, before: Any, answered: Any) -> None:
    """The answer, GET, the list and the webhook stage's loader agree on it; nothing else changed."""
    expected = SHOWN.get(name, {name: SAMPLES[name]})
    changed = {key: value for key, value in answered.items() if value != before[key]}
    surplus = changed.keys() - expected.keys() - ALONG.get(name, set()) - ALWAYS
    assert {key: answered[key] for key in expected} == expected, f"{name}: accepted, and not kept"
    assert surplus == set(), f"{name}: changes {surplus} too"
    assert (await admin("GET", f"/v1/endpoints/{answered['id']}")).json == answered, name
    listed = (await admin("GET", "/v1/endpoints?limit=200")).json["items"]
    assert [one for one in listed if one["id"] == answered["id"]] == [answered], name
    stored = await loaded(store_url, answered["id"])
    for key, value in expected.items():
        found = getattr(stored.endpoint, key)
        assert (list(found) if isinstance(found, tuple) else found) == value, f"{name}: not in the store"
    assert stored.headers == (SAMPLES["headers"] if name == "headers" else {}), name
    signature = answered["signature"]
    kinds = ["v1", "v1a"] if signature == "both" else [signature]
    assert sorted(one.kind for one in stored.secrets) == kinds, name


async def loaded(store_url: str, endpoint_id: str) -> Stored:
    """The endpoint as another process loads it to deliver."""
    async with await Database.open(store_url) as db:
        enabled = {one.endpoint.id: one for one in await endpoints.all_for_dispatch(db, SEALER)}
        one = await endpoints.for_dispatch(db, SEALER, endpoint_id)
    assert one is not None
    assert enabled.get(endpoint_id) == (one if one.endpoint.enabled else None)
    return one
