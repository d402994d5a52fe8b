"""Handlers of commands: one function per command, from its input to its answer and the records it touched."""

from typing import assert_never

from msgspec import Struct
from trackerrms_contracts.commands import CreateApplication, CreateCandidate, MoveToStage, Passthrough, Reject

from bridge.commands import create, passthrough, stages
from bridge.commands.account import Account
from bridge.commands.completion import CommandLedger, Place, format_step
from bridge.commands.decoding import Input
from bridge.commands.errors import CommandFailed, Undetermined
from bridge.commands.results import Done
from bridge.store.attempts import AttemptProgress
from bridge.store.read_requests import ReadRequest
from bridge.tracker.errors import EffectUnknown

SENDING = "passthrough"
"""The step of a command whose only call may have been sent."""


class Handled(Struct, frozen=True, kw_only=True):
    """The outcome of a command: its answer, the records to read at once, and its attempt if it had one."""

    done: Done
    requests: tuple[ReadRequest, ...] = ()
    attempt: tuple[Place, AttemptProgress] | None = None


async def handle_command(account: Account, ledger: CommandLedger, data: Input, *, sent: bool) -> Handled:
    """Execute a command. ``sent``: an earlier run of it stopped at ``SENDING``.

    Raises ``CommandFailed`` and the errors of ``errors.TROUBLE``. After a retryable error, the next call
    continues where this one stopped.
    """
    command_id = ledger.key.command_id
    match data:
        case CreateCandidate() | CreateApplication():
            created = await create.create_candidate_or_application(account, ledger, data)
            return Handled(
                done=created.done,
                requests=(
                    _request(account, "candidates", created.candidate, command_id),
                    _request(account, "applications", created.application, command_id),
                ),
                attempt=(created.place, created.progress),
            )
        case MoveToStage():
            application, done = await stages.move_application(account, data)
            return Handled(done=done, requests=(_request(account, "applications", application, command_id),))
        case Reject():
            application, done = await stages.reject_application(account, data)
            return Handled(done=done, requests=(_request(account, "applications", application, command_id),))
        case Passthrough():
            return Handled(done=await _passthrough(account, ledger, data, sent=sent))
        case unreachable:
            assert_never(unreachable)


async def _passthrough(account: Account, ledger: CommandLedger, data: Passthrough, *, sent: bool) -> Done:
    """Send a call that changes something only once: only the caller knows how to check its effect."""
    if data.method in passthrough.READS:
        return await passthrough.pass_request_through(account, data)
    if sent:
        raise NeverKnown(
            f"{data.method} may have been sent before the bridge stopped; check whether it took effect"
        )
    await ledger.note(SENDING, [format_step(SENDING, f"{data.method}: about to be sent")])
    try:
        return await passthrough.pass_request_through(account, data)
    except EffectUnknown as error:
        raise NeverKnown(f"{error}; check whether it took effect") from error


class NeverKnown(Undetermined):
    """A call whose effect will never become known by waiting: the command ends ``unknown`` at once."""

    def __init__(self, message: str) -> None:
        CommandFailed.__init__(self, "REMOTE.UNKNOWN_HTTP_ERROR", message)


def _request(account: Account, resource: str, remote_id: str, command_id: str) -> ReadRequest:
    return ReadRequest(
        integration_id=account.id,
        resource=resource,
        row_id=int(remote_id),
        cause="command",
        command_id=command_id,
    )
