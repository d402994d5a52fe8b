"""Detects the switches of dates from the form of times, and from placeholders."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from bridge.cli.recording.detectors.filters import clock_of
from bridge.cli.recording.detectors.values import leaves_out_nulls, nulls
from bridge.cli.recording.seen import BY_ID, SeenAccount
from bridge.clock import utc_now
from bridge.json_types import JsonObject
from bridge.tracker import date_formats
from bridge.tracker.date_formats import WrittenTime

# The plain keys of times: those that are always set, and those that are optional.
ALWAYS: Final = frozenset(
    (
        *("creationdate", "createddate", "datecreated"),
        *("lastupdateddatetime", "lastupdated", "lastupdateddate", "modifieddate"),
    )
)
OPTIONAL: Final = frozenset(
    (
        *("dateopened", "datefilled", "publishdate", "publishstartdate"),
        *("awarded", "filled", "closed", "deleteddate"),
    )
)
_FORMS: Final = {
    "local": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d",
    "utc_z": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
    "offset": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d",
    "fraction": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+",
    "fraction_z": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z",
    "space": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d",
    "minutes": r"\d{4}-\d\d-\d\dT\d\d:\d\d",
    "us": r"\d{1,2}/\d{1,2}/\d{4} \d{1,2}:\d\d:\d\d [AP]M",
    "us_24": r"\d\d/\d\d/\d{4} \d\d:\d\d:\d\d",
    "dotted": r"\d\d\.\d\d\.\d{4} \d\d:\d\d:\d\d",
    "day_month": r"\d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d",
    "rfc1123": r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT",
    "ms_date": r"/Date\(-?\d+\)/",
    "ms_date_offset": r"/Date\(-?\d+[+-]\d{4}\)/",
    "epoch_text": r"\d{9,10}",
    "date": r"\d{4}-\d\d-\d\d",
}
_RECORD_FORMS: Final = ("utc_z", "offset", "us", "day_first", "epoch_ms")
_SENTINELS: Final = {
    "0001-01-01": "0001",
    "1753-01-01": "1753",
    "1900-01-01": "1900",
    "1970-01-01": "1970",
    "9999-12-31": "9999",
    "0000-00-00": "0000",
    "N/A": "na",
}
_ODD: Final = {"0000-00-00": "0000", "TBC": "text", "2026-02-30": "feb_30"}
_EPOCH_MS: Final = 1e11
_A_MOMENT: Final = timedelta(minutes=10)


def dates(seen: SeenAccount) -> str | None:
    """Detect from the times in rows. The filter shows if their digits are local."""
    form = date_form(_always(seen, by_id=False)) or date_form(_always(seen, by_id=True))
    clock = clock_of(seen.filtered)
    if form == "local" and clock == "ahead":
        return "utc"
    return "local_z" if form == "utc_z" and clock == "shown" else form


def record_dates(seen: SeenAccount) -> str | None:
    """Detect from the times in by-id records, if their form differs."""
    rows, records = (date_form(_always(seen, by_id=by_id)) for by_id in (False, True))
    if rows is None or records is None:
        return None
    return records if records != rows and records in _RECORD_FORMS else "as_rows"


def _always(seen: SeenAccount, *, by_id: bool) -> list[Any]:
    return [
        value
        for _, is_record, record in seen.everything()
        if is_record is by_id
        for key, value in record.items()
        if key in ALWAYS and value not in (None, "")
    ]


def date_form(values: Iterable[Any]) -> str | None:
    """Return the form of most times, by the dialects' names."""
    found: dict[str, int] = {}
    texts = []
    for value in values:
        form = _form(value)
        found[form] = found.get(form, 0) + 1
        texts.append(str(value))
    best = max(found, key=lambda form: found[form], default="")
    if best == "us_24" and any(int(text[:2]) > 12 for text in texts if text[:2].isdecimal()):
        return "day_first"
    return best or None


