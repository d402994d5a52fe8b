"""Every documented error code is produced somewhere, and as retryable as the page on commands says."""

import ast
from collections import defaultdict
from pathlib import Path
from typing import get_args

from bridge.commands.errors import Code
from tests import pages

BRIDGE = Path(__file__).parents[2] / "bridge"


def produced() -> dict[str, set[bool]]:
    """Each code that a call in the sources is given, with the ``retryable`` beside it."""
    found: dict[str, set[bool]] = defaultdict(set)
    for path in BRIDGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                given = [*node.args, *(keyword.value for keyword in node.keywords)]
                words = {one.value for one in given if isinstance(one, ast.Constant)}
                for code in words & set(get_args(Code)):
                    found[str(code)].add(retryable(node))
    return found


def retryable(call: ast.Call) -> bool:
    """Whether the call says so; left out, it does not."""
    for keyword in call.keywords:
        if keyword.arg == "retryable":
            assert isinstance(keyword.value, ast.Constant), ast.unparse(call)
            return bool(keyword.value.value)
    return False


def test_every_code_is_produced() -> None:
    never = set(get_args(Code)) - produced().keys()
    assert never == set(), (
        "bridge/commands/errors.py and docs/commands.md name these codes, and nothing fails with them"
    )


def test_a_code_is_as_retryable_as_the_page_says() -> None:
    told = {row[0].strip("`"): {row[2] == "yes"} for row in pages.rows("docs/commands.md", "code")}
    assert {code: said for code, said in produced().items() if said != told[code]} == {}
