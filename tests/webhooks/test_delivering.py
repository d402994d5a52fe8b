"""An event on Kafka becomes a signed POST, byte for byte, to everybody who wants it."""

from tests.waiting import until
from tests.webhooks.installed import Delivering
from tests.webhooks.receiving import Receiver, in_turn, need_node, status, verify, verify_ed25519


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
        assert await hooks.db.fetchval("SELECT count(*) FROM owed") == 0
        await hooks.offsets_done()