def _form(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "epoch_ms" if value >= _EPOCH_MS else "epoch"
    text = str(value).strip()
    return next((name for name, form in _FORMS.items() if re.fullmatch(form, text)), "")


def absent_dates(seen: SeenAccount) -> str | None:
    """Detect from missing optional times of jobs: a first or last day, a word, blank, or no key."""
    jobs = [*seen.rows("jobs"), *seen.records("jobs")]
    values = [value for job in jobs for key, value in _times(job) if key != "dateopened"]
    for value in values:
        for begin, name in _SENTINELS.items():
            if isinstance(value, str) and value.startswith(begin):
                return name
    if any(value is None for value in values):
        return "null"
    if any(value == "" for value in values):
        return None if nulls(seen) == "blank" else "blank"
    if leaves_out_nulls(seen) or not seen.records("jobs"):
        return None
    history = [record for record in seen.records("jobs") if "history" in record]
    missing = any("awarded" not in (record["history"] or {}) for record in history)
    return "no_key" if missing else None


def odd_dates(seen: SeenAccount) -> str | None:
    """Detect from the times at which jobs were opened."""
    values = [value for job in seen.rows("jobs") for key, value in _times(job) if key == "dateopened"]
    for value in values:
        for begin, name in _ODD.items():
            if isinstance(value, str) and value.startswith(begin) and absent_dates(seen) != name:
                return name
    return "none" if values else None


def _times(record: JsonObject) -> Iterable[tuple[str, Any]]:
    for key, value in record.items():
        if key in OPTIONAL:
            yield key, value
        elif isinstance(value, dict):
            yield from _times(value)


def server_clock(seen: SeenAccount) -> str | None:
    """Detect from records that were updated days in the future."""
    clear = (value for value in _updates(seen) if not _may_be_two_days(value))
    latest = max((at for at in map(_instant, clear) if at is not None), default=None)
    if latest is None:
        return None
    ahead = latest - utc_now()
    if timedelta(hours=20) < ahead < timedelta(hours=40):
        return "day_ahead"
    return "year_ahead" if timedelta(days=300) < ahead < timedelta(days=400) else None


def moved_by_reading(seen: SeenAccount) -> bool | None:
    """Return true if candidates that were read by id have a very recent last update, unlike their rows."""
    rows = {
        row_id: _instant(_update(row))
        for row in seen.rows("candidates")
        if (row_id := str(row.get("resourceid", row.get("id"))))
    }
    moved = []
    now = utc_now()
    for number, record in seen.records_by_id("candidates").items():
        at, before = _instant(_update(record)), rows.get(str(number))
        if at is not None and before is not None:
            moved.append(at - before > timedelta(days=1) and abs(now - at) < timedelta(hours=16))
    return None if not moved else all(moved)


def _updates(seen: SeenAccount) -> Iterable[Any]:
    for name in BY_ID:
        for record in (*seen.rows(name), *seen.records(name)):
            yield _update(record)


def _update(record: JsonObject) -> Any:
    keys = ("lastupdateddatetime", "lastupdated", "lastupdateddate", "modifieddate")
    return next((record[key] for key in keys if key in record), None)


def _instant(value: Any) -> datetime | None:
    written = written_of(value)
    return None if written is None else written.digits.replace(tzinfo=written.zone or UTC)


def _may_be_two_days(value: Any) -> bool:
    return {"month-first", "day-first"} <= date_formats.formats_that_fit([value])


def written_of(value: Any) -> WrittenTime | None:
    """Return a time as its digits if it is unambiguous or month-first."""
    fits = date_formats.formats_that_fit([value]) if date_formats.is_dated(value) else frozenset()
    for wanted in date_formats.DATE_FORMATS:
        if wanted in fits:
            return date_formats.parse_written_time(value, wanted)
    return None


DETECTORS: Final[Mapping[str, Any]] = {
    "dates": dates,
    "record_dates": record_dates,
    "absent_dates": absent_dates,
    "odd_dates": odd_dates,
    "server_clock": server_clock,
}
