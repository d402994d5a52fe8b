import asyncio
import base64
import os
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from trackerrms_contracts.webhooks import Endpoint, EndpointChange, NewEndpoint

from bridge.config import Secret
from bridge.errors import EnvironmentFault
from bridge.sealing import Sealer
from bridge.store import endpoints
from bridge.store.database import Database
from bridge.store.endpoints import SigningSecret, Stored
from tests.waiting import patient

SEALER = Sealer(Secret(base64.b64encode(os.urandom(32)).decode()))


async def created(db: Database, owner: str = "acme", **fields: Any) -> tuple[Endpoint, list[SigningSecret]]:
    async with db.transaction() as tx:
        return await endpoints.insert_endpoint(
            tx, SEALER, NewEndpoint(url="https://example.com/", **fields), owner
        )


async def patched(db: Database, endpoint_id: str, **fields: Any) -> tuple[Endpoint, list[SigningSecret]]:
    async with db.transaction() as tx:
        found = await endpoints.patch(tx, SEALER, endpoint_id, EndpointChange(**fields))
    assert found is not None
    return found


async def rotated(db: Database, endpoint_id: str, overlap_seconds: float = 60) -> list[SigningSecret]:
    async with db.transaction() as tx:
        found = await endpoints.replace_secrets(tx, SEALER, endpoint_id, overlap_seconds)
    assert found is not None
    return found[1]


async def stored(db: Database) -> Stored:
    (one,) = await endpoints.all_for_dispatch(db, SEALER)
    return one


async def test_what_was_created_is_read_again(db: Database) -> None:
    made, _ = await created(
        db,
        description="for the reports",
        integrations=("acme",),
        event_types=("candidate.*", "*.deleted"),
        changed_fields=("title",),
        rate_limit_per_second=2.5,
        timeout_seconds=5.0,
        order="per_entity",
        headers={"X-Key": "abc", "Authorization": "Bearer x"},
    )
    assert await endpoints.get(db, made.id) == made
    assert made.header_names == ("Authorization", "X-Key")
    assert (made.enabled, made.order, made.rate_limit_per_second) == (True, "per_entity", 2.5)


async def test_the_dispatcher_gets_headers_and_secrets_opened(db: Database) -> None:
    _, (secret,) = await created(db, headers={"X-Key": "abc"})
    found = await stored(db)
    assert found.headers == {"X-Key": "abc"}
    assert found.secrets == (secret,)
    assert len(base64.b64decode(secret.secret.removeprefix("whsec_"))) == 32


async def test_an_ed25519_key_holds_its_public_half(db: Database) -> None:
    made, (secret,) = await created(db, signature="v1a")
    raw = base64.b64decode(secret.secret.removeprefix("whsk_"))
    public = Ed25519PrivateKey.from_private_bytes(raw[:32]).public_key().public_bytes_raw()
    assert raw[32:] == public
    assert made.public_key == secret.public_key == "whpk_" + base64.b64encode(public).decode()


async def test_after_a_rotation_old_and_new_sign_until_the_overlap_ends(db: Database) -> None:
    made, before = await created(db, signature="both")
    after = await rotated(db, made.id)
    found = (await stored(db)).secrets
    assert found[:2] == tuple(reversed(after))
    assert {s.secret for s in found[2:]} == {s.secret for s in before}
    assert all(s.expires_at is not None and s.expires_at > datetime.now(UTC) for s in found[2:])


async def test_a_rotation_without_overlap_ends_every_old_secret_at_once(db: Database) -> None:
    made, _ = await created(db)
    await rotated(db, made.id)
    newest = await rotated(db, made.id, overlap_seconds=0)
    assert (await stored(db)).secrets == tuple(newest)


async def test_it_ends_those_of_a_kind_that_is_no_longer_wanted_too(db: Database) -> None:
    made, _ = await created(db, signature="both")
    await patched(db, made.id, signature="v1")
    newest = await rotated(db, made.id, overlap_seconds=0)
    assert (await stored(db)).secrets == tuple(newest)


async def test_a_later_rotation_does_not_lengthen_the_life_of_an_old_secret(db: Database) -> None:
    made, (first,) = await created(db)
    await rotated(db, made.id, overlap_seconds=60)
    await rotated(db, made.id, overlap_seconds=86_400)
    (oldest,) = [s for s in (await stored(db)).secrets if s.secret == first.secret]
    assert oldest.expires_at is not None
    assert oldest.expires_at < datetime.now(UTC) + timedelta(seconds=61)


async def test_old_secrets_do_not_pile_up_in_the_signature(db: Database) -> None:
    made, _ = await created(db)
    for _ in range(4):
        await rotated(db, made.id)
    with pytest.raises(endpoints.TooManySecrets, match="overlap of 0 seconds"):
        await rotated(db, made.id)
    assert len((await stored(db)).secrets) == 5
    assert len(await rotated(db, made.id, overlap_seconds=0)) == 1


