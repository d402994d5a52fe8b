"""The guarded door to addresses that others choose: a command's ``data_url``, a subscriber's URL."""

from bridge.outbound.calls import CallFailure
from bridge.outbound.client import Outbound
from bridge.outbound.connector import NO_LIMIT, ConnectionLimits, ResolveHost
from bridge.outbound.downloads import Downloaded
from bridge.outbound.posts import PostResponse
from bridge.outbound.targets import Target, Unusable

__all__ = [
    "NO_LIMIT",
    "CallFailure",
    "ConnectionLimits",
    "Downloaded",
    "Outbound",
    "PostResponse",
    "ResolveHost",
    "Target",
    "Unusable",
]
