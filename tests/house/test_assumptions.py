"""The document of assumptions names every finding and every key, and says of each key what leads to it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bridge.errors import ConfigError
from bridge.tracker import assumptions, corrections, overrides, resources
from tools import assumption_table

TEXT = (Path(__file__).parents[2] / "docs" / "assumptions.md").read_text(encoding="utf-8")
HEADING = "| key | default | meaning | symptom that leads to it |"


def by_hand() -> str:
    """Return the document without what is generated."""
    text = TEXT
    for region in assumption_table.REGIONS:
        begin, end = assumption_table.marks(region)
        text = re.sub(f"{begin}.*?{end}", "", text, flags=re.DOTALL)
    return text


def known(raw: Any) -> list[str]:
    """Return the names that the overrides know where ``raw`` has one that they don't."""
    with pytest.raises(ConfigError) as refused:
        overrides.apply_overrides(resources.DEFAULT, raw, "tracker")
    return str(refused.value).rpartition("known: ")[2].split(", ")


def keys() -> Iterator[str]:
    """Yield every key of the table of corrections, as the overrides tell them."""
    for key in [*known({"?": 1}), "key_case"]:
        if key in ("fields", "writes"):
            for entity in known({key: {"?": {}}}):
                yield from (f"{key}.{entity}.{name}" for name in known({key: {entity: {"?": "x"}}}))
        elif key in TABLES:
            yield from (f"{key}.{name}" for name in known({key: {"?": TABLES[key]}}))
        else:
            yield key


TABLES: dict[str, Any] = {
    "absence": 1, "actions": "rest", "deleted": "a=n", "details": "never", "list_end": "empty", "maps": {},
    "paged": True, "paths": "/", "rows": "x", "states": "x", "token": ["x"], "unwrap": "x", "volatile": "x",
}  # fmt: skip


def rows() -> dict[str, list[str]]:
    """Return the rows of the tables of corrections by key, each with its other cells."""
    found: dict[str, list[str]] = {}
    for part in TEXT.split(HEADING)[1:]:
        for line in part.strip().split("\n\n")[0].splitlines()[1:]:
            first, *cells = (cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|")))
            for key in re.findall(r"`([^`]+)`", first):
                assert key not in found, f"{key} stands in two rows"
                found[key] = cells
    return found


def test_the_keys_are_all_seen() -> None:
    assert {"first_page", "paths.jobs_by_id", "token.keys", "fields.owner.id", "maps.outcome"} <= set(keys())
    assert not [key for key in keys() if "?" in key]


def test_every_key_stands_with_its_default_and_its_symptom() -> None:
    told = rows()
    wanted = {key: corrections.pattern_of(key) for key in keys()}
    assert [key for key, pattern in wanted.items() if pattern not in told] == [], (
        "docs/assumptions.md, Corrections: add a row for each of these keys of bridge/tracker/overrides.py"
    )
    assert set(corrections.PATTERNS) == set(wanted.values()), (
        "bridge/tracker/corrections.py: correct PATTERNS"
    )
    assert {key for key in told if not key.startswith(("integrations.", "capture."))} == set(wanted.values())
    assert [key for key, cells in told.items() if len(cells) != 3 or not all(cells)] == []


def test_a_default_that_is_one_value_is_the_tables_own() -> None:
    for key, (default, *_) in rows().items():
        value = getattr(resources.DEFAULT, key, None)
        if "." not in key and isinstance(value, str | int | float | frozenset):
            plain = sorted(value) if isinstance(value, frozenset) else value
            spelled = int(plain) if isinstance(plain, float) else plain
            assert default == f"`{msgspec.json.encode(spelled).decode().replace(',', ', ')}`", key


def test_each_key_has_a_finding_or_a_reason() -> None:
    for pattern in corrections.PATTERNS:
        assert corrections.judges(pattern) or corrections.OTHERWISE[pattern]
    assert corrections.OTHERWISE.keys() <= set(corrections.PATTERNS)
    for one in assumptions.assumptions_by_name().values():
        assert one.keys, one.name
        assert [key for key in one.keys if corrections.pattern_of(key) is None] == [], one.name
        assert set(one.keys) <= set(keys()), one.name


def test_each_finding_is_named_where_its_assumption_stands() -> None:
    named = set(re.findall(r"`([a-z_.]+(?:…|<[a-z]+>)?)`", by_hand()))
    begins = tuple(re.sub("…|<.*", "", name) for name in named if name.endswith(("…", ">")))
    assert [
        name
        for name in assumptions.assumptions_by_name()
        if name not in named and not name.startswith(begins)
    ] == []
    (meant,) = re.findall(r"^## Reading.*^## Verdicts", TEXT, re.MULTILINE | re.DOTALL)
    groups = {name.partition(".")[0] for name in assumptions.assumptions_by_name()}
    shown = {name for name in re.findall(r"`([a-z_]+\.[a-z_.]+)`", meant) if name.partition(".")[0] in groups}
    assert shown - assumptions.assumptions_by_name().keys() - set(keys()) == set()
