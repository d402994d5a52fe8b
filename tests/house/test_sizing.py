"""The page on operations tells what the budget is and what follows from it."""

import re

import pytest

from bridge.config import CaptureConfig
from bridge.store.budgets import BudgetRules
from tests import pages

TEXT = " ".join(pages.text_of("docs/operations.md").split())
LEFT_A_MINUTE = 510


def test_the_budget_is_what_the_bridge_keeps_to() -> None:
    terms = BudgetRules(requests=600)
    assert f"Of 600 requests per minute the bridge sends at most {terms.limit}." in TEXT
    assert f"nine tenths of them, {terms.poll_limit}." in TEXT
    assert f"except the half, {terms.poll_share}, that they leave to reading" in TEXT
    polls = 5 * 60 / CaptureConfig().poll_seconds
    assert f"Polls take {polls:.0f} requests per minute" in TEXT
    assert terms.poll_limit - polls == pytest.approx(LEFT_A_MINUTE, abs=5)


def test_the_table_of_sizes_follows_from_its_formulae() -> None:
    text = pages.text_of("docs/operations.md")
    rows = re.findall(r"^\| ([\d,]+(?: \| [\d,]+){6}) \|$", text, re.MULTILINE)
    assert len(rows) == 4
    for row in rows:
        candidates, jobs, applications, *told = [int(cell.replace(",", "")) for cell in row.split(" | ")]
        load = 1.1 * (candidates + jobs) + 0.1 * applications
        sweep = 0.1 * (candidates + jobs + applications)
        computed = [load, load / LEFT_A_MINUTE, sweep, sweep / LEFT_A_MINUTE]
        assert told == [round(figure) for figure in computed]
