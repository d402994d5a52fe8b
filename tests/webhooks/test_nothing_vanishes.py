"""What was missed can be had: resent, recovered, from the past; and who fails for long is cut off."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from aiohttp import web
from trackerrms_contracts.webhooks import OperationalEvent

from bridge.config import Config, KafkaConfig
from bridge.store import deliveries
from tests.waiting import patient, until
from tests.webhooks.installed import Delivering, delivering, id_of, settings
from tests.webhooks.receiving import Capture, Receiver, need_node, status, taking, verify


def ago(**span: float) -> datetime:
    return datetime.now(UTC) - timedelta(**span)


async def test_a_delivered_event_is_resent_from_kafka(hooks: Delivering) -> None:
    async with Receiver() as receiver:
        endpoint, _ = await hooks.subscribe(receiver)
        hooks.start()
        await hooks.send()
        delivery = await hooks.one(endpoint, "delivered")
        assert await deliveries.request_resend(hooks.db, hooks.sealer, delivery.id)
        await until(lambda: len(receiver.captures) == 2)
        assert receiver.captures[0].body == receiver.captures[1].body
        await until(lambda: _settled(hooks))
        assert len({d.id for d in await hooks.deliveries(endpoint)}) == 2


async def _settled(hooks: Delivering) -> bool:
    return bool(await hooks.db.fetchval("SELECT count(*) = 0 FROM pending_deliveries"))


async def test_what_was_given_up_is_resent_from_what_is_kept(hooks: Delivering) -> None:
    async with Receiver(status(500)) as receiver:
        endpoint, _ = await hooks.subscribe(receiver)
        hooks.start()
        await hooks.send()
        delivery = await hooks.one(endpoint, "failed", attempts=4)
        receiver.answer = taking
        assert await deliveries.request_resend(hooks.db, hooks.sealer, delivery.id)
        assert (await hooks.one(endpoint, "delivered", attempts=5)).id == delivery.id


async def test_what_kafka_has_no_more_is_not_resent_as_something_else(hooks: Delivering) -> None:
    async with Receiver() as receiver:
        endpoint, _ = await hooks.subscribe(receiver)
        hooks.start()
        await hooks.send(2, entities=1)
        await until(lambda: len(receiver.captures) == 2)
        await until(lambda: _logged(hooks, 2))
        one, _ = await hooks.deliveries(endpoint)
        # As in a topic that was made anew, where each event stands in another's place.
        await hooks.db.execute("UPDATE webhook_attempts SET kafka_offset = 1 - kafka_offset")
        again = await deliveries.request_resend(hooks.db, hooks.sealer, one.id)
        await until(lambda: _failed(hooks, again))
        assert len(receiver.captures) == 2


async def test_news_of_an_endpoint_is_resent_though_it_was_never_on_kafka(hooks: Delivering) -> None:
    async with Receiver() as listener, Receiver(status(410)) as gone:
        told, _ = await hooks.subscribe(listener, operational=True)
        await hooks.subscribe(gone)
        hooks.start()
        await hooks.send()
        news = await hooks.one(told, "delivered")
        assert await deliveries.request_resend(hooks.db, hooks.sealer, news.id) != news.id
        await until(lambda: len(listener.captures) == 2)
        assert listener.captures[0].body == listener.captures[1].body


async def _logged(hooks: Delivering, count: int) -> bool:
    return bool(await hooks.db.fetchval("SELECT count(*) = $1 FROM webhook_attempts", count))


async def _failed(hooks: Delivering, delivery_id: str | None) -> bool:
    """Whether it was given up because its body is gone."""
    found = await deliveries.load_delivery(hooks.db, hooks.sealer, delivery_id or "")
    return found is not None and (found[0].state, found[0].last_error) == ("failed", "no_longer_in_kafka")


async def test_an_unknown_delivery_is_not_resent(hooks: Delivering) -> None:
    assert not await deliveries.request_resend(hooks.db, hooks.sealer, "dl_" + "1" * 24)


async def test_what_was_missed_while_disabled_is_recovered_and_nothing_twice(hooks: Delivering) -> None:
    async with Receiver() as receiver, Receiver() as other:
        endpoint, _ = await hooks.subscribe(receiver, event_types=["candidate.*"])
        await hooks.subscribe(other)
        hooks.start()
        got = await hooks.send(3)
        await until(lambda: receiver.ids == set(got))
        await hooks.db.execute("UPDATE endpoints SET enabled = false WHERE id = $1", endpoint.id)
        await until(lambda: _knows(hooks, receiver))
        missed = await hooks.send(4)
        await until(lambda: other.ids == set(got) | set(missed) | _probes(other))
        assert receiver.ids & set(missed) == set()
        await hooks.db.execute("UPDATE endpoints SET enabled = true WHERE id = $1", endpoint.id)
        recovery = await deliveries.recover_deliveries(hooks.db, endpoint.id, ago(hours=1))
        await until(lambda: receiver.ids >= set(missed))
        await until(lambda: _done(hooks, endpoint.id))
        [found] = await deliveries.load_recoveries(hooks.db, endpoint.id)
        assert found.id == recovery
        assert found.pending >= 4
        assert all([c.event_id for c in receiver.captures].count(event_id) == 1 for event_id in got + missed)


_PROBES: set[str] = set()


def _probes(receiver: Receiver) -> set[str]:
    return receiver.ids & _PROBES


async def _knows(hooks: Delivering, receiver: Receiver) -> bool:
    """Whether the stage has heard that the endpoint is disabled: what it is sent no longer arrives."""
    [event_id] = await hooks.send()
    _PROBES.add(event_id)
    before = len(receiver.captures)
    await hooks.offsets_done()
    return len(receiver.captures) == before


async def _done(hooks: Delivering, endpoint_id: str) -> bool:
    found = await deliveries.load_recoveries(hooks.db, endpoint_id)
    return all(one.state == "done" for one in found)


async def test_a_recovery_keeps_to_its_time_and_to_the_filter(hooks: Delivering) -> None:
    async with Receiver() as receiver:
        before = await hooks.send(3)
        cut = datetime.now(UTC)
        await until(lambda: datetime.now(UTC) > cut + timedelta(milliseconds=20))
        wanted = hooks.event("7", changed=["current_stage_id"])
        unwanted = [hooks.event("8", changed=["title"]), hooks.event("9", integration="other")]
        await hooks.publish([wanted, *unwanted])
        hooks.start()
        endpoint, _ = await hooks.subscribe(
            receiver, integrations=["acme"], changed_fields=["current_stage_id"], order="per_entity"
        )
        await hooks.db.execute("UPDATE endpoints SET created_at = now() + interval '1 hour'")
        await hooks.offsets_done()
        await deliveries.recover_deliveries(hooks.db, endpoint.id, cut)
        await until(lambda: _done(hooks, endpoint.id))
        await until(lambda: receiver.ids == {id_of(wanted)})
        assert not receiver.ids & set(before)


async def test_a_test_event_arrives_signed(hooks: Delivering) -> None:
    need_node()
    async with Receiver() as receiver:
        endpoint, secrets = await hooks.subscribe(receiver)
        hooks.start()
        delivery_id = await deliveries.send_test(hooks.db, hooks.sealer, endpoint.id)
        delivery = await hooks.one(endpoint, "delivered")
        assert delivery.id == delivery_id
        assert receiver.captures[0].event["type"] == "webhook.test"
        verify(receiver.captures, [secrets[0].secret])


async def test_owners_are_told_of_endpoints_that_are_gone(hooks: Delivering) -> None:
    async with Receiver() as listener, Receiver() as stranger, Receiver(status(410)) as gone:
        await hooks.subscribe(listener, operational=True)
        await hooks.subscribe(stranger, operational=True, owner="somebody-else")
        endpoint, _ = await hooks.subscribe(gone)
        hooks.start()
        await hooks.send()
        await until(lambda: bool(listener.captures))
        told = msgspec.json.decode(listener.captures[0].body, type=OperationalEvent)
        assert (told.type, told.subject) == ("endpoint.disabled", endpoint.id)
        assert (told.data.where, told.data.owner) == ("http://127.0.0.1", "acme")
        assert (told.data.reason, told.data.last_status, told.data.last_error) == ("410", 410, "gone")
        assert b"/hook" not in listener.captures[0].body
        assert stranger.captures == []


@pytest.fixture
def impatient(store_url: str, kafka_config: KafkaConfig, data_dir: Path) -> Config:
    """Warns after a fifth of three seconds, and disables after three."""
    days = 3 / 86_400
    return settings(store_url, kafka_config, str(data_dir), retry_seconds=[0.2] * 50, disable_after_days=days)


async def test_who_does_nothing_but_fail_is_warned_and_then_disabled(impatient: Config) -> None:
    async with delivering(impatient) as hooks, Receiver() as listener, Receiver(status(500)) as bad:
        await hooks.subscribe(listener, operational=True)
        await hooks.subscribe(bad)
        hooks.start()
        await hooks.send(3)
        await until(lambda: len(listener.captures) == 2, 60)
        types = [capture.event["type"] for capture in listener.captures]
        assert types == ["endpoint.failing", "endpoint.disabled"]
        for capture in listener.captures:
            news = capture.event["data"]
            assert (news["last_status"], news["last_error"]) == (500, "server_error")
            assert news["failing_since"] is not None
        reason = await hooks.db.fetchval("SELECT disabled_reason FROM endpoints WHERE NOT enabled")
        assert reason.startswith("failing for")


async def test_who_recovers_in_time_is_not_disabled(impatient: Config) -> None:
    async def until_it_is_warned_of(capture: Capture) -> web.StreamResponse:
        return await (taking if listener.captures else status(500))(capture)

    # It is warned of after a fifth of this, and the rest is time to recover in.
    webhooks = msgspec.structs.replace(impatient.webhooks, disable_after_days=patient(4) / 86_400)
    impatient = msgspec.structs.replace(impatient, webhooks=webhooks)
    listener, bad = Receiver(), Receiver(until_it_is_warned_of)
    async with delivering(impatient) as hooks, listener, bad:
        await hooks.subscribe(listener, operational=True)
        await hooks.subscribe(bad)
        hooks.start()
        await hooks.send()
        await until(lambda: len(listener.captures) == 2, 60)
        types = [capture.event["type"] for capture in listener.captures]
        assert types == ["endpoint.failing", "endpoint.recovered"]
        assert listener.captures[1].event["data"]["last_status"] is None


async def test_lists_filter_and_go_on_page_by_page(hooks: Delivering) -> None:
    async with Receiver() as well, Receiver(status(500)) as bad:
        good, _ = await hooks.subscribe(well)
        failing, _ = await hooks.subscribe(bad, owner="other")
        hooks.start()
        await hooks.send(7)
        await until(lambda: len(well.captures) == 7)
        await hooks.offsets_done()
        first = await deliveries.load_deliveries(hooks.db, owner="acme", limit=4)
        rest = await deliveries.load_deliveries(hooks.db, owner="acme", limit=4, cursor=first.next_cursor)
        assert len({d.id for d in (*first.items, *rest.items)}) == 7
        assert rest.next_cursor is None
        assert {d.endpoint_id for d in first.items} == {good.id}
        assert await hooks.deliveries(failing, state="delivered") == []
        assert len(await hooks.deliveries(good, event_type="candidate.updated", since=ago(hours=1))) == 7
        assert await hooks.deliveries(good, until=ago(hours=1)) == []
        with pytest.raises(ValueError, match="cursor"):
            await deliveries.load_deliveries(hooks.db, cursor="nonsense")


async def test_bodies_at_rest_are_sealed(hooks: Delivering) -> None:
    async with Receiver(status(500)) as receiver:
        await hooks.subscribe(receiver)
        hooks.start()
        await hooks.send(title="a very personal title")
        await until(lambda: len(receiver.captures) >= 1)
        await hooks.offsets_done()
        dump = await hooks.db.fetch("SELECT pending_bodies::text FROM pending_bodies")
        assert dump
        personal = b"a very personal title".hex()
        assert all("personal" not in row[0] and personal not in row[0] for row in dump)
