"""The door to addresses that others chose (a command's ``data_url``, a subscriber's URL), and its guard."""

from bridge.outbound.client import Outbound
from bridge.outbound.connector import Lookup
from bridge.outbound.downloads import Downloaded
from bridge.outbound.targets import Target, Unusable

__all__ = ["Downloaded", "Lookup", "Outbound", "Target", "Unusable"]
