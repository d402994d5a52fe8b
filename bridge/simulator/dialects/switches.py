"""The parts of a dialect: switches, their values, and the current value of each switch."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

#: The parts of an account that a value can affect, so that a test can choose a scenario in which it shows.
TOUCHES: Final[Mapping[str, str]] = {
    "users": "users as they are read",
    "jobs": "jobs as they are read",
    "candidates": "candidates as they are read",
    "applications": "applications as they are read",
    "statuses": "the list of placement statuses",
    "polls": "what updatedAfter finds: visible after a change",
    "deletions": "the answer for a deleted record, or for an id that never existed",
    "tokens": "the exchange of a token, and calls with an invalid token",
    "throttling": "calls above the limit",
    "writes": "commands carried out by REST",
    "widget": "commands carried out by the widget API",
    "documents": "a candidate's documents",
}

#: The four lists, for switches that affect all of them.
LISTS = "jobs candidates applications users"
#: The three kinds of records that can be read by id.
RECORDS = "jobs candidates applications"


class SwitchValue(Struct, frozen=True, kw_only=True):
    """A value of a switch: the account's behavior, and the parts that show it."""

    meaning: str
    touches: frozenset[str]


class Switch(Struct, frozen=True, kw_only=True):
    """An uncertain property of an account: ``values`` by name, and the assumed one."""

    meaning: str
    default: str
    values: Mapping[str, SwitchValue]

    @property
    def others(self) -> tuple[str, ...]:
        """Return the names of the values other than the default."""
        return tuple(name for name in self.values if name != self.default)


def switch(
    meaning: str, touches: str, values: Mapping[str, str], narrower: Mapping[str, str] | None = None
) -> Switch:
    """Return a switch. The first of ``values`` is the default; ``narrower`` lists values that affect fewer
    parts.

    Raises ValueError for an unknown part.
    """
    narrower = narrower or {}
    parts = {name: frozenset(narrower.get(name, touches).split()) for name in values}
    unknown = {part for named in parts.values() for part in named} - TOUCHES.keys()
    if unknown or narrower.keys() - values.keys():
        raise ValueError(f"unknown parts or values: {sorted(unknown | narrower.keys() - values.keys())}")
    described = {name: SwitchValue(meaning=said, touches=parts[name]) for name, said in values.items()}
    return Switch(meaning=meaning, default=next(iter(values)), values=described)


class Dialect:
    """The current value of each switch of a table: the default, unless it was set.

    ``plain`` is True while every switch has its default. Setting a switch resets its counts.
    """

    def __init__(self, table: Mapping[str, Switch], given: Mapping[str, str] | None = None) -> None:
        self._table = table
        self._set: dict[str, str] = {}
        self._counts: Counter[str] = Counter()
        self.plain = True
        self.set(given or {})

    def __getitem__(self, name: str) -> str:
        return self._set.get(name) or self._table[name].default

    def any_set(self, *names: str) -> bool:
        """Return true if one of these switches differs from its default."""
        return not self.plain and not self._set.keys().isdisjoint(names)

    def set(self, values: Mapping[str, str | None]) -> None:
        """Set some switches; ``None`` sets the default. Raises ValueError without setting any."""
        for name, value in values.items():
            known = self._table.get(name)
            if known is None:
                raise ValueError(f"unknown switch {name!r}")
            if value is not None and value not in known.values:
                raise ValueError(f"{name} has no value {value!r}; use one of {', '.join(known.values)}")
        for name, value in values.items():
            if value is None or value == self._table[name].default:
                self._set.pop(name, None)
            else:
                self._set[name] = value
        for counted in [one for one in self._counts if one.partition("/")[0] in values]:
            del self._counts[counted]
        self.plain = not self._set

    def reset(self) -> None:
        """Set every switch to its default."""
        self.set(dict.fromkeys(self._set))

    def spoken(self) -> dict[str, str]:
        """Return the switches that differ from their default."""
        return dict(self._set)

    def count(self, name: str, of: str = "") -> int:
        """Return how often this was called, from 1, since the switch ``name`` was set."""
        self._counts[f"{name}/{of}"] += 1
        return self._counts[f"{name}/{of}"]

    def describe(self) -> dict[str, dict[str, Any]]:
        """Return each switch with its current value, its default, its meaning and all its values."""
        return {
            name: {
                "value": self[name],
                "default": one.default,
                "means": one.meaning,
                "values": {
                    value: {"means": said.meaning, "touches": sorted(said.touches)}
                    for value, said in one.values.items()
                },
            }
            for name, one in self._table.items()
        }
