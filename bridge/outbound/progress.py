"""Progress of a request: the error message of a timeout says which step it interrupted."""

from contextvars import ContextVar
from enum import Enum

from aiohttp.tracing import Trace


class RequestStep(Enum):
    """The step that a request is at, in words that follow "while"."""

    STARTING = "preparing the request"
    QUEUED = "waiting for a free connection"
    LOOKUP = "resolving the host name"
    CONNECTING = "connecting"
    ANSWER = "waiting for the response"
    READING = "reading the response"


class RequestProgress(Trace):
    """The step of one request, and whether its connection had been used before.

    Only the connector receives it, as a trace. aiohttp's usual way, a ``TraceConfig``, also builds and sends
    a signal for each header and body that goes out, which is a fifth of the cost of a small POST.
    """

    def __init__(self) -> None:
        # The base class needs a configuration to send signals to; there is none, so its __init__ is not
        # called.
        self.step = RequestStep.STARTING
        self.reused = False

    async def send_connection_queued_start(self) -> None:
        """Record that the request waits: all connections are in use."""
        self.step = RequestStep.QUEUED

    async def send_connection_queued_end(self) -> None:
        """Record that a connection is free."""
        self.step = RequestStep.CONNECTING

    async def send_connection_create_start(self) -> None:
        """Record that a new connection is being made."""
        self.step, self.reused = RequestStep.CONNECTING, False

    async def send_connection_create_end(self) -> None:
        """Record that the new connection is open."""
        self.step = RequestStep.ANSWER

    async def send_connection_reuseconn(self) -> None:
        """Record that a kept-alive connection is reused."""
        self.step, self.reused = RequestStep.ANSWER, True

    async def send_dns_resolvehost_start(self, host: str) -> None:
        """Record that the host name is being resolved."""
        self.step = RequestStep.LOOKUP

    async def send_dns_resolvehost_end(self, host: str) -> None:
        """Record that the host name is resolved."""
        self.step = RequestStep.CONNECTING

    async def send_dns_cache_hit(self, host: str) -> None:
        """Ignore that the addresses are cached."""

    async def send_dns_cache_miss(self, host: str) -> None:
        """Ignore that the addresses are not cached."""


under_way: ContextVar[RequestProgress] = ContextVar("under_way")
"""Progress of the request that the current task makes."""
