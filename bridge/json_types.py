"""The types of decoded JSON objects."""

from collections.abc import Mapping
from typing import Any

JsonObject = Mapping[str, Any]
"""A JSON object that is only read, such as a record of TrackerRMS as it was answered."""

MutableObject = dict[str, Any]
"""A JSON object that is built up."""
