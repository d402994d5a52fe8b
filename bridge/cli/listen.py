"""``bridge listen``: a webhook receiver on this machine, for developers."""

import asyncio
import signal
import sys
from collections import Counter
from datetime import datetime
from typing import Annotated, Any

import msgspec
import typer
from msgspec import Struct

from bridge.app import Installation
from bridge.cli import screen, session
from bridge.cli.endpoints import unknown_endpoint
from bridge.clock import utc_now
from bridge.errors import ConfigError, EnvironmentFault
from bridge.simulator import subscriber, verifying
from bridge.simulator.subscriber import ReceivedRequest, ScriptedResponse
from bridge.store import endpoints


def listen(
    ctx: typer.Context,
    port: Annotated[
        int, typer.Option(min=0, max=65_535, metavar="PORT", help="The port; 0 takes a free one.")
    ] = 8430,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="The address to listen on.")] = "127.0.0.1",
    secret: Annotated[
        list[str] | None,
        typer.Option(metavar="whsec_…", help="Verify with this secret, or whpk_… key; repeatable."),
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option(metavar="ID", help="Verify with the secrets of this endpoint in the store.")
    ] = None,
    status: Annotated[
        int,
        typer.Option(
            min=200, max=599, metavar="STATUS", help="The status to answer with; 500 shows retries."
        ),
    ] = 204,
    times: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Answer --status to the first N, and 204 to the rest."),
    ] = None,
    retry_after: Annotated[
        int | None, typer.Option(min=0, metavar="SECONDS", help="Send Retry-After with --status.")
    ] = None,
    delay: Annotated[
        float, typer.Option(min=0, max=3600, metavar="SECONDS", help="Wait this long before each answer.")
    ] = 0.0,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Exit after N deliveries.")] = None,
    brief: Annotated[
        bool, typer.Option("--brief", help="Print one line per delivery, without the record.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document per line.")] = False,
) -> None:
    """Receive webhooks on this machine, verify them and show them, until interrupted.

    The bridge delivers to this machine only if outbound.allow_http = true and
    outbound.allow_networks = ["127.0.0.0/8"].
    """
    secrets = list(secret or ())
    for one in secrets:
        try:
            verifying.check_secret(one)
        except ValueError as error:
            raise ConfigError(f"--secret: {error}") from None
    if endpoint is not None:
        secrets += _stored(ctx, endpoint)
    wanted = ScriptedResponse(
        status=status,
        headers={} if retry_after is None else {"Retry-After": str(retry_after)},
        after_seconds=delay,
    )
    receiver = _Receiver(secrets, wanted, times, limit, _Printer(brief=brief, json=json))
    session.run_to_end(_listen(host, port, receiver))


class VerifiedDelivery(Struct, frozen=True, kw_only=True):
    """A received delivery: the kind of signature that verified, or the ``problem`` with it."""

    at: datetime
    id: str | None
    type: str | None
    attempt: int
    verified: str | None
    problem: str | None
    answered: int
    path: str
    event: Any


class _Printer(Struct, frozen=True, kw_only=True):
    brief: bool
    json: bool

    def show(self, one: VerifiedDelivery) -> None:
        if self.json:
            screen.print_json(one, lines=True)
            return
        seal = f"[red]{screen.escape(one.problem or '')}[/]"
        if one.verified:
            seal = f"[green]verified {one.verified}[/]"
        again = f" [yellow]received {one.attempt} times[/]" if one.attempt > 1 else ""
        kind = screen.escape(one.type or "not an event")
        head = f"[dim]{one.at:%H:%M:%S}[/] [bold]{kind}[/] {screen.escape(one.id or '')}"
        screen.print_markup(f"{head}  {seal}{again}  [dim]answered {one.answered}[/]")
        if not self.brief:
            formatted = msgspec.json.format(msgspec.json.encode(one.event), indent=2).decode()
            screen.print_markup(screen.escape(formatted))
        sys.stdout.flush()  # the reader may be a pipe


class _Receiver:
    """Receives deliveries, verifies them, prints them, and chooses the answer."""

    def __init__(
        self,
        secrets: list[str],
        wanted: ScriptedResponse,
        times: int | None,
        limit: int | None,
        printer: _Printer,
    ) -> None:
        self.verifies = bool(secrets)
        self.full = asyncio.Event()
        self._secrets = secrets
        self._wanted = wanted
        self._times = times
        self._limit = limit
        self._printer = printer
        self._count = 0
        self._seen: Counter[str] = Counter()

    def take(self, arrival: ReceivedRequest) -> ScriptedResponse:
        """Print a delivery and return the answer to it."""
        now = utc_now()
        self._count += 1
        answer = self._wanted if self._times is None or self._count <= self._times else ScriptedResponse()
        event = _event(arrival.body)
        message_id = arrival.headers.get("webhook-id")
        if message_id is not None:
            self._seen[message_id] += 1
        verified, problem = self._verify(arrival, now)
        self._printer.show(
            VerifiedDelivery(
                at=now,
                id=message_id,
                type=event.get("type") if isinstance(event, dict) else None,
                attempt=self._seen[message_id] if message_id is not None else 1,
                verified=verified,
                problem=problem,
                answered=answer.status,
                path=arrival.path,
                event=event,
            )
        )
        if self._limit is not None and self._count >= self._limit:
            self.full.set()
        return answer

    def _verify(self, arrival: ReceivedRequest, now: datetime) -> tuple[str | None, str | None]:
        if not self.verifies:
            return None, "not verified: give --secret or --endpoint"
        try:
            return verifying.verify(arrival.headers, arrival.body, self._secrets, now), None
        except verifying.Unverified as reason:
            return None, str(reason)


async def _listen(host: str, port: int, receiver: _Receiver) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, receiver.full.set)
    try:
        async with subscriber.run_subscriber(host, port, receiver.take) as url:
            screen.console(stderr=True).print(f"Listening on [bold]{url}[/]. Press Ctrl-C to stop.")
            await receiver.full.wait()
    except OSError as error:
        reason = f"--port {port}: can't listen on it: {error.strerror}; choose another port"
        raise EnvironmentFault(reason) from error


def _stored(ctx: typer.Context, endpoint_id: str) -> list[str]:
    async def read(installed: Installation) -> list[str]:
        found = await endpoints.for_dispatch(installed.db, installed.keys.sealer, endpoint_id)
        if found is None:
            raise unknown_endpoint(endpoint_id)
        return [one.public_key or one.secret for one in found.secrets]

    return session.with_store(session.configured(ctx, level="warning"), read)


def _event(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except ValueError:
        return body.decode("utf-8", "replace")
