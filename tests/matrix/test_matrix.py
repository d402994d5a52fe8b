"""Every plausible account is read right, or the bridge says what it can't read and what to set."""

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


def alone() -> list[dict[str, str]]:
    """Every switch at every value but its default."""
    return [
        {name: value}
        for name, switch in DIALECTS.items()
        for value in switch.values
        if value != switch.default
    ]


def together(size: int, count: int, seed: int) -> Iterator[dict[str, str]]:
    """Random dialects of ``size`` switches."""
    rng = Random(seed)
    for _ in range(count):
        chosen = rng.sample(sorted(DIALECTS), size)
        yield {
            name: rng.choice([value for value in DIALECTS[name].values if value != DIALECTS[name].default])
            for name in chosen
        }


def entries() -> list[dict[str, str]]:
    """The dialects to try."""
    found = [*alone(), *together(2, _PAIRS, 2), *together(3, _TRIPLES, 3)]
    return [one for one in found if not _ONLY or any(word in named(one) for word in _ONLY.split(","))]


def named(dialect: Mapping[str, str]) -> str:
    """A dialect in one line."""
    return " ".join(f"{name}={value}" for name, value in dialect.items())


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
