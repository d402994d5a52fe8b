"""The door to addresses that others chose (a command's ``data_url``, a subscriber's URL), and its guard."""

from bridge.outbound.calls import Failure
from bridge.outbound.client import Outbound
from bridge.outbound.connector import Lookup
from bridge.outbound.downloads import Downloaded
from bridge.outbound.posts import Answer
from bridge.outbound.targets import Target, Unusable

__all__ = ["Answer", "Downloaded", "Failure", "Lookup", "Outbound", "Target", "Unusable"]
