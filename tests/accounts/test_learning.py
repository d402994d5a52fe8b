"""The profile of an account is learned by asking it: what is as assumed, what is adopted, what is asked."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bridge.clock import utc_now
from bridge.tracker import html_texts, profile, resources
from bridge.tracker.by_id import Detail
from bridge.tracker.profile_learning import Learner
from bridge.tracker.schema import ResourceName
from tests.flow.tracker_account import Account, account

NAMES = tuple(resources.DEFAULT.resources)
BY_ID = ("jobs", "candidates", "applications")


@pytest.fixture
async def acme(store_url: str) -> AsyncIterator[Account]:
    async with account(store_url) as found:
        yield found


async def test_an_account_that_is_as_assumed_has_no_question(acme: Account) -> None:
    async with acme.client() as client:
        learned = await Learner(client, {}, "tracker").learn(NAMES, utc_now())
    findings = learned.profile.findings
    assert [f for f in findings if f.is_question] == []
    assert [f for f in findings if f.adopted] == []
    unknown = [f for f in findings if f.verdict == "unknown"]
    assert len(unknown) <= len(findings) * 0.05, unknown
    assert learned.profile.requests <= 60


async def test_the_clock_of_updated_after_is_found_out(store_url: str) -> None:
    async with (
        account(store_url, time_zone="America/New_York", changes=5) as acme,
        acme.client() as client,
    ):
        learned = await Learner(client, {}, "tracker").learn(["candidates"], utc_now())
    (finding,) = [f for f in learned.profile.findings if f.assumption == "updated_after.candidates"]
    assert (finding.verdict, finding.evidence) == (
        "proved", "it compares with local time; it lists only later records",
    )  # fmt: skip


async def test_texts_are_read_back_from_html_by_list_and_by_id(store_url: str) -> None:
    async with account(store_url, dialect={"texts": "html"}) as acme, acme.client() as client:
        await Learner(client, {}, "tracker").learn(["jobs"], utc_now())
        rows = (await client.pages("jobs", state="open")).rows
        found = [await client.detail("jobs", row.remote_id) for row in rows]
    records = [row.decode() for row in rows] + [one.record for one in found if isinstance(one, Detail)]
    assert len(records) == 2 * len(rows)
    signs = html_texts.signs(records)
    assert (signs.written, signs.plain > 0) == (0, True)


@pytest.mark.parametrize(
    ("switch", "value", "adopted"),
    [
        ("dates", "day_first", {"date_format": "day-first"}),
        ("row_case", "pascal", {"key_case": "pascal"}),
        ("record_case", "lower", {"key_case": "lower"}),
        ("record_case", "pascal", {"key_case": "pascal"}),
        ("record_dates", "day_first", {"date_format": "day-first"}),
        ("dates", "utc", {"times": "utc"}),
        ("dates", "utc_z", {"times": "offset"}),
        ("dates", "minutes", {"time_precision": "minute"}),
        ("dates", "date", {"time_precision": "day"}),
        ("states", "open_won_lost", {"states": {"closed": "lost"}}),
        ("states", "active_placed_lost", {"states": {"open": "active", "won": "placed", "closed": "lost"}}),
        ("texts", "html", {"texts": "html"}),
        ("row_flags", "y_blank", {"blank_flag": "no"}),
        ("record_shape", "list", {"unwrap": dict.fromkeys(BY_ID, "0")}),
        ("record_shape", "search", {"unwrap": dict.fromkeys(BY_ID, "items.0")}),
        ("charset", "utf-16", {}),
    ],
)  # fmt: skip
async def test_what_was_adopted_stays_when_later_lists_agree_with_it(
    store_url: str, switch: str, value: str, adopted: dict[str, Any]
) -> None:
    async with account(store_url, dialect={switch: value}) as acme, acme.client() as client:
        learned = await Learner(client, {}, "tracker").learn(NAMES, utc_now())
        # A check learns by what is in use by then.
        again = await Learner(client, {}, "tracker", earlier=learned.profile).learn(NAMES, utc_now())
    for found in (learned, again):
        assert profile.learned_settings(found.profile).items() >= adopted.items()
        assert found.failures == {}
        assert found.profile.requests <= 60


@pytest.mark.parametrize(
    ("name", "switch", "value", "assumption", "key"),
    [
        ("jobs", "states", "ignored", "states", "states.won"),
        ("jobs", "dates", "local_z", "times", "times"),
        ("candidates", "saves", "views_too", "reading.candidates", "volatile.candidates"),
        ("statuses", "status_order", "unstable", "statuses.order", "status_order"),
        ("candidates", "contact", "null", "fields.candidate.email", "fields.candidate.email"),
        (
            "candidates",
            "person_names",
            "lastName",
            "fields.candidate.last_name",
            "fields.candidate.last_name",
        ),
        ("jobs", "states", "nothing", "states", "states.open"),
        ("statuses", "status_form", "empty", "rows.statuses", "rows.statuses"),
        ("jobs", "amounts", "dotted", "decimal_mark", "decimal_mark"),
        ("jobs", "charset", "windows-1252_undeclared", "charset", "charset"),
        ("candidates", "token_refused", "498", "token.refused", "token.refused"),
        ("applications", "page_parameter", "page", "page_number", "page_number"),
    ],
)
async def test_what_can_not_be_told_is_a_question_that_names_its_key(
    store_url: str, name: ResourceName, switch: str, value: str, assumption: str, key: str
) -> None:
    async with account(store_url, dialect={switch: value}) as acme, acme.client() as client:
        learned = await Learner(client, {}, "tracker").learn([name], utc_now())
    (finding,) = [f for f in learned.profile.findings if f.assumption == assumption]
    assert (finding.is_question, finding.key) == (True, key)


@pytest.mark.parametrize("form", ["status_keys", "status_form"])
async def test_no_other_list_is_taken_for_the_statuses(store_url: str, form: str) -> None:
    value = {"status_keys": "value", "status_form": "placements"}[form]
    async with account(store_url, dialect={form: value}) as acme, acme.client() as client:
        learned = await Learner(client, {}, "tracker").learn(["statuses", "users"], utc_now())
    assert list(learned.failures) == ["statuses"]
    assert "rows.statuses" in str(learned.failures["statuses"])
    assert profile.learned_settings(learned.profile) == {}


async def test_ids_that_do_not_exist_and_are_refused_leave_the_list_readable(store_url: str) -> None:
    async with account(store_url, dialect={"absence": "401"}) as acme, acme.client() as client:
        learned = await Learner(client, {}, "tracker").learn(["candidates"], utc_now())
    assert learned.failures == {}
    (finding,) = [f for f in learned.profile.findings if f.assumption == "absence.candidates"]
    assert finding.is_question
    assert "answered 401" in finding.evidence
