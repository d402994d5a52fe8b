"""Publishing commands to a bridge under test, and reading their results."""

import time
import uuid
from collections import defaultdict
from types import TracebackType
from typing import Any, Self

import msgspec
import orjson
from trackerrms_contracts import codec, commands, topics

from bridge import app, kafka
from bridge.config import Config
from tests.installation import INTEGRATION
from tests.waiting import patient


class Caller:
    """A service that publishes commands and reads the results topic from its beginning."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._producer = kafka.Producer(config.kafka)
        self._consumer: kafka.Consumer | None = None
        self.results: dict[str, list[dict[str, Any]]] = defaultdict(list)
        """Command id → the results that came, in order, repeats too."""

    async def __aenter__(self) -> Self:
        await app.make_topics(self._config)
        prefix = self._config.kafka.topic_prefix
        self._consumer = await kafka.Consumer(
            self._config.kafka, [topics.command_results(prefix)]
        ).__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._producer.__aexit__(kind, error, trace)
        if self._consumer is not None:
            await self._consumer.__aexit__(kind, error, trace)

    async def send(
        self, kind: str, data: Any, *, command_id: str | None = None, key: str | None = None
    ) -> str:
        """Publish one command; returns its id."""
        command_id = command_id or uuid.uuid4().hex
        await self.send_raw(envelope(kind, data, command_id), key=key or command_id)
        return command_id

    async def send_raw(self, value: bytes | None, *, key: str = "") -> None:
        """Publish whatever it is to the commands topic."""
        topic = topics.commands(self._config.kafka.topic_prefix)
        await self._producer.publish([kafka.Message(topic=topic, key=key.encode(), value=value)])

    async def send_many(self, messages: list[tuple[str, bytes]]) -> None:
        """Publish (key, value) pairs, in their order."""
        topic = topics.commands(self._config.kafka.topic_prefix)
        await self._producer.publish(
            [kafka.Message(topic=topic, key=key.encode(), value=value) for key, value in messages]
        )

    async def result(self, command_id: str, within_seconds: float = 30.0) -> dict[str, Any]:
        """The command's first result, checked against the contract."""
        await self.until(lambda: command_id in self.results, within_seconds, f"no result of {command_id}")
        return self.results[command_id][0]

    async def run(self, kind: str, data: Any, **more: Any) -> dict[str, Any]:
        """Send, and wait for the result."""
        return await self.result(await self.send(kind, data, **more))

    async def until(self, holds: Any, within_seconds: float, what: str) -> None:
        """Read results until ``holds``."""
        deadline = time.monotonic() + patient(within_seconds)
        while not holds():
            if time.monotonic() > deadline:
                raise AssertionError(f"{what} within {within_seconds} s")
            await self.read(0.2)

    async def read(self, wait_seconds: float = 0.0) -> None:
        """Take what has arrived."""
        assert self._consumer is not None
        for record in await self._consumer.getmany(wait_seconds):
            assert record.value is not None
            result = msgspec.json.decode(record.value, type=commands.Result)
            assert record.key == result.subject.encode()
            assert codec.encode(result) == record.value
            self.results[result.subject].append(orjson.loads(record.value))


def envelope(kind: str, data: Any, command_id: str, integration: str = INTEGRATION) -> bytes:
    """A command as a service would write it."""
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": command_id,
            "source": "tests",
            "type": kind,
            "integrationid": integration,
            "datacontenttype": "application/json",
            "data": data,
        }
    )


def ending(result: dict[str, Any]) -> str:
    """``succeeded``, ``failed`` or ``unknown``."""
    return str(result["type"]).rpartition(".")[2]


def code(result: dict[str, Any]) -> str | None:
    """The error's code; ``None`` of a success."""
    error = result["data"]["error"]
    return None if error is None else str(error["code"])


def person(n: int = 1, **more: Any) -> dict[str, Any]:
    """A candidate's input, another for each ``n``."""
    return {"first_name": "Ada", "last_name": f"Example{n}", "email_address": f"ada{n}@example.org"} | more
