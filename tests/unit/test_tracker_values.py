"""Plain values out of TrackerRMS's JSON."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.simulator import truth
from bridge.tracker import values
from bridge.tracker.values import WrongType

LONDON = ZoneInfo("Europe/London")


def test_a_number_is_finite_or_none(subtests: pytest.Subtests) -> None:
    cases: list[tuple[Any, float | None]] = [
        ("40000", 40000.0),
        ("£40,000", 40000.0),
        ("£40 000 per annum", 40000.0),
        ("USD 1,234,567.89", 1234567.89),
        ("40k", 40000.0),
        ("12.50", 12.5),
        (" 7 ", 7.0),
        ("-5", -5.0),
        (40000, 40000.0),
        (1.5, 1.5),
        ("40000-50000", None),
        ("£40-50k", None),
        ("competitive", None),
        ("", None),
        (None, None),
        ("nan", None),
        ("1e999", None),
        (float("nan"), None),
        (float("inf"), None),
        (10**400, None),
        ("9" * 5000, None),
    ]
    for spelled, amount in cases:
        with subtests.test(spelled=spelled):
            assert values.number(spelled) == amount


@pytest.mark.parametrize("wrong", [True, [], {}])
def test_what_can_be_no_number_is_refused_by_its_type(wrong: Any) -> None:
    with pytest.raises(WrongType, match="expected a number"):
        values.number(wrong)


@pytest.mark.parametrize(
    ("spelled", "text"),
    [
        ("a ", "a "),
        ("  ", None),
        ("", None),
        (None, None),
        (90210, "90210"),
        (1.5, "1.5"),
        ("a\ud800", "a\ufffd"),
    ],
)
def test_text_stands_as_it_is_and_blank_is_none(spelled: Any, text: str | None) -> None:
    assert values.text(spelled) == text


@pytest.mark.parametrize(
    ("spelled", "flag"),
    [
        ("y", True),
        ("N", False),
        (True, True),
        ("false", False),
        (1, True),
        (0, False),
        ("", None),
        ("?", None),
    ],
)
def test_flags_have_many_spellings(spelled: Any, flag: bool | None) -> None:
    assert values.flag(spelled) is flag


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("ann@agency.test", "ann@agency.test"),
        ("Ann.O'Lee+x@sub.Agency.TEST", "Ann.O'Lee+x@sub.agency.test"),
        (".ann@agency.test", None),
        ("ann..lee@agency.test", None),
        ("ann@agency", None),
        ("ann lee@agency.test", None),
        ("ann@agency.test\n", None),
        ("ann@ägency.test", None),
        ("a" * 400 + "@agency.test", None),
        ("none", None),
        (None, None),
    ],
)
def test_an_email_matches_the_unified_pattern_or_is_none(address: str | None, found: str | None) -> None:
    assert values.email(address) == found


@pytest.mark.parametrize(
    ("local", "moment"),
    [
        ("2026-07-01T09:00:00", datetime(2026, 7, 1, 8, tzinfo=UTC)),
        ("2026-12-01T09:00:00.5", datetime(2026, 12, 1, 9, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-07-01", datetime(2026, 6, 30, 23, tzinfo=UTC)),
        ("2026-07-01T09:00:00Z", datetime(2026, 7, 1, 9, tzinfo=UTC)),
        ("2026-07-01T09:00:00-05:00", datetime(2026, 7, 1, 14, tzinfo=UTC)),
        ("0001-01-01T00:00:00", None),
        ("", None),
        (None, None),
    ],
)
def test_local_times_become_utc(local: str | None, moment: datetime | None) -> None:
    assert values.instant(local, LONDON) == moment


@pytest.mark.parametrize("wrong", ["soon", 5, [], "9999-99-99", True])
def test_what_is_no_time_is_refused(wrong: Any) -> None:
    with pytest.raises(WrongType, match="expected a time"):
        values.instant(wrong, LONDON)


def test_a_time_beyond_the_calendar_is_refused() -> None:
    with pytest.raises(WrongType, match="out of range"):
        values.instant("9999-12-31T23:59:59", ZoneInfo("America/New_York"))


@pytest.mark.parametrize(("spelled", "found"), [(5, "5"), ("0012", "12"), (" 7 ", "7"), (3.0, "3"), (0, "0")])
def test_a_record_id_is_decimal_digits(spelled: Any, found: str) -> None:
    assert values.record_id(spelled) == found


def test_a_time_that_summer_time_skips_is_read_as_if_the_clocks_still_stood() -> None:
    london = ZoneInfo("Europe/London")
    assert values.instant("2026-03-29T01:30:00", london) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=150, max_size=250))
def test_a_tags_id_is_what_the_simulator_makes_of_it_by_itself(name: str) -> None:
    assert values.tag_id(name) == truth.tag_id(name)
    assert len(values.tag_id(name)) <= values.LONGEST_TAG_ID
