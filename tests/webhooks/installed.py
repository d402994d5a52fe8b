"""A bridge that only delivers: real PostgreSQL and Kafka, events published by the test, no TrackerRMS."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

import msgspec
import orjson
from trackerrms_contracts import events, ids, topics
from trackerrms_contracts.entities import Model
from trackerrms_contracts.webhooks import Attempt, Delivery, Endpoint, NewEndpoint

from bridge import app, config, kafka
from bridge.config import Config
from bridge.sealing import Sealer
from bridge.store import deliveries, endpoints
from bridge.store.database import Database
from bridge.store.signing_secrets import SigningSecret
from tests.waiting import cut_off, until
from tests.webhooks.receiving import Receiver, verify_everywhere

KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
_QUICK = {"retry_seconds": [0.2, 0.2, 0.2]}


def settings(store_url: str, kafka_config: config.KafkaConfig, data_dir: str, **webhooks: Any) -> Config:
    """A bridge that may deliver to loopback, with short pauses."""
    return config.parse_config(
        {
            "data_dir": data_dir,
            "store": {"url": store_url},
            "monitoring": {"listen": "127.0.0.1:0"},
            "kafka": {
                "bootstrap_servers": kafka_config.bootstrap_servers,
                "topic_prefix": kafka_config.topic_prefix,
                "partitions": kafka_config.partitions,
            },
            "sealing": {"key": KEY},
            "outbound": {"allow_networks": ["127.0.0.0/8"], "allow_http": True},
            "webhooks": _QUICK | webhooks,
        }
    )


class Delivering:
    """The bridge's webhook stage, and hands to publish, subscribe and look with."""

    def __init__(self, made: Config, db: Database, producer: kafka.Producer) -> None:
        self.settings = made
        self.db = db
        self.sealer = Sealer(made.sealing.key or config.Secret(KEY))
        self._producer = producer
        self._running: list[asyncio.Task[int]] = []
        self._sequences: dict[str, int] = {}
        self._subscribed: list[tuple[Receiver, Endpoint, list[SigningSecret]]] = []

    async def __aenter__(self) -> Self:
        await app.make_topics(self.settings)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
        if kind is None:
            await self._verify_everything()

    async def _verify_everything(self) -> None:
        """Whatever the test was about, each delivery of it verifies with a secret of its endpoint's."""
        secrets: dict[Receiver, set[str]] = {}
        for receiver, endpoint, given in self._subscribed:
            stored = await endpoints.for_dispatch(self.db, self.sealer, endpoint.id)
            rotated = () if stored is None else stored.secrets
            known = secrets.setdefault(receiver, set())
            known.update(one.secret for one in (*given, *rotated) if one.kind == "v1")
        for receiver, known in secrets.items():
            verify_everywhere(receiver.everything, known)

    def start(self) -> None:
        """Start a process's worth of it, besides those that run."""
        running = app.run_roles(self.settings, ["webhooks"], signals=())
        self._running.append(asyncio.create_task(running, name="bridge"))

    async def stop(self) -> None:
        """Cut everything off in the middle."""
        running, self._running = self._running, []
        await cut_off(*running)
        # What a process that is gone held is free once its lease has run out.
        await self.db.execute("UPDATE leases SET expires_at = '-infinity'")

    async def subscribe(
        self, receiver: Receiver | str, owner: str = "acme", **wanted: Any
    ) -> tuple[Endpoint, list[SigningSecret]]:
        """An endpoint for ``receiver``."""
        url = receiver if isinstance(receiver, str) else receiver.url
        async with self.db.transaction() as tx:
            new = msgspec.convert({"url": url, **wanted}, NewEndpoint)
            endpoint, secrets = await endpoints.insert_endpoint(tx, self.sealer, new, owner)
        if isinstance(receiver, Receiver):
            self._subscribed.append((receiver, endpoint, secrets))
        return endpoint, secrets

    async def publish(self, messages: Iterable[kafka.Message]) -> None:
        """Onto Kafka, in their order."""
        await self._producer.publish(list(messages))

    def event(
        self,
        entity: str = "1",
        operation: events.Operation = "updated",
        *,
        model: Model = Model.CANDIDATE,
        integration: str = "acme",
        changed: Iterable[str] = ("title",),
        **record: Any,
    ) -> kafka.Message:
        """The entity's next event."""
        subject = ids.entity_id(integration, model, entity)
        sequence = self._sequences[subject] = self._sequences.get(subject, 0) + 1
        kind, event_id = events.event_type(model, operation), ids.event_id(subject, sequence)
        body = {
            "specversion": "1.0", "id": event_id, "source": f"trackerrms/{integration}", "type": kind,
            "subject": subject, "time": "2026-11-25T10:00:00Z", "datacontenttype": "application/json",
            "dataschema": events.data_schema(model), "integrationid": integration,
            "sequence": ids.format_sequence(sequence),
            "data": {"record": {"id": subject, "title": "Ärztin €"} | record, "changed_fields": list(changed),
                     "cause": "poll"},
        }  # fmt: skip
        return kafka.Message(
            topic=topics.events(model, self.settings.kafka.topic_prefix),
            key=subject.encode(),
            value=orjson.dumps(body),
            headers=events.headers(event_id, kind, integration),
        )

    async def send(self, count: int = 1, entities: int | None = None, **more: Any) -> list[str]:
        """Publish so many events, of as many entities unless said otherwise; returns their ids."""
        messages = [self.event(str(n % (entities or count)), **more) for n in range(count)]
        await self.publish(messages)
        return [id_of(message) for message in messages]

    # --- looking ---

    async def deliveries(self, endpoint: Endpoint, **filters: Any) -> list[Delivery]:
        """The endpoint's deliveries, newest first."""
        page = await deliveries.load_deliveries(self.db, endpoint_id=endpoint.id, limit=5000, **filters)
        return list(page.items)

    async def attempts(self, delivery: Delivery) -> list[Attempt]:
        """What was tried."""
        found = await deliveries.load_delivery(self.db, self.sealer, delivery.id)
        assert found is not None
        return found[1]

    async def one(self, endpoint: Endpoint, state: str, attempts: int = 1) -> Delivery:
        """The endpoint's only delivery, once it is in ``state`` after so many attempts."""
        found: list[Delivery] = []

        async def stands() -> bool:
            found[:] = await self.deliveries(endpoint)
            return [(one.state, one.attempts) for one in found] == [(state, attempts)]

        try:
            await until(stands)
        except TimeoutError:
            raise AssertionError(f"not {state} after {attempts}: {found}") from None
        return found[0]

    async def offsets_done(self) -> None:
        """Wait until the group has committed everything that was published."""
        await until(self._is_done)

    async def _is_done(self) -> bool:
        lag = await committed_lag(self.settings)
        return lag == 0


