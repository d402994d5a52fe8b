"""Hosts, waiting times and ``updatedAfter``: what is decided before a call leaves."""

from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.config import IntegrationConfig
from bridge.retry import parse_retry_after
from bridge.tracker import hosts, local_time, resources, throttling
from bridge.tracker.http import HttpResponse
from bridge.tracker.retry_policy import RetryPolicy

LONDON = ZoneInfo("Europe/London")
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("region", "rest", "widget"),
    [
        ("us", "evousapi", "evoapius"),
        ("ca", "evocaapi", "evoapica"),
        ("uk", "evoglapi", "evoapi"),
        ("row", "evoglapi", "evoapi"),
    ],
)
def test_each_region_has_two_hosts(region: Literal["us", "ca", "uk", "row"], rest: str, widget: str) -> None:
    found = hosts.hosts_of(IntegrationConfig(id="acme", region=region))
    assert found.url("rest", "/x") == f"https://{rest}.tracker-rms.com/x"
    assert found.url("widget", "/x") == f"https://{widget}.tracker-rms.com/x"
    assert region in found.where


def test_a_base_url_stands_for_both_hosts() -> None:
    found = hosts.hosts_of(IntegrationConfig(id="acme", base_url="http://localhost:8080/"))
    assert found.url("rest", "/x") == found.url("widget", "/x") == "http://localhost:8080/x"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "Mon, 23 Nov 2026 12:00:30 GMT"}, 30.0),
        ({"Retry-After": "Mon, 23 Nov 2026 11:00:00 GMT"}, 0.0),
        (
            {"Retry-After": "Mon, 23 Nov 2026 13:00:05 GMT", "Date": "Mon, 23 Nov 2026 13:00:00 GMT"},
            5.0,
        ),
        ({"Retry-After": "999999"}, 3600.0),
        ({"Retry-After": "9" * 40}, 3600.0),
        ({"Retry-After": "1.5"}, 1.5),
        ({"Retry-After": "٣"}, None),
        ({"Retry-After": "Fri, 01 Jan 99999 00:00:00 GMT"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-1"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(headers: dict[str, str], seconds: float | None) -> None:
    assert parse_retry_after(headers, NOW) == seconds


@pytest.mark.parametrize(
    ("status", "headers", "seconds", "why"),
    [
        (429, {"Retry-After": "7"}, 7.0, "until 12:00:07 UTC (Retry-After 7 s); the bridge tries again then"),
        (
            429,
            {"Retry-After": "120000"},
            300.0,
            "until 2026-11-24 21:20 UTC (Retry-After 120000 s); the bridge tries again at 12:05:00 UTC; "
            "patience_seconds limits the wait",
        ),
        (429, {"Retry-After": "7500"}, 300.0, "until 14:05 UTC (Retry-After 7500 s)"),
        (429, {"Retry-After": "9" * 40}, 300.0, "until 2036-11-20 12:00 UTC"),
        (
            429,
            {"Retry-After": "Mon, 23 Nov 2026 14:05:00 GMT"},
            300.0,
            "until 14:05 UTC (Retry-After 7500 s)",
        ),
        (429, {"Retry-After": "Mon, 23 Nov 2026 11:00:00 GMT"}, 1.0, "(Retry-After 0 s)"),
        (429, {"Retry-After": "0"}, 1.0, "the bridge tries again at 12:00:01 UTC"),
        (429, {"Retry-After": "-1"}, 10.0, "(a Retry-After that can't be read); the bridge tries again at"),
        (429, {"Retry-After": "soon"}, 10.0, "(a Retry-After that can't be read)"),
        (429, {}, 10.0, "(no Retry-After); the bridge tries again at 12:00:10 UTC"),
        (503, {"Retry-After": "30"}, 30.0, "remove it from throttled_statuses"),
        (403, {"Retry-After": "30"}, 30.0, "if 403 does not mean throttling here"),
        (403, {"Retry-After": "0"}, None, ""),
        (503, {"Retry-After": "soon"}, None, ""),
        (403, {}, None, ""),
        (500, {"Retry-After": "30"}, None, ""),
        (200, {"Retry-After": "30"}, None, ""),
    ],
)
def test_what_asks_for_patience_is_believed_for_a_while_and_told(
    status: int, headers: dict[str, str], seconds: float | None, why: str
) -> None:
    answer = HttpResponse(status=status, headers=headers, body=b"")
    pause = throttling.requested_pause(answer, resources.DEFAULT, NOW, usual_seconds=10, least_seconds=1)
    assert (pause and pause.seconds) == seconds
    assert why in (pause.why if pause else "")


@settings(max_examples=20)
@given(st.integers(1, 1000))
def test_pauses_grow_and_stay_bounded(attempt: int) -> None:
    patience = RetryPolicy(first_pause_seconds=1.0, longest_pause_seconds=8.0)
    whole = min(2.0 ** (attempt - 1), 8.0)
    assert whole / 2 <= patience.pause(attempt) <= whole


@pytest.mark.parametrize(
    ("moment", "now", "digits"),
    [
        ("2026-07-01T11:00:00.9", "2026-07-01T12:00:00", "2026-07-01T12:00:00Z"),
        ("2026-12-01T11:00:00", "2026-12-01T12:00:00", "2026-12-01T11:00:00Z"),
        # The clocks went back at 01:00 UTC: 01:50 by summer time, read from winter time.
        ("2026-10-25T00:50:00", "2026-10-25T01:05:00", "2026-10-25T00:50:00Z"),
        # They went forward at 01:00 UTC: nothing repeats.
        ("2026-03-29T00:50:00", "2026-03-29T01:05:00", "2026-03-29T00:50:00Z"),
    ],
)
def test_updated_after_is_in_local_digits(moment: str, now: str, digits: str) -> None:
    then, since = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (moment, now))
    assert local_time.format_updated_after(then, since, LONDON) == digits


@given(
    st.datetimes(datetime(2026, 10, 24), datetime(2026, 10, 26)),  # noqa: DTZ001
    st.timedeltas(timedelta(0), timedelta(hours=3)),
    st.timedeltas(timedelta(0), timedelta(hours=3)),
)
def test_nothing_updated_since_is_left_out_across_the_end_of_summer_time(
    moment: datetime, until_update: timedelta, until_now: timedelta
) -> None:
    asked = moment.replace(tzinfo=UTC)
    updated = asked + until_update
    digits = updated.astimezone(LONDON).replace(tzinfo=None).isoformat()
    assert local_time.format_updated_after(asked, updated + until_now, LONDON).removesuffix("Z") <= digits


def test_updated_after_may_be_utc() -> None:
    assert local_time.updated_after_utc(datetime(2026, 7, 1, 12, tzinfo=LONDON)) == "2026-07-01T11:00:00Z"
