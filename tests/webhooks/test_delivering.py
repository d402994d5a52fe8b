"""An event on Kafka becomes a signed POST, byte for byte, to everybody who wants it."""

from functools import partial

import pytest
import structlog
from trackerrms_contracts.webhooks import EndpointChange

from bridge.store import endpoints, signing_secrets
from tests.waiting import until
from tests.webhooks.installed import Delivering
from tests.webhooks.receiving import Capture, Receiver, in_turn, need_node, status, verify, verify_ed25519


async def test_an_event_arrives_as_it_stands_on_kafka(hooks: Delivering) -> None:
    need_node()
    async with Receiver() as receiver:
        endpoint, secrets = await hooks.subscribe(receiver, headers={"X-Team": "a"})
        hooks.start()
        message = hooks.event()
        await hooks.publish([message])
        await until(lambda: bool(receiver.captures))
        assert receiver.captures[0].body == message.value
        assert receiver.captures[0].headers["content-type"] == "application/cloudevents+json; charset=UTF-8"
        assert receiver.captures[0].headers["x-team"] == "a"
        verify(receiver.captures, [secrets[0].secret])
        delivery = await hooks.one(endpoint, "delivered")
        assert [a.status for a in await hooks.attempts(delivery)] == [204]
        await hooks.offsets_done()


async def test_a_failed_one_is_tried_again_and_signed_anew(hooks: Delivering) -> None:
    need_node()
    async with Receiver(in_turn(status(500), status(500), status(200))) as receiver:
        endpoint, secrets = await hooks.subscribe(receiver, signature="both")
        hooks.start()
        await hooks.send()
        delivery = await hooks.one(endpoint, "delivered", attempts=3)
        assert [a.status for a in await hooks.attempts(delivery)] == [500, 500, 200]
        assert [a.response_excerpt for a in await hooks.attempts(delivery)] == ["so it is", "so it is", ""]
        verify(receiver.captures, [secrets[0].secret])
        assert endpoint.public_key is not None
        verify_ed25519(receiver.captures, endpoint.public_key)
        assert await hooks.db.fetchval("SELECT count(*) FROM pending_deliveries") == 0
        await hooks.offsets_done()


async def test_a_rotation_under_load_leaves_no_delivery_unverifiable(hooks: Delivering) -> None:
    need_node()
    async with Receiver() as receiver:
        endpoint, [first] = await hooks.subscribe(receiver)
        hooks.start()
        secrets, sent = [first.secret], set(await hooks.send(50))
        for _ in range(3):
            async with hooks.db.transaction() as tx:
                rotated = await endpoints.replace_secrets(tx, hooks.sealer, endpoint.id)
            assert rotated is not None
            secrets.insert(0, rotated[1][0].secret)
            known = len(receiver.captures)
            sent.update(await hooks.send(100))
            await until(partial(lambda known: len(receiver.captures) > known + 50, known))
        await until(lambda: receiver.ids == sent)
        # What is published from now on is signed with all four: the last rotation has been heard of.
        await until(lambda: _signatures(receiver.captures[-1]) == 4 or _one_more(hooks, sent))
        late = set(await hooks.send(100))
        await until(lambda: receiver.ids == sent | late)
        # Whoever has not heard of the rotations yet, verifies everything still.
        verify(receiver.captures, [first.secret])
        # Whoever has the newest secret alone verifies everything from a moment on. Not a moment to the
        # delivery: what was signed before may arrive after what was signed later.
        assert {_signatures(one) for one in receiver.captures if one.event_id in late} == {4}
        newest = [one for one in receiver.captures if _signatures(one) == 4]
        assert len(newest) >= 100
        verify(newest, secrets[:1])


def _signatures(capture: Capture) -> int:
    return capture.headers["webhook-signature"].count("v1,")


async def _one_more(hooks: Delivering, sent: set[str]) -> bool:
    sent.update(await hooks.send(1))
    return False


async def test_an_overlap_of_nothing_ends_the_old_secret(hooks: Delivering) -> None:
    async with Receiver() as receiver:
        endpoint, [first] = await hooks.subscribe(receiver)
        hooks.start()
        async with hooks.db.transaction() as tx:
            rotated = await endpoints.replace_secrets(tx, hooks.sealer, endpoint.id, overlap_seconds=0)
        assert rotated is not None
        await hooks.send()
        await until(lambda: bool(receiver.captures))
        verify(receiver.captures, [rotated[1][0].secret])
        with pytest.raises(AssertionError):
            verify(receiver.captures, [first.secret])


async def test_an_endpoint_without_a_live_secret_gets_nothing_unsigned(hooks: Delivering) -> None:
    async with Receiver() as receiver, Receiver() as other:
        endpoint, _ = await hooks.subscribe(receiver)
        await hooks.subscribe(other)
        await hooks.db.execute(
            "UPDATE signing_secrets SET expires_at = now() - interval '1 s' WHERE endpoint_id = $1",
            endpoint.id,
        )
        hooks.start()
        await hooks.send()
        delivery = await hooks.one(endpoint, "failed", attempts=4)
        assert delivery.last_error == "bad_header"
        assert (await hooks.attempts(delivery))[0].reason == "the endpoint has no valid secret; rotate it"
        await until(lambda: len(other.captures) == 1)
        assert receiver.captures == []


async def test_an_endpoint_whose_secret_can_not_be_read_holds_back_nobody(hooks: Delivering) -> None:
    async with Receiver() as receiver, Receiver() as other:
        endpoint, _ = await hooks.subscribe(receiver)
        await hooks.subscribe(other)
        await hooks.db.execute(
            "UPDATE signing_secrets SET sealed_secret = $1 WHERE endpoint_id = $2",
            hooks.sealer.seal(signing_secrets.purpose(endpoint.id, "v1"), b"whsec_"),
            endpoint.id,
        )
        with structlog.testing.capture_logs() as logs:
            hooks.start()
            await hooks.send()
            await until(lambda: len(other.captures) == 1)
        [said] = [line for line in logs if line["event"] == "endpoint.unusable"]
        assert (said["endpoint"], said["reason"]) == (endpoint.id, "whsec_: the rest is missing")
        assert receiver.captures == []


async def test_changes_of_an_endpoint_are_heard_at_once(hooks: Delivering) -> None:
    async with Receiver() as old, Receiver() as new:
        endpoint, _ = await hooks.subscribe(old)
        hooks.start()
        await hooks.send()
        await until(lambda: bool(old.captures))
        async with hooks.db.transaction() as tx:
            await endpoints.patch(tx, hooks.sealer, endpoint.id, EndpointChange(url=new.url))

        async def arrives() -> bool:
            await hooks.send()
            return bool(new.captures)

        await until(arrives, 2)


async def test_headers_of_ours_can_not_be_forged_by_an_endpoint(hooks: Delivering) -> None:
    async with Receiver() as receiver:
        await hooks.subscribe(receiver, headers={"Webhook-Id": "forged", "content-type": "x", "X-Good": "1"})
        hooks.start()
        [sent] = await hooks.send()
        await until(lambda: bool(receiver.captures))
        assert receiver.captures[0].headers["webhook-id"] == sent
        assert receiver.captures[0].headers["x-good"] == "1"
