"""Switches for dates: the form of a time, and the placeholder for a missing one."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from bridge.simulator.dialects.naming import walked
from bridge.simulator.dialects.switches import RECORDS, Dialect, Switch, switch

#: The keys of times, in rows and in by-id records.
TIME_KEYS: Final = frozenset(
    (
        *("creationDate", "lastUpdatedDateTime", "dateOpened", "dateFilled", "publishDate"),
        *("publishStartDate", "awarded", "filled", "closed", "deletedDate"),
    )
)
_ALWAYS_THERE: Final = ("creationDate", "lastUpdatedDateTime")

_FORMATS: Final = {
    "local": "2026-10-01T09:14:00, the tenant's local time.",
    "local_z": "2026-10-01T09:14:00Z, still the tenant's local time.",
    "utc_z": "2026-10-01T08:14:00Z, UTC.",
    "utc": "2026-10-01T08:14:00, UTC without a zone.",
    "offset": "2026-10-01T09:14:00+01:00, local with its offset from UTC.",
    "fraction": "2026-10-01T09:14:00.0000000, local with seven digits.",
    "fraction_z": "2026-10-01T08:14:00.000Z, UTC with milliseconds.",
    "space": "2026-10-01 09:14:00, local.",
    "minutes": "2026-10-01T09:14, local without seconds.",
    "us": "10/1/2026 9:14:00 AM, local, the month first.",
    "us_24": "10/01/2026 09:14:00, local, the month first.",
    "day_first": "01/10/2026 09:14:00, local, the day first.",
    "dotted": "01.10.2026 09:14:00, local.",
    "day_month": "01 Oct 2026 09:14:00, local.",
    "rfc1123": "Thu, 01 Oct 2026 08:14:00 GMT.",
    "ms_date": "/Date(1790842440000)/, milliseconds since 1970.",
    "ms_date_offset": "/Date(1790842440000+0100)/, the same with the zone.",
    "epoch": "1790842440, a number of seconds since 1970.",
    "epoch_ms": "1790842440000, a number of milliseconds since 1970.",
    "epoch_text": '"1790842440", a text.',
    "date": "2026-10-01: the time of day is not shown.",
}

SWITCHES: Final[Mapping[str, Switch]] = {
    "dates": switch("How rows and by-id records write a time.", RECORDS, _FORMATS),
    "record_dates": switch(
        "How by-id records write a time, if it differs from rows.",
        RECORDS,
        {
            "as_rows": "As rows do.",
            **{name: _FORMATS[name] for name in ("utc_z", "offset", "us", "day_first", "epoch_ms")},
        },
    ),
    "absent_dates": switch(
        "What is shown for a missing time.",
        "jobs",
        {
            "null": "null.",
            "blank": "An empty text.",
            "0001": "0001-01-01T00:00:00, .NET's earliest date.",
            "1753": "1753-01-01T00:00:00, SQL Server's earliest date.",
            "1900": "1900-01-01T00:00:00.",
            "1970": "1970-01-01T00:00:00.",
            "9999": "9999-12-31T23:59:59.",
            "0000": "0000-00-00T00:00:00.",
            "na": "N/A.",
            "no_key": "The key is missing.",
        },
    ),
    "odd_dates": switch(
        "If one optional time, a job's dateOpened, is unreadable.",
        "jobs",
        {
            "none": "Every time can be read.",
            "0000": "Every third job was opened at 0000-00-00T00:00:00.",
            "text": "Every third job was opened TBC.",
            "feb_30": "Every third job was opened at 2026-02-30T00:00:00.",
        },
    ),
    "server_clock": switch(
        "The time that the tenant's server uses when it saves a record.",
        f"{RECORDS} polls",
        {
            "right": "The current time.",
            "day_ahead": "A day later.",
            "year_ahead": "A year later.",
            "hour_behind": "An hour earlier.",
            "day_behind": "A day earlier.",
        },
    ),
}

#: The error of the server's clock.
CLOCKS: Final[Mapping[str, timedelta]] = {
    "right": timedelta(),
    "day_ahead": timedelta(days=1),
    "year_ahead": timedelta(days=365),
    "hour_behind": timedelta(hours=-1),
    "day_behind": timedelta(days=-1),
}

_SENTINELS: Final[Mapping[str, Any]] = {
    "null": None,
    "blank": "",
    "0001": "0001-01-01T00:00:00",
    "1753": "1753-01-01T00:00:00",
    "1900": "1900-01-01T00:00:00",
    "1970": "1970-01-01T00:00:00",
    "9999": "9999-12-31T23:59:59",
    "0000": "0000-00-00T00:00:00",
    "na": "N/A",
}
_ODD: Final = {"0000": "0000-00-00T00:00:00", "text": "TBC", "feb_30": "2026-02-30T00:00:00"}
_EVERY: Final = 3

#: Local digits without a zone, and the same instant in UTC and with the local offset.
Moment = tuple[datetime, datetime]


def _milliseconds(moment: Moment) -> int:
    return int(moment[1].timestamp()) * 1000


def _offset(moment: Moment, colon: bool) -> str:
    text = moment[1].strftime("%z")
    return f"{text[:3]}:{text[3:]}" if colon else text


def _us(moment: Moment) -> str:
    local = moment[0]
    return f"{local.month}/{local.day}/{local.year} {local.hour % 12 or 12}:{local:%M:%S %p}"


def _utc(moment: Moment, form: str) -> str:
    return moment[1].astimezone(UTC).strftime(form)


_WRITTEN: Final[Mapping[str, Callable[[Moment], Any]]] = {
    "local_z": lambda moment: moment[0].strftime("%Y-%m-%dT%H:%M:%SZ"),
    "utc_z": lambda moment: _utc(moment, "%Y-%m-%dT%H:%M:%SZ"),
    "utc": lambda moment: _utc(moment, "%Y-%m-%dT%H:%M:%S"),
    "offset": lambda moment: moment[0].strftime("%Y-%m-%dT%H:%M:%S") + _offset(moment, colon=True),
    "fraction": lambda moment: moment[0].strftime("%Y-%m-%dT%H:%M:%S.0000000"),
    "fraction_z": lambda moment: _utc(moment, "%Y-%m-%dT%H:%M:%S.000Z"),
    "space": lambda moment: moment[0].strftime("%Y-%m-%d %H:%M:%S"),
    "minutes": lambda moment: moment[0].strftime("%Y-%m-%dT%H:%M"),
    "us": _us,
    "us_24": lambda moment: moment[0].strftime("%m/%d/%Y %H:%M:%S"),
    "day_first": lambda moment: moment[0].strftime("%d/%m/%Y %H:%M:%S"),
    "dotted": lambda moment: moment[0].strftime("%d.%m.%Y %H:%M:%S"),
    "day_month": lambda moment: moment[0].strftime("%d %b %Y %H:%M:%S"),
    "rfc1123": lambda moment: _utc(moment, "%a, %d %b %Y %H:%M:%S GMT"),
    "ms_date": lambda moment: f"/Date({_milliseconds(moment)})/",
    "ms_date_offset": lambda moment: f"/Date({_milliseconds(moment)}{_offset(moment, colon=False)})/",
    "epoch": lambda moment: _milliseconds(moment) // 1000,
    "epoch_ms": _milliseconds,
    "epoch_text": lambda moment: str(_milliseconds(moment) // 1000),
    "date": lambda moment: moment[0].strftime("%Y-%m-%d"),
}

#: Returns the moment of a record's local digits, or ``None`` for a placeholder.
ParseMoment = Callable[[object], Moment | None]


def date_format(dialect: Dialect, by_id: bool) -> str:
    """Return the form of times in rows, or in by-id records."""
    of_records = dialect["record_dates"]
    return of_records if by_id and of_records != "as_rows" else dialect["dates"]


def with_dates(dialect: Dialect, record: Any, read: ParseMoment, by_id: bool) -> Any:
    """Return a row or by-id record with its times in this dialect."""
    if not dialect.any_set("dates", "record_dates", "absent_dates", "odd_dates"):
        return record
    write = _WRITTEN.get(date_format(dialect, by_id))
    absent, odd = dialect["absent_dates"], _odd(dialect, record)

    def change(key: str, value: Any) -> Any:
        if key not in TIME_KEYS:
            return value
        if value in (None, ""):
            return value if absent in ("null", "no_key") else _SENTINELS[absent]
        if key == "dateOpened" and odd:
            return odd
        moment = read(value) if write else None
        return write(moment) if write and moment else value

    changed = walked(record, change)
    return _without_absent(changed) if absent == "no_key" else changed


def _odd(dialect: Dialect, record: Any) -> str | None:
    number = record.get("opportunityId", 1) if isinstance(record, dict) else 1
    return _ODD.get(dialect["odd_dates"]) if isinstance(number, int) and number % _EVERY == 0 else None


def _without_absent(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_absent(part) for part in value]
    if not isinstance(value, dict):
        return value
    optional = TIME_KEYS - set(_ALWAYS_THERE)
    return {
        key: _without_absent(part)
        for key, part in value.items()
        if key not in optional or part not in (None, "")
    }