async def test_another_signature_makes_what_it_needs_and_keeps_the_old_for_a_day(db: Database) -> None:
    made, (hmac,) = await created(db)
    changed, (key,) = await patched(db, made.id, signature="v1a")
    assert changed.public_key == key.public_key
    assert [s.kind for s in (await stored(db)).secrets] == ["v1a", "v1"]
    assert (await stored(db)).secrets[1].secret == hmac.secret


async def test_a_patch_changes_only_what_it_names(db: Database) -> None:
    made, _ = await created(db, headers={"X-Key": "abc"}, rate_limit_per_second=3.0)
    changed, secrets = await patched(db, made.id, description="new", rate_limit_per_second=None)
    assert secrets == []
    assert (changed.description, changed.rate_limit_per_second) == ("new", None)
    assert (changed.url, changed.header_names) == (made.url, made.header_names)
    assert changed.updated_at > made.updated_at


async def test_headers_are_replaced_as_a_whole(db: Database) -> None:
    made, _ = await created(db, headers={"X-One": "1"})
    await patched(db, made.id, headers={"X-Two": "2"})
    assert (await stored(db)).headers == {"X-Two": "2"}


async def test_a_disabled_endpoint_says_why_and_gets_nothing(db: Database) -> None:
    made, _ = await created(db)
    assert await endpoints.mark_disabled(db, made.id, "410")
    assert not await endpoints.mark_disabled(db, made.id, "failing for 5 days")
    found = await endpoints.get(db, made.id)
    assert found is not None
    assert (found.enabled, found.disabled_reason) == (False, "410")
    assert found.disabled_at is not None
    assert await endpoints.all_for_dispatch(db, SEALER) == []
    assert await endpoints.mark_enabled(db, made.id)
    assert (await stored(db)).endpoint.disabled_reason is None


async def test_owners_are_kept_apart(db: Database) -> None:
    mine, _ = await created(db, owner="acme")
    theirs, _ = await created(db, owner="other")
    assert await endpoints.get(db, theirs.id, "acme") is None
    assert (await endpoints.list_(db, "acme")).items == [mine]


async def test_a_list_goes_on_where_its_page_ended(db: Database) -> None:
    made = [(await created(db))[0] for _ in range(5)]
    first = await endpoints.list_(db, limit=3)
    rest = await endpoints.list_(db, after=first.next_after, limit=3)
    assert first.items + rest.items == made
    assert rest.next_after is None


async def test_every_change_grows_the_version_and_is_announced(db: Database) -> None:
    async with db.dedicated() as connection:
        heard: asyncio.Queue[str] = asyncio.Queue()
        await connection.add_listener(endpoints.CHANNEL, lambda *_: heard.put_nowait("changed"))
        seen = [await endpoints.version(db)]
        made, _ = await created(db)
        seen.append(await endpoints.version(db))
        await patched(db, made.id, description="new")
        seen.append(await endpoints.version(db))
        await rotated(db, made.id)
        seen.append(await endpoints.version(db))
        await endpoints.mark_disabled(db, made.id, "410")
        seen.append(await endpoints.version(db))
        async with db.transaction() as tx:
            assert await endpoints.remove_endpoint(tx, made.id)
        seen.append(await endpoints.version(db))
        for _ in range(5):
            await asyncio.wait_for(heard.get(), patient(10))
    assert seen == sorted(set(seen))


async def test_nothing_readable_lies_in_the_database(db: Database) -> None:
    _, (secret,) = await created(db, headers={"X-Key": "sesame"})
    rows = await db.fetch("SELECT e::text, s::text FROM endpoints e JOIN signing_secrets s ON true")
    text = str([tuple(row) for row in rows])
    assert "sesame" not in text
    assert b"sesame".hex() not in text
    assert secret.secret not in text
    assert secret.secret.encode().hex() not in text


async def test_a_secret_moved_to_another_endpoint_is_refused(db: Database) -> None:
    await created(db)
    second, _ = await created(db)
    await db.execute("DELETE FROM signing_secrets WHERE endpoint_id = $1", second.id)
    await db.execute("UPDATE signing_secrets SET endpoint_id = $1", second.id)
    with pytest.raises(EnvironmentFault, match="damaged or was sealed for another purpose"):
        await endpoints.all_for_dispatch(db, SEALER)


async def test_one_that_is_gone_takes_its_secrets_along(db: Database) -> None:
    made, _ = await created(db)
    async with db.transaction() as tx:
        assert await endpoints.remove_endpoint(tx, made.id)
        assert not await endpoints.remove_endpoint(tx, made.id)
        assert await endpoints.replace_secrets(tx, SEALER, made.id) is None
        assert await endpoints.patch(tx, SEALER, made.id, EndpointChange(description="x")) is None
    assert await db.fetchval("SELECT count(*) FROM signing_secrets") == 0


async def test_secrets_do_not_show_in_a_log_line(db: Database) -> None:
    _, (secret,) = await created(db, headers={"X-Key": "sesame"})
    assert secret.secret not in repr(secret)
    assert "sesame" not in repr(await stored(db))