async def committed_lag(made: Config) -> int:
    """How many records lie behind what the group has committed."""
    from aiokafka import AIOKafkaConsumer, TopicPartition
    from aiokafka.admin import AIOKafkaAdminClient

    prefix = made.kafka.topic_prefix
    admin = AIOKafkaAdminClient(bootstrap_servers=made.kafka.bootstrap_servers)
    client = AIOKafkaConsumer(bootstrap_servers=made.kafka.bootstrap_servers)
    await admin.start()
    await client.start()
    try:
        committed = await admin.list_consumer_group_offsets(f"{prefix}.bridge-webhooks")
        places = [
            TopicPartition(topic, partition)
            for topic in topics.all_events(prefix).values()
            for partition in range(made.kafka.partitions)
        ]
        ends = await client.end_offsets(places)
        return sum(end - (committed[p].offset if p in committed else 0) for p, end in ends.items())
    finally:
        await client.stop()
        await admin.close()


def id_of(message: kafka.Message) -> str:
    """The event's id."""
    return dict(message.headers)["ce_id"].decode()


@asynccontextmanager
async def delivering(made: Config) -> AsyncIterator[Delivering]:
    """Everything made ready, nothing started."""
    assert made.store.url is not None
    async with (
        await Database.open(made.store.url.reveal()) as db,
        kafka.Producer(made.kafka) as producer,
        Delivering(made, db, producer) as hooks,
    ):
        yield hooks
