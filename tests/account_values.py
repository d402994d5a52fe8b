"""Whether a file holds a value of a simulated account."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from bridge.simulator import options
from bridge.simulator.dialects import DIALECTS
from bridge.simulator.world import World

_FEWEST = 3
_NO_VALUES = ("length", "share", "version")
_ENTITIES = ("user", "resource", "opportunity", "opportunity_resource")


def values_of(world: World, url: str) -> set[str]:
    """Every text and number of three characters and more that the account holds, and its credentials."""
    held: list[Any] = [
        (number, world.live[entity].get(number))
        for entity in _ENTITIES
        for number in world.live[entity].ids()
    ]
    held += [list(world.statuses.items()), url, url.removeprefix("http://"), url.rpartition(":")[2]]
    held += [options.BEARER_TOKEN, options.API_KEY, options.USERNAME, options.PASSWORD]
    return {text for text in _leaves(held) if len(text) >= _FEWEST}


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, part in value.items():
            # Keys of the simulator's own records are names of fields, those of statuses are ids.
            yield from [str(key)] if isinstance(key, int) else []
            yield from _leaves(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _leaves(part)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield str(value).strip()


def values_in(content: bytes, values: set[str]) -> list[str]:
    """The values that a recording holds as a whole word of a key or value; its dialect must be of words that
    the simulator has for every account."""
    recording = msgspec.json.decode(content)
    for name, value in recording.pop("dialect").items():
        assert value in DIALECTS[name].values
    text = "\n".join(_words(recording))
    return [one for one in sorted(values) if re.search(rf"(?<!\w){re.escape(one)}(?!\w)", text)]


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, part in value.items():
            yield key
            yield from [] if key in _NO_VALUES else _words(part)
    elif isinstance(value, list):
        for part in value:
            yield from _words(part)
    else:
        yield str(value)
