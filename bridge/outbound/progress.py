"""How far a request has come: what was being waited for is what a person wants to know of a timeout."""

from collections.abc import Awaitable, Callable
from enum import Enum
from types import SimpleNamespace

import aiohttp

_Moved = Callable[[aiohttp.ClientSession, SimpleNamespace, object], Awaitable[None]]


class Step(Enum):
    """What a request waits for, in words that follow «while»."""

    STARTING = "it was prepared"
    QUEUED = "waiting for a free connection"
    LOOKUP = "its name was looked up"
    CONNECTING = "connecting"
    ANSWER = "waiting for its answer"
    READING = "its answer was read"


class Progress:
    """The step of one request, and whether its connection had been used before."""

    def __init__(self) -> None:
        self.step = Step.STARTING
        self.reused = False


def tracing() -> aiohttp.TraceConfig:
    """Moves the ``Progress`` on that a request was given as its ``trace_request_ctx``."""
    trace = aiohttp.TraceConfig()
    trace.on_connection_queued_start.append(_moves_to(Step.QUEUED))
    trace.on_connection_queued_end.append(_moves_to(Step.CONNECTING))
    trace.on_connection_create_start.append(_moves_to(Step.CONNECTING))
    trace.on_dns_resolvehost_start.append(_moves_to(Step.LOOKUP))
    trace.on_dns_resolvehost_end.append(_moves_to(Step.CONNECTING))
    trace.on_connection_create_end.append(_moves_to(Step.ANSWER))
    trace.on_connection_reuseconn.append(_moves_to(Step.ANSWER, reused=True))
    return trace


def _moves_to(step: Step, *, reused: bool = False) -> _Moved:
    async def moved(session: aiohttp.ClientSession, context: SimpleNamespace, _: object) -> None:
        progress = context.trace_request_ctx
        progress.step, progress.reused = step, reused

    return moved
