"""Decodes one page of a list: finds rows without decoding them, and classifies what is wrong with a page.
Pure.

A row stays a raw slice of the answer until it is needed: of a million unchanged rows only the ids are
decoded. What msgspec rejects but TrackerRMS may send (a lone surrogate, NaN) goes through the standard
library's ``json``.
"""

import json
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw, Struct

from bridge.tracker import charsets, html_texts, layouts, values
from bridge.tracker.errors import BadCharset, BadJson, EmptyBody, NoRows

_OTHER_ROWS = "data"  # the envelope {data, totalRecords} of one client's placements
_ROWS_FIELD, _OTHER_FIELD = "rows_", "other_"
_TOTALS = ("totalCount", "totalRecords")
_MOST_DIGITS = 4000
_NOT_UTF8 = "has bytes that are not UTF-8, but no other charset is declared: set charset"
_REFUSED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_rows = msgspec.json.Decoder(list[Raw])
_anything = msgspec.json.Decoder()


class Row(Struct, frozen=True, kw_only=True, gc=False):
    """A row as received. ``place`` is its position in the page, from 0."""

    remote_id: str
    place: int
    raw: bytes | Raw

    def decode(self) -> dict[str, Any]:
        """Return the row as plain values, with U+FFFD for lone surrogates."""
        record: dict[str, Any] = decode_leniently(self.raw)
        return record

    def unescaped(self) -> "Row":
        """Return the row with every text unescaped from HTML."""
        return msgspec.structs.replace(self, raw=html_texts.unescaped(bytes(self.raw)))


class BadRow(Struct, frozen=True, kw_only=True):
    """A row that is not a record. ``reason`` names types, never values."""

    place: int
    reason: str


class Page(Struct, frozen=True, kw_only=True):
    """A page. ``number`` counts from 1. ``total_count`` and ``page_size`` are set if the answer has them.

    ``has_next`` comes from the answer, else from its totals, else from whether there are rows. ``says_more``
    is the same without the last; ``None`` if the answer does not say.
    """

    rows: tuple[Row, ...]
    bad_rows: tuple[BadRow, ...]
    number: int
    total_count: int | None
    page_size: int | None
    has_next: bool
    says_more: bool | None = None

    @property
    def row_ids(self) -> frozenset[str]:
        """Return the ids of the rows."""
        return frozenset(row.remote_id for row in self.rows)

    @property
    def row_count(self) -> int:
        """Return the number of rows, including those without a usable id."""
        return len(self.rows) + len(self.bad_rows)


