"""What times show of their own zone and precision."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bridge.tracker import local_time, zone_facts
from bridge.tracker.local_time import Clock

LONDON, KOLKATA = ZoneInfo("Europe/London"), ZoneInfo("Asia/Kolkata")
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def midnights(zone: ZoneInfo, *times: str) -> zone_facts.Midnights:
    return zone_facts.midnights(zone_facts.readable_times(times, "iso"), zone)


def test_days_that_begin_at_midnight_tell_which_clock_wrote_them(subtests: pytest.Subtests) -> None:
    summer = [f"2026-06-{day:02}" for day in range(1, 5)]
    winter = [f"2026-12-{day:02}" for day in range(1, 5)]
    cases = [
        ("local", [f"{day}T00:00:00" for day in summer], LONDON, "tenant"),
        ("UTC", [f"{day}T23:00:00" for day in summer], LONDON, "utc"),
        ("UTC with a Z", [f"{day}T23:00:00Z" for day in summer], LONDON, "utc"),
        ("UTC half an hour off", [f"{day}T18:30:00" for day in winter], KOLKATA, "utc"),
        ("both", [f"{day}T00:00:00" for day in summer] + [f"{day}T23:00:00" for day in summer], LONDON, None),
        ("too few", [f"{day}T23:00:00" for day in summer[:2]], LONDON, None),
        ("at UTC all the time", [f"{day}T00:00:00" for day in winter], LONDON, None),
        ("bare days", summer, LONDON, None),
        ("any time of day", [f"{day}T09:14:3{n}" for n, day in enumerate(summer)], LONDON, None),
    ]
    for name, times, zone, reading in cases:
        with subtests.test(name):
            assert midnights(zone, *times).reading == reading


def test_the_newest_update_tells_where_one_reading_lies_in_the_future(subtests: pytest.Subtests) -> None:
    new_york = ZoneInfo("America/New_York")
    cases = [
        # (zone, the digits, by which clock they have happened)
        (LONDON, "2026-07-01T12:59:00", "tenant"),  # 11:59 UTC; as UTC it would be an hour from now
        (LONDON, "2026-07-01T11:59:00", None),
        (LONDON, "2026-07-02T12:59:00", None),  # the server's clock is wrong
        (new_york, "2026-07-01T11:59:00", "utc"),  # as local time it would be hours from now
        (new_york, "2026-07-01T07:59:00", None),
        (LONDON, "2026-07-01", None),
    ]
    for zone, digits, reading in cases:
        with subtests.test(digits, zone=zone.key):
            assert (
                zone_facts.newest_reading(zone_facts.readable_times([digits], "iso"), zone, NOON) == reading
            )


def test_how_exact_last_updates_are(subtests: pytest.Subtests) -> None:
    many = range(1, 10)
    cases = [
        ("seconds", [f"2026-06-01T09:14:0{n}" for n in many], "second"),
        ("smalldatetime", [f"2026-06-01T09:1{n}:00" for n in many], "minute"),
        ("no seconds", ["2026-06-01T09:14"], "minute"),
        ("a date column", [f"2026-06-0{n}T00:00:00" for n in many], "day"),
        ("bare days", ["2026-06-01"], "day"),
        ("too few", ["2026-06-01T09:14:00", "2026-06-02T09:15:00"], None),
        ("none", [], None),
    ]
    for name, times, exact in cases:
        with subtests.test(name):
            assert zone_facts.coarseness(zone_facts.readable_times(times, "iso")) == exact


def test_a_time_that_leaves_something_out_may_mean_any_moment_of_it(subtests: pytest.Subtests) -> None:
    tick, hour = timedelta(microseconds=1), timedelta(hours=1)
    minute, day = timedelta(minutes=1), timedelta(days=1)
    at, longest = datetime(2026, 7, 1, 8, 14, tzinfo=UTC), datetime(2026, 10, 24, 23, tzinfo=UTC)
    cases = [
        ("2026-07-01T09:14:00", Clock(zone=LONDON), (at, at)),
        ("2026-07-01T09:14", Clock(zone=LONDON), (at, at + minute - tick)),
        ("2026-07-01T09:14:00", Clock(zone=LONDON, precision="minute"), (at, at + minute - tick)),
        ("2026-07-01", Clock(zone=LONDON), (at.replace(hour=0, minute=0) - hour, NOON + 11 * hour - tick)),
        # The day on which the clocks go back is an hour longer.
        (
            "2026-10-25", Clock(zone=LONDON),
            (longest, longest + day + hour - tick),
        ),
    ]  # fmt: skip
    for value, clock, moments in cases:
        with subtests.test(value, precision=clock.precision):
            assert local_time.instants(value, clock) == moments
            assert local_time.instant(value, clock) == moments[0]
