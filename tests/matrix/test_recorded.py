"""A recorded account is told in its dialect, and played back it is the same account to the bridge."""

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from trackerrms_contracts.profiles import AccountProfile

from bridge.cli.check_results import CheckLine
from bridge.cli.recording import write
from bridge.cli.recording.detectors import DETECTORS, UNSEEN
from bridge.simulator.dialects import DIALECTS
from bridge.simulator.recording import Recording, read_recording
from tests.account_values import values_in, values_of
from tests.matrix.entry import tried
from tests.matrix.recorded import Checked, checked, recorded, simulated
from tests.matrix.test_matrix import alone, named, together

_ALL = os.environ.get("RECORDED_ALL") is not None

#: Each shows to a reader, and none hides another.
DIALECTS_TOLD: list[dict[str, str]] = [
    {"first_page": "0", "page_size": "25", "rows_key": "data_items", "past_end": "404", "total_key": "total"},
    {"page_parameter": "pageIndex", "envelope_case": "snake", "has_next_page": "has_more", "ids": "text"},
    {
        "row_case": "pascal",
        "record_case": "lower",
        "record_shape": "result",
        "row_id": "ID",
        "absence": "zero",
    },
    {"dates": "day_first", "record_dates": "utc_z", "absent_dates": "1900", "last_updated": "modifiedDate"},
    {
        "updated_after": "utc",
        "order": "oldest",
        "row_flags": "yes_no",
        "record_flags": "y_n",
        "nulls": "blank",
    },
    {"states": "open_won_lost", "job_status": "object", "owner_slots": "numbered", "record_owners": "user"},
    {
        "tags": "objects",
        "contact": "contactInfo",
        "contact_keys": "work",
        "address": "flat",
        "lookups": "flat",
    },
    {"status_form": "$values", "status_keys": "statusId", "group_key": "object", "group_names": "german"},
    {"token_answer": "data", "token_expiration": "epoch", "charset": "iso-8859-1", "old_jwts": "same"},
    {"nulls": "omitted", "amounts": "pound", "email_text": "mailto", "texts": "padded"},
    {"tags": "absent_for_some", "contact": "absent_for_some", "absent_dates": "no_key"},
    {
        "users_path": "list",
        "search_path": "search_only",
        "application_refs": "objects",
        "json_text": "indented",
    },
]
#: Of the switches' values that are no defaults, how many a recording must tell.
TOLD_AT_LEAST = 469
#: What becomes of deleted records; each shows only once one was deleted.
DELETIONS = ("readable", "status", "merged", "listed_gone", "listed_inactive", "listed_flagged", "dated")


def test_each_switch_is_told_or_is_known_to_show_in_no_reading() -> None:
    assert DETECTORS.keys() | UNSEEN.keys() == DIALECTS.keys()
    assert not DETECTORS.keys() & UNSEEN.keys()


@pytest.mark.parametrize("dialect", DIALECTS_TOLD, ids=named)
async def test_what_was_recorded_plays_the_same_account(
    dialect: dict[str, str], store_url: str, data_dir: Path, tmp_path: Path
) -> None:
    first = await recorded(dialect, store_url, str(data_dir), "recorded")
    assert dict(first.made.recording.dialect) == dialect
    path = tmp_path / "recording.json"
    write(first.made.recording, path)
    async with simulated(read_recording(path)) as playing:
        second = await checked(playing, store_url, str(data_dir), "played")
    assert verdicts(second.profile) == verdicts(first.profile)
    assert results(second.findings) == results(first.findings)
    assert second.made.recording == first.made.recording


@pytest.mark.parametrize("value", DELETIONS)
async def test_what_becomes_of_deleted_records_is_told_where_some_were(
    store_url: str, data_dir: Path, value: str
) -> None:
    async with simulated(Recording(version=1, dialect={"deletions": value})) as running:
        world = running.site.world
        for number in list(world.live["resource"].ids())[-6:-3]:
            world.change("delete", "resource", number)
        first = await checked(running, store_url, str(data_dir), "deleted")
    assert dict(first.made.recording.dialect) == {"deletions": value}


def verdicts(profile: AccountProfile | None) -> dict[str, tuple[Any, ...]]:
    """What was learned of an account, without the evidence."""
    found = profile.findings if profile is not None else ()
    return {one.assumption: (one.verdict, one.key, one.value, one.adopted) for one in found}


def results(findings: Iterable[CheckLine]) -> list[tuple[str, str, str]]:
    """The lines of a check, without their reasons."""
    return [(line.kind, line.name, line.result) for line in findings]


@pytest.mark.parametrize("dialect", [*together(3, 4, seed=11)], ids=named)
async def test_a_recording_in_place_of_the_account_has_the_same_verdict(
    dialect: dict[str, str],
    store_url: str,
    postgres_url: str,
    embedded_kafka: str,
    topic_prefix: str,
    data_dir: Path,
) -> None:
    """The matrix entry of an account, and of the playback of its recording."""
    original = await tried(dialect, store_url, embedded_kafka, topic_prefix, str(data_dir))
    made = (await recorded(dialect, postgres_url, str(data_dir))).made.recording
    played = await tried(
        made.dialect, postgres_url, embedded_kafka, f"{topic_prefix}.played", str(data_dir), made.shapes
    )
    assert played.verdict == original.verdict, (original, played)


async def test_no_value_of_an_account_is_in_a_recording(
    store_url: str, data_dir: Path, tmp_path: Path
) -> None:
    for number, dialect in enumerate([{}, *together(4, 5, seed=3)]):
        first = await recorded(dialect, store_url, str(data_dir), f"scan{number}")
        write(first.made.recording, tmp_path / f"{number}.json")
        values = values_of(first.server.world, first.server.url)
        found = values_in((tmp_path / f"{number}.json").read_bytes(), values)
        assert len(values) > 1000
        assert found == [], dialect


@pytest.mark.timeout(0)
@pytest.mark.skipif(not _ALL, reason="takes a quarter of an hour: set RECORDED_ALL")
async def test_how_many_values_of_the_dialects_are_told(store_url: str, data_dir: Path) -> None:
    counts: dict[str, list[str]] = {"told": [], "not seen": [], "told wrong": []}
    for number, dialect in enumerate(alone()):
        first = await recorded(dialect, store_url, str(data_dir), f"value{number}")
        counts[judged(dialect, first)].append(line(dialect, first))
    for name, lines in counts.items():
        sys.stdout.write(f"{name}: {len(lines)} of {sum(map(len, counts.values()))}\n")
        sys.stdout.writelines(f"  {one}\n" for one in lines if name != "told")
    assert len(counts["told"]) >= TOLD_AT_LEAST


def judged(dialect: Mapping[str, str], first: Checked) -> str:
    """Whether a dialect was told, and nothing else."""
    ((name, _),) = dialect.items()
    told = dict(first.made.recording.dialect)
    if told == dialect:
        return "told"
    return "not seen" if name in first.made.not_seen and not told else "told wrong"


def line(dialect: Mapping[str, str], first: Checked) -> str:
    """A dialect, and what was told of it."""
    return f"{named(dialect)}: {named(first.made.recording.dialect) or 'nothing'}"
