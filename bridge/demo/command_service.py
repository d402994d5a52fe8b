"""Publishes the demo's commands to Kafka, as a service would, and collects their results."""

import asyncio
import contextlib
import time
import uuid
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import msgspec
from trackerrms_contracts import codec, topics
from trackerrms_contracts.commands import Command, CommandType, Result

from bridge import kafka
from bridge.config import Config
from bridge.demo import scenario
from bridge.demo.receiver import Receiver
from bridge.demo.screen import Screen
from bridge.demo.watcher import Asked, Expectation, Watch

_SOURCE = "careers-page"


class CommandService:
    """A service that publishes one command at a time and checks its result and events.

    Entering it publishes a first command that changes nothing. A broker takes a while to admit the member of
    a new consumer group, and the result shows that it has.
    """

    def __init__(
        self, config: Config, integration_id: str, watch: Watch, screen: Screen, receiver: Receiver
    ) -> None:
        self._integration_id = integration_id
        self._topic = topics.commands(config.kafka.topic_prefix)
        self._producer = kafka.Producer(config.kafka)
        self._watch = watch
        self._screen = screen
        self._receiver = receiver
        self._first: Asked | None = None

    async def __aenter__(self) -> Self:
        await self._producer.__aenter__()
        try:
            self._first = await self._publish(
                scenario.FIRST_COMMAND, "passthrough.request", scenario.STATUSES, key=""
            )
        except BaseException:
            await self._producer.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._producer.__aexit__(kind, error, trace)

    async def play(self, ends_at: float) -> tuple[Asked, ...]:
        """Publish each command after the previous one is complete. What has not arrived by ``ends_at`` is
        missing."""
        if self._first is None:
            raise AssertionError("enter the service before playing it")
        published: list[Asked] = []
        if not await _within(self._first.answered, ends_at):
            self._screen.command(self._first)
            return (self._first,)
        made: dict[str, str] = {}
        for order in scenario.COMMANDS:
            data = order.data(made)
            key = made.get("application", scenario.EMAIL)
            asked = await self._publish(order.says, order.kind, data, key=key, command_id=order.command_id)
            published.append(asked)
            if await _within(asked.answered, ends_at) and asked.result is not None:
                self._consider(order, asked, asked.result, published, made)
            if asked.events is not None:
                await _within(asked.events.complete, ends_at)
                await self._receiver.wait([event.id for event in asked.events.arrived], ends_at)
            self._screen.command(asked)
            if not asked.done:
                break
        return tuple(published)

    def _consider(
        self,
        order: scenario.Order,
        asked: Asked,
        result: Result,
        published: list[Asked],
        made: dict[str, str],
    ) -> None:
        """Check the result, and expect the events that it promises."""
        before = next(
            (one for one in published if one.command_id == asked.command_id and one is not asked), None
        )
        if not result.type.endswith(".succeeded"):
            asked.complaint = result.data.error.message if result.data.error else "unknown"
        elif before is not None:
            same = before.result is not None and before.result == result
            asked.note = "same result, nothing repeated"
            asked.complaint = "" if same else "differs from the first result"
        elif asked.kind == "candidate.create":
            made |= _made(result.data.result)
            asked.note = f"candidate {made['remote_candidate']}, application {made['remote_application']}"
        elif asked.kind == "passthrough.request":
            files = [f"{one['filename']} ({one['documentType']})" for one in result.data.result["data"]]
            asked.note = ", ".join(files)
            asked.complaint = "" if files == [scenario.CV_STORED] else f"not {scenario.CV_STORED}: {files}"
        missing = [(kind, made[kind.partition(".")[0]]) for kind in order.events]
        if missing and not asked.complaint:
            touched = [entity for _, entity in missing]
            asked.events = Expectation(asked.says, asked.sent_at, missing, touched)
            self._watch.expect(asked.events)

    async def _publish(
        self, says: str, kind: CommandType, data: Mapping[str, Any], *, key: str, command_id: str = ""
    ) -> Asked:
        command = Command(
            specversion="1.0",
            id=command_id or str(uuid.uuid4()),
            source=_SOURCE,
            type=kind,
            integrationid=self._integration_id,
            data=msgspec.Raw(msgspec.json.encode(data)),
        )
        message = kafka.Message(topic=self._topic, key=key.encode(), value=codec.encode(command))
        asked = Asked(says, kind, command.id)
        self._watch.asked.append(asked)
        await self._producer.publish([message])
        return asked


def _made(result: Any) -> dict[str, str]:
    """Return the ids of what ``candidate.create`` created, in the bridge and in TrackerRMS."""
    application = result["applications"][0]
    return {
        "candidate": result["id"],
        "application": application["id"],
        "remote_candidate": result["remote_id"],
        "remote_application": application["remote_id"],
    }


async def _within(event: asyncio.Event, ends_at: float) -> bool:
    """Wait for the event until ``ends_at`` at most. Return true if it was set."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(max(0.0, ends_at - time.monotonic())):
            await event.wait()
    return event.is_set()
