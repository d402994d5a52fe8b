"""Plain values out of TrackerRMS's JSON."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.simulator import truth
from bridge.tracker import values


@pytest.mark.parametrize(
    ("spelled", "text"),
    [
        ("a ", "a"),
        ("\u200b\ufeffGrace\u00a0 \r\n", "Grace"),
        ("Jean\u00a0Luc  P", "Jean\u00a0Luc  P"),
        ("\u2764\ufe0f", "\u2764\ufe0f"),
        ("  ", None),
        ("\u200b", None),
        ("", None),
        (None, None),
        (90210, "90210"),
        (1.5, "1.5"),
        ("a\ud800", "a\ufffd"),
    ],
)
def test_text_loses_invisible_ends_and_blank_is_none(spelled: Any, text: str | None) -> None:
    assert values.clean_text(spelled) == text


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


@pytest.mark.parametrize(("spelled", "found"), [(5, "5"), ("0012", "12"), (" 7 ", "7"), (3.0, "3"), (0, "0")])
def test_a_record_id_is_decimal_digits(spelled: Any, found: str) -> None:
    assert values.parse_record_id(spelled) == found


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=150, max_size=250))
def test_a_tags_id_is_what_the_simulator_makes_of_it_by_itself(name: str) -> None:
    assert values.tag_id(name) == truth.true_tag_id(name)
    assert len(values.tag_id(name)) <= values.LONGEST_TAG_ID
