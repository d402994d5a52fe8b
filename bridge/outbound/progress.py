"""How far a request has come: what was being waited for is what a person wants to know of a timeout."""

from contextvars import ContextVar
from enum import Enum

from aiohttp.tracing import Trace


class RequestStep(Enum):
    """What a request waits for, in words that follow «while»."""

    STARTING = "it was prepared"
    QUEUED = "waiting for a free connection"
    LOOKUP = "its name was looked up"
    CONNECTING = "connecting"
    ANSWER = "waiting for its answer"
    READING = "its answer was read"


class RequestProgress(Trace):
    """The step of one request, and whether its connection had been used before.

    The connector alone is given it as a trace. aiohttp's own way there, a ``TraceConfig``, also builds and
    sends a signal for each header and body that goes out, a fifth of what a small POST costs.
    """

    def __init__(self) -> None:
        # Not the base's: there is no configuration that signals would be sent to.
        self.step = RequestStep.STARTING
        self.reused = False

    async def send_connection_queued_start(self) -> None:
        """All connections are in use."""
        self.step = RequestStep.QUEUED

    async def send_connection_queued_end(self) -> None:
        """One is free."""
        self.step = RequestStep.CONNECTING

    async def send_connection_create_start(self) -> None:
        """A new one is made."""
        self.step, self.reused = RequestStep.CONNECTING, False

    async def send_connection_create_end(self) -> None:
        """It stands."""
        self.step = RequestStep.ANSWER

    async def send_connection_reuseconn(self) -> None:
        """One that was kept alive is taken."""
        self.step, self.reused = RequestStep.ANSWER, True

    async def send_dns_resolvehost_start(self, host: str) -> None:
        """The name is looked up."""
        self.step = RequestStep.LOOKUP

    async def send_dns_resolvehost_end(self, host: str) -> None:
        """It has addresses."""
        self.step = RequestStep.CONNECTING

    async def send_dns_cache_hit(self, host: str) -> None:
        """They are remembered."""

    async def send_dns_cache_miss(self, host: str) -> None:
        """They are not."""


under_way: ContextVar[RequestProgress] = ContextVar("under_way")
"""Of the request that the current task makes."""
