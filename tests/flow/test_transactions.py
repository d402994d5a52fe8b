"""Nothing is asked of TrackerRMS, Kafka or a subscriber while a transaction is open (invariant 8)."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from functools import wraps
from pathlib import Path
from typing import Any

import pytest
from trackerrms_contracts.entities import Model

from bridge.config import KafkaConfig, OutboundConfig
from bridge.kafka import Consumer, Producer
from bridge.outbound import Outbound
from bridge.store.database import Database, Tx
from bridge.tracker.http import HttpSession
from tests.databases import Databases
from tests.flow.commanded import CV, commanded
from tests.waiting import until
from tests.webhooks.installed import delivering, settings
from tests.webhooks.receiving import Receiver

# The doors' calls that wait for a network.
CALLS: tuple[tuple[type[Any], str], ...] = (
    (HttpSession, "send"),
    (Producer, "publish"),
    (Consumer, "commit"),
    (Outbound, "post"),
    (Outbound, "download"),
)
_open: ContextVar[bool] = ContextVar("a transaction is open", default=False)


class Watched:
    """How often each of the doors' calls was made, and which while a transaction was open."""

    def __init__(self) -> None:
        self.made: set[str] = set()
        self.inside: list[str] = []

    def around(self, name: str, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        """Return ``call``, noted as ``name`` each time it is made."""

        @wraps(call)
        async def noted(*args: Any, **more: Any) -> Any:
            self.made.add(name)
            if _open.get():
                self.inside.append(name)
            return await call(*args, **more)

        return noted


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    """The doors' calls are noted; tasks that a transaction starts belong to it."""
    transaction = Database.transaction

    @contextlib.asynccontextmanager
    async def noted(self: Database) -> AsyncIterator[Tx]:
        async with transaction(self) as tx:
            token = _open.set(True)
            try:
                yield tx
            finally:
                _open.reset(token)

    monkeypatch.setattr(Database, "transaction", noted)
    found = Watched()
    for kind, name in CALLS:
        monkeypatch.setattr(kind, name, found.around(f"{kind.__name__}.{name}", getattr(kind, name)))
    return found


async def test_nothing_is_called_while_a_transaction_is_open(
    watched: Watched, databases: Databases, embedded_kafka: str
) -> None:
    async with commanded(databases, embedded_kafka) as bench:
        await bench.bridge.agree()
        given = await bench.create(attachments=[CV])
        result = await bench.caller.run("candidate.create", given, command_id="one")
        assert result["type"] == "candidate.create.succeeded"
        assert await bench.events(Model.CANDIDATE, "one")
        # Missed by a sweep, and proved by reads.
        await bench.remote.change("delete", "resource", int(result["data"]["result"]["remote_id"]))
        await bench.bridge.agree()
    assert watched.made >= {"HttpSession.send", "Producer.publish", "Consumer.commit"}
    assert watched.inside == []


async def test_no_subscriber_is_called_while_a_transaction_is_open(
    watched: Watched, store_url: str, kafka_config: KafkaConfig, data_dir: Path
) -> None:
    async with delivering(settings(store_url, kafka_config, str(data_dir))) as hooks, Receiver() as receiver:
        await hooks.subscribe(receiver)
        hooks.start()
        await hooks.send(20)
        await until(lambda: len(receiver.captures) == 20)
        await hooks.offsets_done()
    assert watched.made >= {"Outbound.post", "Consumer.commit"}
    assert watched.inside == []


async def test_a_call_inside_a_transaction_is_seen(watched: Watched, db: Database) -> None:
    async with Outbound(OutboundConfig()) as outbound:
        async with db.transaction():
            await outbound.post("http://127.0.0.1/", b"", {}, timeout_seconds=1, max_response_bytes=1)
        await outbound.post("http://127.0.0.1/", b"", {}, timeout_seconds=1, max_response_bytes=1)
    assert watched.inside == ["Outbound.post"]
