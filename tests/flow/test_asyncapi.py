"""What a running bridge puts on Kafka is what the AsyncAPI document says, record by record."""

import json
from typing import Any

from trackerrms_contracts import topics
from trackerrms_contracts.entities import Model

from bridge import kafka
from bridge.kafka import ConsumedRecord
from tests.commanding import Caller
from tests.contracts import asyncapi_document as reading
from tests.installation import Install
from tests.waiting import until
from tools import asyncapi


async def test_every_record_is_one_of_the_messages_of_its_topic(
    install: Install, kafka_bootstrap: str, topic_prefix: str
) -> None:
    document = asyncapi.document(topic_prefix)
    names = [channel["address"] for channel in document["channels"].values()]
    records: list[ConsumedRecord] = []

    bridge = await install(
        bootstrap_servers=kafka_bootstrap,
        topics_={"compacted": True},
        roles=("poller", "relay", "commands"),
        integration={"keep_previous": True, "remote_data": True},
    )
    bridge.start()
    await bridge.agree()
    person = bridge.server.world.live["resource"].sample(0.5)
    await bridge.simulator.change("update", "resource", person, firstname="Grace")
    await bridge.agree()
    await bridge.simulator.change("delete", "resource", person)
    await bridge.agree()
    async with (
        Caller(bridge.settings) as caller,
        kafka.Consumer(bridge.settings.kafka, names, start="beginning") as consumer,
    ):
        await caller.send_raw(b"no command", key="x")
        await caller.run("passthrough.request", {"method": "GET", "path": "/api/v1/User"})

        async def all_seen() -> bool:
            records.extend(await consumer.read_to_end())
            seen = {record.topic for record in records}
            return seen == set(names) and None in {record.value for record in records}

        await until(all_seen)

    kinds = {(record.topic, told(document, record)) for record in records}
    assert (topics.events(Model.CANDIDATE, topic_prefix), "Tombstone") in kinds
    assert (topics.dead_letter(topic_prefix), "DeadLetter") in kinds
    types = {dict(record.headers).get("ce_type") for record in records}
    assert {b"candidate.created", b"candidate.updated", b"candidate.deleted"} <= types


def told(document: reading.Document, record: ConsumedRecord) -> str:
    """The message of the document that the record is: its headers, its key and its value."""
    value: Any = None if record.value is None else json.loads(record.value) if is_json(record) else "no JSON"
    headers = {name: text.decode() for name, text in record.headers}
    found = {}
    for name, message in reading.messages(document, record.topic).items():
        found[name] = reading.faults(document, message["payload"], value)
        # Whoever publishes commands may send what headers he likes.
        if record.topic != topics.commands(record.topic.split(".")[0]):
            found[name] += reading.faults(document, reading.closed(message.get("headers")), headers)
        assert record.key is not None
    if value == "no JSON":
        return "nothing"
    fitting = [name for name, faults in found.items() if not faults]
    assert len(fitting) == 1, (record.topic, found)
    if "subject" in (value or {}) and "sequence" in value:
        assert record.key == value["subject"].encode()
    return fitting[0]


def is_json(record: ConsumedRecord) -> bool:
    return record.value is not None and record.value.startswith(b"{")
