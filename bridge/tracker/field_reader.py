"""Reads one TrackerRMS record through the table: the row, the by-id record, and our field names. Pure."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from bridge.errors import Permanent
from bridge.json_types import JsonObject
from bridge.tracker import addresses, amounts, date_formats, html_texts, local_time, values
from bridge.tracker.amounts import DecimalMark
from bridge.tracker.entity_set import Gap
from bridge.tracker.html_texts import TextForm
from bridge.tracker.local_time import Clock
from bridge.tracker.schema import FieldPlace, FieldPlaces, ReadFrom
from bridge.tracker.values import TagSeparator

T = TypeVar("T")
NOWHERE = FieldPlace(source="any", path=("nowhere",), sure="seen")
"""The place of a field that the account is configured not to have."""


class FieldReader:
    """A row, a by-id record or both, read by our field names.

    Every method raises ``Permanent`` for a value of the wrong type. Its message names the entity, the
    record's id, the field and the type found, never a value. A value of the right type that is ambiguous or
    unreadable is returned as ``None`` and added to ``gaps``.
    """

    def __init__(
        self,
        entity: str,
        fields: FieldPlaces,
        row: JsonObject | None,
        detail: JsonObject | None,
        texts: TextForm = "plain",
    ) -> None:
        self.entity = entity
        self._texts = texts
        self.row = row
        self.detail = detail
        self._fields = fields
        rows = () if row is None else (row,)
        details = () if detail is None else (detail,)
        self._records: dict[ReadFrom, tuple[JsonObject, ...]] = {
            "row": rows,
            "detail": details,
            "any": details + rows,
        }
        self._name = entity
        self._gaps: dict[str, str] = {}
        for found in self._records["any"]:
            if not isinstance(found, dict):
                raise Permanent(f"{entity}: is {values.kind(found)}, expected an object")
        self.id = self._read("id", values.parse_record_id)
        self._name = f"{entity} {self.id}"
        if row is not None and detail is not None:
            self._check_same()

    def text(self, name: str) -> str | None:
        """Return text that is not blank. Text that may be HTML-escaped is a gap."""
        read, value = self._find(name)
        # This runs for every text of every record, so it avoids calls.
        found = values.trimmed(value) if type(value) is str else self._convert(read, value, values.clean_text)
        if found is None or "&" not in found or self._texts != "auto":
            return found
        if not html_texts.is_doubtful_text(name, found):
            return found
        advice = 'set texts to "html" if the account escapes texts, else to "plain"'
        self.leave_out(name, f"{read} holds HTML entities such as &amp; {advice}")
        return None

    def tags(self, name: str, separator: TagSeparator) -> tuple[str, ...]:
        """Return the tags in a text or a list. Text with a separator other than a comma is a gap."""
        read, value = self._find(name)
        if separator == "auto" and values.is_doubtful_tags(value):
            self.leave_out(
                name, f"{read} has no comma but another separator between words: set tag_separator"
            )
            return ()
        if value is None:
            return ()
        return self._convert(read, value, lambda one: values.parse_tags(one, separator))

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Return the requested fields that exist but can't be read."""
        if not self._gaps:
            return ()
        return tuple(Gap(field=name, reason=reason) for name, reason in self._gaps.items())

    def left_out(self, name: str) -> bool:
        """Return true if a requested field is a gap."""
        return name in self._gaps

    def leave_out(self, name: str, reason: str) -> None:
        """Mark a field as a gap, with a reason."""
        self._gaps[name] = reason

    def named(self, name: str) -> str | None:
        """Return text that is not blank, or the ``name`` of an object."""
        return self._read(name, _name_in)

    def number(self, name: str, decimal_mark: DecimalMark = "auto") -> float | None:
        """Return a finite number. An ambiguous amount is a gap."""
        read, value = self._find(name)
        found = self._convert(read, value, lambda one: amounts.number(one, decimal_mark))
        if found is None and amounts.is_doubtful_amount(value, decimal_mark):
            self.leave_out(name, f"{read} is an ambiguous amount: set decimal_mark")
        return found

    def flag(self, name: str) -> bool | None:
        """Return a yes or no. Any other word is a gap."""
        read, value = self._find(name)
        found = self._convert(read, value, values.flag)
        if found is None and not values.is_blank_text(value):
            self.leave_out(name, f"{read} is neither yes nor no: correct fields.{self.entity}.{name}")
        return found

    def emails(self, name: str) -> tuple[str, ...]:
        """Return the e-mail addresses in a text, in order. Anything else in it is a gap."""
        read, value = self._find(name)
        found = addresses.emails(self._convert(read, value, values.clean_text))
        if not found.whole:
            self.leave_out(name, f"{read} holds text that is not an e-mail address: correct it in TrackerRMS")
        return found.found

    def reference(self, name: str) -> str | None:
        """Return another record's id."""
        return self._read(name, values.reference)

    def instant(self, name: str, clock: Clock) -> datetime | None:
        """Return a moment in aware UTC. An unreadable date is a gap."""
        read, value = self._dated(name)
        try:
            return local_time.instant(value, clock)
        except values.WrongType as error:
            self.leave_out(name, f"{read} {error}")
            return None

    def last_update(self, clock: Clock) -> datetime | None:
        """Return the record's last update in aware UTC. It must be readable, because it decides which version
        is newer."""
        return self._convert(*self._dated("updated_at"), lambda value: local_time.instant(value, clock))

    def instants(self, name: str, clock: Clock) -> tuple[datetime, datetime] | None:
        """Return the earliest and the latest moment that a local time may mean, in aware UTC. It must be
        readable."""
        return self._convert(*self._dated(name), lambda value: local_time.instants(value, clock))

    def is_dated(self, name: str) -> bool:
        """Return true if there is a date, readable or not."""
        return date_formats.is_dated(self._dated(name)[1])

    def has(self, name: str) -> bool:
        """Return true if any place of a field exists, blank or not."""
        return any(
            _holds(record, read) for read in self._fields[name] for record in self._records[read.source]
        )

    def objects(self, name: str) -> list[JsonObject]:
        """Return a list of objects; empty if there is none."""
        return self._read(name, _objects)

    def _read(self, name: str, convert: Callable[[Any], T]) -> T:
        read, value = self._find(name)
        return self._convert(read, value, convert)

    def _convert(self, read: FieldPlace, value: Any, convert: Callable[[Any], T]) -> T:
        try:
            return convert(value)
        except values.WrongType as error:
            raise self._refused(read, error) from None

    def _refused(self, read: FieldPlace, error: values.WrongType) -> Permanent:
        cure = "" if "set " in str(error) else f"; {self._correct(read)}"
        return Permanent(f"{self._name}: {read} {error}{cure}")

    def _correct(self, read: FieldPlace) -> str:
        """Return what to set if the place of a value is wrong."""
        name = next((name for name, reads in self._fields.items() if read in reads), "id")
        return f"correct fields.{self.entity.removeprefix('job ')}.{name} if the value is elsewhere"

    def _check_same(self) -> None:
        # Combining the row of one record with the by-id record of another would merge two people.
        for read in self._fields["id"]:
            for record in self._records[read.source]:
                value = self._dig(record, read)
                if not values.is_blank_text(value) and self._same(read, value) != self.id:
                    raise Permanent(
                        f"{self._name}: {read} is the id of another record; {self._correct(read)}"
                    )

    def _same(self, read: FieldPlace, value: Any) -> str:
        try:
            return values.parse_record_id(value)
        except values.WrongType as error:
            raise self._refused(read, error) from None

    def _find(self, name: str) -> tuple[FieldPlace, Any]:
        reads = self._fields[name]
        for read in reads:
            for record in self._records[read.source]:
                # This runs for every field of every record, so it avoids calls.
                value: Any = record
                for key in read.path:
                    value = (value if type(value) is dict else self._inside(value, read)).get(key)
                if value is not None and not values.is_blank_text(value):
                    return read, value
        return reads[0] if reads else NOWHERE, None

    def _dated(self, name: str) -> tuple[FieldPlace, Any]:
        """Find a value as ``_find`` does, but skip placeholder dates if there is another place."""
        found = self._find(name)
        if found[1] is None or len(self._fields[name]) == 1 or date_formats.is_dated(found[1]):
            return found
        for read in self._fields[name]:
            for record in self._records[read.source]:
                value = self._dig(record, read)
                if date_formats.is_dated(value):
                    return read, value
        return found

    def _dig(self, record: JsonObject, read: FieldPlace) -> Any:
        value: Any = record
        for key in read.path:
            value = self._inside(value, read).get(key)
        return value

    def _inside(self, value: Any, read: FieldPlace) -> JsonObject:
        if isinstance(value, dict):
            return value
        if values.is_blank_text(value):
            return {}
        said = f"{self._name}: {read} is inside {values.kind(value)}, expected an object"
        raise Permanent(f"{said}; {self._correct(read)}")


def _holds(record: Any, read: FieldPlace) -> bool:
    for key in read.path:
        if not isinstance(record, dict) or key not in record:
            return False
        record = record[key]
    return True


def _name_in(value: Any) -> str | None:
    return values.clean_text(value.get("name") if isinstance(value, dict) else value)


def _objects(value: Any) -> list[JsonObject]:
    if value is None:
        return []
    if not isinstance(value, list | tuple):
        raise values.WrongType(f"is {values.kind(value)}, expected a list")
    for item in value:
        if not isinstance(item, dict):
            raise values.WrongType(f"holds {values.kind(item)}, expected objects")
    return list(value)
