"""Times are read by what is configured or by what they say themselves, and never guessed."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest

from bridge.tracker import date_formats, local_time
from bridge.tracker.date_formats import DATE_FORMATS, DateFormat
from bridge.tracker.local_time import Clock, ZoneSetting
from bridge.tracker.values import WrongType

LONDON, NEW_YORK = ZoneInfo("Europe/London"), ZoneInfo("America/New_York")
JULY, NOVEMBER = datetime(2026, 7, 1, 8, tzinfo=UTC), datetime(2026, 11, 4, 9, 14, tzinfo=UTC)
MILLISECONDS = int(NOVEMBER.timestamp() * 1000)
REFUSED = "refused"


def read(value: Any, date_format: DateFormat = "iso", times: ZoneSetting = "auto") -> Any:
    """The moment that London's account means; ``refused`` with the message otherwise."""
    try:
        return local_time.instant(value, Clock(zone=LONDON, date_format=date_format, times=times))
    except WrongType as error:
        return f"{REFUSED}: {error}"


def test_a_time_is_read_by_the_format_or_by_what_it_says_itself(subtests: pytest.Subtests) -> None:
    cases: list[tuple[Any, DateFormat, datetime]] = [
        ("2026-07-01T09:00:00", "iso", JULY),
        ("2026-07-01 09:00", "iso", JULY),
        ("2026/07/01 9:00 AM", "iso", JULY),
        ("2026-11-04T09:14:00.1234567", "iso", NOVEMBER + timedelta(microseconds=123456)),
        ("20261104T091400", "iso", NOVEMBER),
        ("\u200b2026-11-04T09:14:00 ", "iso", NOVEMBER),
        ("11/04/2026 09:14:00 AM", "month-first", NOVEMBER),
        ("11/4/2026 9:14", "month-first", NOVEMBER),
        ("04.11.2026 09:14", "day-first", NOVEMBER),
        ("4/11/2026, 9:14 a.m.", "day-first", NOVEMBER),
        (f"/Date({MILLISECONDS})/", "ajax", NOVEMBER),
        (f"\\/Date({MILLISECONDS}+0100)\\/", "ajax", NOVEMBER),
        (MILLISECONDS, "epoch-milliseconds", NOVEMBER),
        (str(MILLISECONDS // 1000), "epoch-seconds", NOVEMBER),
        ("4 Nov 2026 09:14", "month-name", NOVEMBER),
        # Whatever is configured.
        ("2026-11-04T09:14:00", "day-first", NOVEMBER),
        (f"/Date({MILLISECONDS})/", "iso", NOVEMBER),
        ("Wed, 04 Nov 2026 09:14:00 GMT", "iso", NOVEMBER),
        ("Nov  4 2026  9:14AM", "iso", NOVEMBER),
        ("25/11/2026 09:14", "iso", NOVEMBER + timedelta(days=21)),
        ("11/25/2026 09:14", "iso", NOVEMBER + timedelta(days=21)),
        ("11/11/2026 09:14", "iso", NOVEMBER + timedelta(days=7)),
    ]
    for value, date_format, moment in cases:
        with subtests.test(value=value, date_format=date_format):
            assert read(value, date_format) == moment


def test_what_may_mean_two_days_is_refused_with_what_would_fit(subtests: pytest.Subtests) -> None:
    cases: list[tuple[Any, DateFormat, str]] = [
        ("11/04/2026 09:14", "iso", "fits day-first or month-first"),
        ("25/04/2026 09:14", "month-first", "fits day-first: set date_format"),
        ("04/25/2026 09:14", "day-first", "fits month-first"),
        (MILLISECONDS, "iso", "is a number .* fits epoch-milliseconds"),
        (MILLISECONDS, "epoch-seconds", "fits epoch-milliseconds"),
        ("04/11/26", "day-first", "fits no known format"),
        ("31/02/2026", "day-first", "fits no known format"),
        ("2026-11-04T25:14:00", "iso", "fits no known format"),
        ("2026-11-04 13:14 PM", "iso", "fits no known format"),
        ("soon", "iso", "fits no known format"),
        (5, "iso", "fits no known format"),
        ([], "iso", "is a list"),
        (True, "epoch-seconds", "is a boolean"),
    ]
    for value, date_format, message in cases:
        with subtests.test(value=value, date_format=date_format):
            with pytest.raises(WrongType, match=message) as refused:
                local_time.instant(value, Clock(zone=LONDON, date_format=date_format))
            assert "2026" not in str(refused.value)


def test_what_databases_write_for_no_date_is_absent(subtests: pytest.Subtests) -> None:
    cases: list[tuple[Any, DateFormat]] = [
        ("0001-01-01T00:00:00", "iso"),
        ("0001-01-01T00:00:00Z", "iso"),
        ("1900-01-01", "iso"),
        ("1899-12-31T19:00:00", "iso"),
        ("1899-12-30T00:00:00", "iso"),
        ("1753-01-01T00:00:00", "iso"),
        ("1970-01-01T00:00:00", "iso"),
        ("9999-12-31T23:59:59", "iso"),
        ("9999-12-31T23:59:59.9999999Z", "iso"),
        ("0000-00-00T00:00:00", "iso"),
        ("0000-00-00", "month-first"),
        ("00/00/0000", "month-first"),
        ("01/01/0001 12:00:00 AM", "iso"),
        ("12/31/9999", "iso"),
        ("2079-06-06T23:59:00", "iso"),
        ("/Date(-62135596800000)/", "iso"),
        ("/Date(-62135578800000)/", "ajax"),
        ("/Date(253402300799999)/", "ajax"),
        (-62135596800000, "epoch-milliseconds"),
        (0, "epoch-seconds"),
        (0, "iso"),
        ("  /  /  ", "iso"),
        ("", "iso"),
        (None, "iso"),
    ]
    for value, date_format in cases:
        for zone in (LONDON, NEW_YORK, ZoneInfo("Pacific/Auckland")):
            with subtests.test(value=value, zone=zone):
                assert local_time.instants(value, Clock(zone=zone, date_format=date_format)) is None
                assert not date_formats.is_dated(value)
    assert date_formats.is_dated("2026-11-04")
    assert date_formats.is_dated("some day")


def test_what_a_named_zone_means_is_configured_or_refused(subtests: pytest.Subtests) -> None:
    cases: list[tuple[str, ZoneSetting, Any]] = [
        ("2026-07-01T09:00:00Z", "tenant", JULY),
        ("2026-07-01T09:00:00Z", "offset", JULY + timedelta(hours=1)),
        ("2026-07-01T09:00:00Z", "utc", JULY + timedelta(hours=1)),
        ("2026-07-01T09:00:00Z", "auto", REFUSED),
        ("2026-07-01T09:00:00+00:00", "auto", REFUSED),
        ("2026-11-04T09:14:00Z", "auto", NOVEMBER),  # London is on UTC: both say the same
        ("2026-07-01T09:00:00+01:00", "auto", JULY),
        ("2026-07-01T04:00:00-04:00", "auto", JULY),
        ("2026-07-01T04:00:00-04:00", "tenant", JULY - timedelta(hours=5)),
        ("2026-07-01T09:00:00", "utc", JULY + timedelta(hours=1)),
        ("2026-07-01T09:00:00", "offset", JULY),
    ]
    for value, times, moment in cases:
        with subtests.test(value=value, times=times):
            found = read(value, times=times)
            assert found == moment or (moment == REFUSED and 'set times = "tenant"' in found)


def test_the_formats_that_fit_every_sample_of_a_field(subtests: pytest.Subtests) -> None:
    cases: list[tuple[list[Any], set[DateFormat]]] = [
        (["2026-11-04T09:14:00", None, "", "0001-01-01T00:00:00"], {"iso"}),
        (["11/04/2026", "12/04/2026"], {"month-first", "day-first"}),
        (["11/04/2026", "25/04/2026"], {"day-first"}),
        (["11/04/2026", "04/25/2026"], {"month-first"}),
        (["04/25/2026", "25/04/2026"], set()),
        ([f"/Date({MILLISECONDS})/"], {"ajax"}),
        ([MILLISECONDS], {"epoch-milliseconds"}),
        ([MILLISECONDS // 1000], {"epoch-seconds"}),
        (["4 Nov 2026"], {"month-name"}),
        (["soon"], set()),
        ([None, ""], set(DATE_FORMATS)),
    ]
    for samples, formats in cases:
        with subtests.test(samples=samples):
            assert date_formats.formats_that_fit(samples) == formats
    for alone in ("2026-11-04T09:14:00", "4 Nov 2026", f"/Date({MILLISECONDS})/"):
        assert date_formats.says_itself(alone)
    for doubtful in ("11/04/2026", MILLISECONDS, None, "soon"):
        assert not date_formats.says_itself(doubtful)


def test_a_time_that_summer_time_skips_is_read_as_if_the_clocks_still_stood() -> None:
    assert read("2026-03-29T01:30:00") == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


def test_every_zone_is_read_as_the_standard_library_reads_it() -> None:
    rng = Random(1)
    first = datetime.fromisoformat("1971-01-02")
    half_hours = 99 * 365 * 48
    for name in sorted(available_timezones()):
        zone = ZoneInfo(name)
        for _ in range(40):
            digits = first + timedelta(minutes=30 * rng.randrange(half_hours))
            both = [digits.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
            found = local_time.instants(digits.isoformat(), Clock(zone=zone))
            assert found == (min(both), max(both)), (name, digits)
            assert local_time.instant(digits.isoformat(), Clock(zone=zone)) == both[0], (name, digits)
