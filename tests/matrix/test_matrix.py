"""Every plausible account is read right, or the bridge says what it can't read and what to set.

``make matrix`` tries every value of every switch alone, and many at random together; ``make proof`` tries a
part that covers each group of switches. ``MATRIX_ONLY=first_page,dates=utc`` chooses entries by their names.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random

import msgspec
import pytest

from bridge.simulator.dialects import DIALECTS
from tests.matrix.entry import Outcome, tried

_RESULTS = os.environ.get("MATRIX_RESULTS")
_ONLY = os.environ.get("MATRIX_ONLY", "")
_PAIRS, _TRIPLES = int(os.environ.get("MATRIX_PAIRS", "0")), int(os.environ.get("MATRIX_TRIPLES", "0"))
_WHOLE = bool(_RESULTS or _ONLY)
_ONE_IN = 20
"""How many of the single values the short form leaves out for each that it tries."""


def alone() -> list[dict[str, str]]:
    """Every switch at every value but its default."""
    return [{name: value} for name, switch in DIALECTS.items() for value in switch.others]


def together(size: int, count: int, seed: int) -> Iterator[dict[str, str]]:
    """Random dialects of ``size`` switches."""
    rng = Random(seed)
    for _ in range(count):
        chosen = rng.sample(sorted(DIALECTS), size)
        yield {name: rng.choice(DIALECTS[name].others) for name in chosen}


def entries() -> list[dict[str, str]]:
    """The dialects to try."""
    if not _WHOLE:
        return [{}, *alone()[::_ONE_IN]]
    found = [{}, *alone(), *together(2, _PAIRS, 2), *together(3, _TRIPLES, 3)]
    words = _ONLY.split(",")
    return [one for one in found if not _ONLY or any(_matches(word, one) for word in words)]


def _matches(word: str, dialect: Mapping[str, str]) -> bool:
    """Whether a dialect of one switch is the one that a word names: a switch, or a switch with its value."""
    return any(word in (name, f"{name}={value}") for name, value in dialect.items())


def named(dialect: Mapping[str, str]) -> str:
    """A dialect in one line."""
    return " ".join(f"{name}={value}" for name, value in dialect.items()) or "ordinary"


def keep(file: Path, outcome: Outcome) -> None:
    """Add an outcome to the results."""
    with file.open("ab") as results:
        results.write(msgspec.json.encode(outcome) + b"\n")


@pytest.mark.parametrize("dialect", entries(), ids=named)
async def test_an_account_is_read_right_or_loud(
    dialect: dict[str, str], store_url: str, embedded_kafka: str, topic_prefix: str, data_dir: Path
) -> None:
    outcome = await tried(dialect, store_url, embedded_kafka, topic_prefix, str(data_dir))
    if _RESULTS:
        keep(Path(_RESULTS), outcome)
    assert outcome.verdict in ("right", "loud"), outcome
    if not dialect:
        assert (outcome.verdict, outcome.check, outcome.causes) == ("right", (), ())