class PageDecoder:
    """Decodes the pages of one resource: ``rows_key`` in the envelope, ``id_keys`` in a row."""

    def __init__(self, rows_key: str, id_keys: tuple[str, ...], id_name: str) -> None:
        self._rows_key = rows_key
        self._id_keys = id_keys
        self._id_name = id_name
        fields = [
            (f"id_{n}", int | str | None, msgspec.field(name=key, default=None))
            for n, key in enumerate(id_keys)
        ]
        self._id = msgspec.json.Decoder(msgspec.defstruct("RowId", fields, frozen=True, gc=False))
        self._envelope = msgspec.json.Decoder(_envelope(rows_key))

    def decode(self, body: bytes, number: int) -> Page:
        """Decode the page in ``body``. Raises ``EmptyBody``, ``BadJson`` or ``NoRows``."""
        if not body.strip():
            raise EmptyBody("the answer's body is empty")
        envelope, raw_rows = self._split(body)
        rows, bad_rows = [], []
        sound = charsets.is_utf8(body)
        for place, raw in enumerate(raw_rows):
            # A row with invalid text does not affect the others.
            row = self._row(place, raw) if sound or charsets.is_utf8(bytes(raw)) else _unlettered(place)
            if isinstance(row, Row):
                rows.append(row)
            else:
                bad_rows.append(row)
        more = _says_more(envelope, number)
        return Page(
            rows=tuple(rows),
            bad_rows=tuple(bad_rows),
            number=number,
            total_count=_count(envelope, *_TOTALS),
            page_size=_count(envelope, "pageSize"),
            has_next=bool(raw_rows) if more is None else more,
            says_more=more,
        )

    def _split(self, body: bytes) -> tuple[dict[str, Any], list[Any]]:
        try:
            if body.lstrip()[:1] == b"[":
                return {}, list(_rows.decode(body))
            found = self._envelope.decode(body)
            rows = getattr(found, _ROWS_FIELD)
            if rows is None:
                rows = getattr(found, _OTHER_FIELD, None)
            if rows is not None:
                return {key: getattr(found, key) for key in _PLAIN}, rows
        except _REFUSED:
            pass  # the slow path finds out what is odd
        return self._split_slowly(body)

    def _split_slowly(self, body: bytes) -> tuple[dict[str, Any], list[Any]]:
        envelope = decode_leniently(body)
        if isinstance(envelope, list):
            return {}, [_encode(row) for row in envelope]
        if not isinstance(envelope, dict):
            raise NoRows(f"the answer is {values.kind(envelope)}, expected an object with {self._rows_key!r}")
        rows = self._found(envelope)
        if not isinstance(rows, list):
            raise NoRows(f"{self._rows_key!r} is {values.kind(rows)}, expected a list")
        return envelope, [_encode(row) for row in rows]

    def _found(self, envelope: Mapping[str, Any]) -> Any:
        rows: Any = envelope
        for key in self._rows_key.split("."):
            rows = rows.get(key) if isinstance(rows, dict) else None
        if rows is not None:
            return rows
        for key in (self._rows_key, _OTHER_ROWS):
            if key in envelope:
                return envelope[key]
        alike = [
            value
            for key, value in envelope.items()
            if layouts.compared_key(key) == layouts.compared_key(self._rows_key)
        ]
        if len(alike) == 1:
            return alike[0]
        known = ", ".join(sorted(envelope)[:20])[:300] or "none"
        raise NoRows(f"the answer has no {self._rows_key!r}; its keys: {known}")

    def _row(self, place: int, raw: bytes | Raw) -> Row | BadRow:
        try:
            found = self._id.decode(raw)
        except _REFUSED:
            return self._odd_row(place, raw)
        for n in range(len(self._id_keys)):
            value = getattr(found, f"id_{n}")
            if type(value) is int and value >= 0:
                return Row(remote_id=str(value), place=place, raw=raw)
            if value is not None:
                break
        return self._odd_row(place, raw)

    def _odd_row(self, place: int, raw: bytes | Raw) -> Row | BadRow:
        try:
            record = decode_leniently(raw)
        except BadJson:
            return BadRow(place=place, reason="is not JSON")
        if not isinstance(record, dict):
            return BadRow(place=place, reason=f"is {values.kind(record)}, expected an object")
        value = next(
            (record[key] for key in self._id_keys if not values.is_blank_text(record.get(key))), None
        )
        try:
            return Row(remote_id=values.parse_record_id(value), place=place, raw=raw)
        except values.WrongType as error:
            return BadRow(place=place, reason=f"{self._id_name} {error}")


def _unlettered(place: int) -> BadRow:
    return BadRow(place=place, reason=_NOT_UTF8)


def decode_leniently(body: bytes | Raw) -> Any:
    """Decode any JSON to plain values, with U+FFFD for lone surrogates and ``None`` for NaN and infinities.
    Raises ``BadJson``."""
    try:
        return _anything.decode(body)
    except _REFUSED:
        return _decode_leniently(bytes(body))


def _decode_leniently(body: bytes) -> Any:
    if not charsets.is_utf8(body):
        raise BadCharset(f"the answer {_NOT_UTF8}")
    try:
        found = json.loads(body.decode("utf-8-sig"), parse_constant=lambda _: None, parse_int=_whole_number)
        return values.scrub_tree(found)
    except (ValueError, RecursionError) as error:
        where = f" at character {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        # The error's own text could quote the body.
        raise BadJson(f"the answer is not JSON{where}") from None


def _whole_number(digits: str) -> int | None:
    # Python converts only some thousand digits.
    return int(digits) if len(digits) <= _MOST_DIGITS else None


_PLAIN = (*_TOTALS, "pageSize", "totalPages", "hasNextPage")


def _envelope(rows_key: str) -> type[Struct]:
    """Return the type that decodes an answer in one pass: its raw rows and its totals."""
    fields: list[tuple[str, Any, Any]] = [
        (_ROWS_FIELD, list[Raw] | None, msgspec.field(name=rows_key, default=None)),
        *((key, Any, None) for key in _PLAIN),
    ]
    if rows_key != _OTHER_ROWS:
        other = msgspec.field(name=_OTHER_ROWS, default=None)
        fields.append((_OTHER_FIELD, list[Raw] | None, other))
    return msgspec.defstruct("Envelope", fields, frozen=True)


def _encode(row: Any) -> bytes:
    return msgspec.json.encode(row)


def _count(envelope: Mapping[str, Any], *keys: str) -> int | None:
    for key in keys:
        value = envelope.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
        if isinstance(value, str) and value.isdecimal() and len(value) < 20:
            return int(value)
    return None


def _says_more(envelope: Mapping[str, Any], number: int) -> bool | None:
    said = envelope.get("hasNextPage")
    if isinstance(said, bool):
        return said
    pages = _count(envelope, "totalPages")
    if pages is not None:
        return number < pages
    total, size = _count(envelope, *_TOTALS), _count(envelope, "pageSize")
    if total is not None and size:
        return number * size < total
    return None
