"""``bridge send``: publish a command and wait for its result."""

import asyncio
import sys
import time
import uuid
from pathlib import Path
from typing import Annotated, Any, assert_never

import msgspec
import typer
from trackerrms_contracts import codec, commands, topics
from trackerrms_contracts.commands import INPUTS

from bridge import app, kafka
from bridge.cli import screen, session
from bridge.clock import utc_now
from bridge.commands.decoding import Input
from bridge.config import Config, IntegrationConfig
from bridge.errors import ConfigError, Transient

_SOURCE = "bridge-send"


def send_command(
    ctx: typer.Context,
    kind: Annotated[str, typer.Argument(metavar="TYPE", help=f"The command type: {', '.join(INPUTS)}.")],
    data: Annotated[
        str, typer.Option("--data", metavar="JSON|@FILE", help="The input; @- reads it from stdin.")
    ],
    integration: Annotated[
        str | None, typer.Option(metavar="ID", help="The account; optional if only one is configured.")
    ] = None,
    command_id: Annotated[
        str | None,
        typer.Option(
            "--id", metavar="ID", help="The command's id. Sending the same id again is the same command."
        ),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the result and show it.")] = False,
    timeout: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="How long --wait waits for the result.")
    ] = 660.0,
    json: Annotated[
        bool, typer.Option("--json", help="Print the result as JSON; without --wait, the id.")
    ] = False,
) -> None:
    """Publish a command to Kafka, as your own service would.

    Its input is validated first. A bridge that runs with the role commands
    carries it out. Exit codes: 0 the command was published and, with
    [bold]--wait[/], succeeded; 1 it failed, or it is unknown if it took effect; 2
    the command is invalid and was not published; 3 no result arrived in time.
    """
    # The running bridge reports what the broker lacks; a command need not repeat it.
    found = session.configured(ctx, level="error")
    account = _one(session.chosen(found, integration))
    value = _message(kind, account.id, command_id or str(uuid.uuid4()), _input(data))
    config = app.reaching_kafka(found)
    command, parsed = codec.decode_command(value)
    if not isinstance(parsed, Input):
        raise AssertionError("an input of every type of command is known")
    message = kafka.Message(
        topic=topics.commands(config.kafka.topic_prefix), key=_key(command, parsed), value=value
    )
    result = session.run_to_end(_publish(config, message, command.id, timeout if wait else None))
    if result is None:
        print(f"sent {command.id}" if not json else msgspec.json.encode({"id": command.id}).decode())
        return
    if json:
        screen.print_json(msgspec.json.decode(codec.encode(result)))
    else:
        screen.print_markup(*_describe(result))
    raise typer.Exit(0 if result.type.endswith(".succeeded") else 1)


def _one(accounts: tuple[IntegrationConfig, ...]) -> IntegrationConfig:
    if len(accounts) > 1:
        raise ConfigError(
            f"--integration: required; choose one of {', '.join(account.id for account in accounts)}"
        )
    return accounts[0]


def _input(given: str) -> Any:
    if given == "@-":
        text = sys.stdin.read()
    elif given.startswith("@"):
        try:
            text = Path(given[1:]).expanduser().read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"--data {given}: can't be read: {type(error).__name__}") from error
    else:
        text = given
    try:
        return msgspec.json.decode(text.encode())
    except ValueError:
        raise ConfigError("--data: not JSON; give an object, or @FILE with one in it") from None


def _message(kind: str, integration_id: str, command_id: str, data: Any) -> bytes:
    if kind not in INPUTS:
        raise ConfigError(f"TYPE: unknown command type {kind!r}; use one of {', '.join(INPUTS)}")
    value = msgspec.json.encode(
        {
            "specversion": "1.0",
            "id": command_id,
            "source": _SOURCE,
            "type": kind,
            "integrationid": integration_id,
            "time": utc_now(),
            "datacontenttype": "application/json",
            "data": data,
        }
    )
    try:
        codec.decode_command(value)
    except codec.ContractError as error:
        said = str(error).removeprefix("not a command: ")
        raise ConfigError(f"{'--id' if '`$.id`' in said else '--data'}: {said}") from None
    return value


def _key(command: commands.Command, data: Input) -> bytes:
    """Return the Kafka key, which keeps commands of one person or of one application in order."""
    match data:
        case commands.CreateCandidate() | commands.CreateApplication():
            return data.candidate.email_address.strip().casefold().encode()
        case commands.MoveToStage() | commands.Reject():
            return data.application_id.encode()
        case commands.Passthrough():
            return command.id.encode()
        case _:
            assert_never(data)


async def _publish(
    config: Config, message: kafka.Message, command_id: str, wait_seconds: float | None
) -> commands.Result | None:
    limit = await app.make_topics(config)
    if len(message.value or b"") > limit:
        raise ConfigError(
            f"--data: the command has {len(message.value or b''):,} bytes, and Kafka accepts {limit:,}; "
            "give large files by data_url"
        )
    async with kafka.Producer(config.kafka) as producer:
        if wait_seconds is None:
            await producer.publish([message])
            return None
        results = topics.command_results(config.kafka.topic_prefix)
        async with kafka.Consumer(config.kafka, [results], start="end") as consumer:
            # The end offsets must be known before the result can arrive.
            await consumer.end_offsets()
            await producer.publish([message])
            return await _result(consumer, command_id, wait_seconds)


async def _result(consumer: kafka.Consumer, command_id: str, wait_seconds: float) -> commands.Result:
    ends_at = time.monotonic() + wait_seconds
    decoder = msgspec.json.Decoder(commands.Result)
    while time.monotonic() < ends_at:
        for record in await consumer.getmany(0.5):
            if record.key == command_id.encode() and record.value is not None:
                return decoder.decode(record.value)
        await asyncio.sleep(0)
    raise Transient(
        f"no result of command {command_id} within {wait_seconds:g} s; is a bridge running with the role "
        f"commands? bridge commands show {command_id} shows its progress"
    )


def _describe(result: commands.Result) -> list[Any]:
    kind, _, ending = result.type.rpartition(".")
    color = {"succeeded": "green", "failed": "red"}.get(ending, "yellow")
    lines: list[Any] = [f"[{color}]{ending}[/] {kind} {screen.escape(result.data.command_id)}"]
    error = result.data.error
    if error is not None:
        lines.append(f"  {error.code}: {error.title}")
        lines.append(f"  {screen.escape(error.message)}")
    lines += [f"  [yellow]{screen.escape(warning.message)}[/]" for warning in result.data.warnings]
    if result.data.result:
        shown = msgspec.json.format(msgspec.json.encode(result.data.result), indent=2).decode()
        lines.append(screen.escape(shown))
    return lines
