"""Reading one TrackerRMS record through the table: the row, the by-id record, and our names. Pure."""

from collections.abc import Callable, Mapping
from datetime import datetime, tzinfo
from typing import Any, TypeVar

from bridge.errors import Permanent
from bridge.tracker import values
from bridge.tracker.shapes import Fields, Read, Source

T = TypeVar("T")
NOWHERE = Read(source="any", path=("nowhere",), sure="seen")
"""The place of a field that the account is configured not to have."""
Record = Mapping[str, Any]


class Reader:
    """A row, a by-id record or both, read by our field names.

    Every method raises ``Permanent`` for a value of the wrong type; its message names the entity, the
    record's id, the field and the type found, never a value.
    """

    def __init__(self, entity: str, fields: Fields, row: Record | None, detail: Record | None) -> None:
        self.entity = entity
        self.row = row
        self.detail = detail
        self._fields = fields
        rows = () if row is None else (row,)
        details = () if detail is None else (detail,)
        self._records: dict[Source, tuple[Record, ...]] = {
            "row": rows,
            "detail": details,
            "any": details + rows,
        }
        self._name = entity
        for found in self._records["any"]:
            if not isinstance(found, dict):
                raise Permanent(f"{entity}: is {values.kind(found)}, expected an object")
        self.id = self._read("id", values.record_id)
        self._name = f"{entity} {self.id}"
        if row is not None and detail is not None:
            self._check_same()

    def text(self, name: str) -> str | None:
        """Text that is not blank."""
        return self._read(name, values.text)

    def number(self, name: str) -> float | None:
        """A finite number."""
        return self._read(name, values.number)

    def flag(self, name: str) -> bool | None:
        """A yes or no."""
        return self._read(name, values.flag)

    def reference(self, name: str) -> str | None:
        """Another record's id."""
        return self._read(name, values.reference)

    def instant(self, name: str, zone: tzinfo) -> datetime | None:
        """A moment, aware UTC."""
        return self._read(name, lambda value: values.instant(value, zone))

    def instants(self, name: str, zone: tzinfo) -> tuple[datetime, datetime] | None:
        """The earliest and the latest moment that a local time may mean, aware UTC."""
        return self._read(name, lambda value: values.instants(value, zone))

    def objects(self, name: str) -> list[Record]:
        """A list of objects; empty where nothing is there."""
        return self._read(name, _objects)

    def _read(self, name: str, convert: Callable[[Any], T]) -> T:
        read, value = self._find(name)
        try:
            return convert(value)
        except values.WrongType as error:
            raise self._refused(read, error) from None

    def _refused(self, read: Read, error: values.WrongType) -> Permanent:
        return Permanent(f"{self._name}: {read} {error}")

    def _check_same(self) -> None:
        # One record's row with another's by-id record would make a person out of two.
        for read in self._fields["id"]:
            for record in self._records[read.source]:
                value = self._dig(record, read)
                if not values.is_blank(value) and self._same(read, value) != self.id:
                    raise Permanent(f"{self._name}: {read} is of another record")

    def _same(self, read: Read, value: Any) -> str:
        try:
            return values.record_id(value)
        except values.WrongType as error:
            raise self._refused(read, error) from None

    def _find(self, name: str) -> tuple[Read, Any]:
        reads = self._fields[name]
        for read in reads:
            for record in self._records[read.source]:
                # This runs for every field of every record: no calls where they can be done without.
                value: Any = record
                for key in read.path:
                    value = (value if type(value) is dict else self._inside(value, read)).get(key)
                if value is not None and not values.is_blank(value):
                    return read, value
        return reads[0] if reads else NOWHERE, None

    def _dig(self, record: Record, read: Read) -> Any:
        value: Any = record
        for key in read.path:
            value = self._inside(value, read).get(key)
        return value

    def _inside(self, value: Any, read: Read) -> Record:
        if isinstance(value, dict):
            return value
        if values.is_blank(value):
            return {}
        raise Permanent(f"{self._name}: {read} is inside {values.kind(value)}, expected an object")


def _objects(value: Any) -> list[Record]:
    if value is None:
        return []
    if not isinstance(value, list | tuple):
        raise values.WrongType(f"is {values.kind(value)}, expected a list")
    for item in value:
        if not isinstance(item, dict):
            raise values.WrongType(f"holds {values.kind(item)}, expected objects")
    return list(value)
