"""Plain fields of a model, which need only a name, a type and a place. Pure.

A field is plain if the table has its name and no rule determines its value. Its type decides how it is read.
"""

from collections.abc import Callable, Collection
from typing import Any, get_type_hints

from msgspec import Struct
from trackerrms_contracts.entities import Utc

from bridge.tracker.field_reader import FieldReader
from bridge.tracker.local_time import Clock
from bridge.tracker.schema import FieldPlaces, Resources

_Read = Callable[[FieldReader, str, Clock, Resources], Any]


class PlainFields:
    """The plain fields of one model.

    ``ruled`` fields have a rule although the table has their name. ``prefix`` precedes a field's name in the
    table: a job posting's ``title`` is read as ``posting_title`` of the job's record.
    """

    def __init__(
        self, struct: type[Struct], places: FieldPlaces, ruled: Collection[str] = (), prefix: str = ""
    ) -> None:
        self._fields = tuple(
            (name, f"{prefix}{name}", _HOW[kind])
            for name, kind in get_type_hints(struct, include_extras=True).items()
            if kind in _HOW and f"{prefix}{name}" in places and name not in ruled
        )
        self.names = tuple(name for name, _, _ in self._fields)

    def read(self, reader: FieldReader, clock: Clock, settings: Resources) -> dict[str, Any]:
        """Return each plain field's value. Raises ``Permanent`` for a value of the wrong type."""
        return {name: how(reader, place, clock, settings) for name, place, how in self._fields}


_HOW: dict[Any, _Read] = {
    str | None: lambda reader, place, clock, settings: reader.text(place),
    float | None: lambda reader, place, clock, settings: reader.number(place, settings.decimal_mark),
    bool | None: lambda reader, place, clock, settings: reader.flag(place),
    Utc | None: lambda reader, place, clock, settings: reader.instant(place, clock),
}
