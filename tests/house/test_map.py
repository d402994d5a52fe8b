"""What ARCHITECTURE.md, CONTRIBUTING.md and SECURITY.md name exists: paths, functions, tests, words of make.

Names are in backticks: ``bridge/relay.py``, ``bridge/relay.py:Relay.run`` (what a module defines),
``tests/unit/test_ids.py::test_name`` (a test), ``bridge.kafka`` (a module), ``make check``.
"""

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ("ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md")
MOST_LINES = 300
_PATH = re.compile(
    r"(?P<path>(?:[\w.*-]+/)+[\w.*-]*|[\w.-]+\.(?:py|md|lock)|Makefile|Dockerfile)(?P<rest>:.*)?"
)
_NAME = re.compile(r":(?P<name>[\w.]+)")
_TEST = re.compile(r"::(?P<test>test_\w+)")
_MODULE = re.compile(r"(?:bridge|trackerrms_contracts|tools|tests)(?:\.[a-z_0-9]+)+")
_CITED = re.compile(r"invariants?\s+(\d+)(?:\s+and\s+(\d+))?")
# Dotted names that are no modules.
NO_MODULES = {"bridge.toml"}
# Where a package is, if not at the root.
PLACES = {"trackerrms_contracts": ("contracts",)}


@cache
def text_of(page: str) -> str:
    """Return what a page says."""
    return (ROOT / page).read_text(encoding="utf-8")


def spans(page: str) -> list[str]:
    """Return what a page has in backticks, outside of blocks of code."""
    text = re.sub(r"^```.*?^```", "", text_of(page), flags=re.DOTALL | re.MULTILINE)
    return re.findall(r"`([^`\n]+)`", text)


@cache
def defined(path: Path) -> frozenset[str]:
    """Return the names that a module defines: functions, classes, constants, and what is in its classes."""
    return frozenset(_defined(ast.parse(path.read_text(encoding="utf-8")).body, ""))


def _defined(body: list[ast.stmt], outer: str) -> Iterator[str]:
    for node in body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield outer + name
            case ast.ClassDef(name=name, body=inner):
                yield outer + name
                yield from _defined(inner, f"{outer}{name}.")
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield outer + name
            case ast.Assign(targets=targets):
                yield from (outer + target.id for target in targets if isinstance(target, ast.Name))
            case _:
                pass


def fault(span: str) -> str | None:
    """Return what is wrong with a name; ``None`` where it is right, or is no name of ours."""
    if _MODULE.fullmatch(span) and span not in NO_MODULES:
        path = ROOT.joinpath(*PLACES.get(span.partition(".")[0], ()), *span.split("."))
        return None if path.is_dir() or path.with_suffix(".py").is_file() else "no such module"
    if span.startswith("make "):
        word = span.split()[1]
        return None if re.search(rf"^{word}:", text_of("Makefile"), re.MULTILINE) else "make has no such word"
    found = _PATH.fullmatch(span)
    return None if found is None else _fault_of(found["path"], found["rest"] or "")


def _fault_of(name: str, rest: str) -> str | None:
    paths = sorted(ROOT.glob(name.rstrip("/")))
    if not paths:
        return "no such file or folder"
    if not rest:
        return None
    named = _TEST.fullmatch(rest) or _NAME.fullmatch(rest)
    if named is None or paths[0].suffix != ".py":
        return "write path.py:name, or path.py::test_name"
    return None if named[1] in defined(paths[0]) else f"{name} defines no {named[1]}"


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_names_exists(page: str) -> None:
    assert len(spans(page)) > 20
    found = [f"{page}: `{span}`: {wrong}" for span in spans(page) if (wrong := fault(span)) is not None]
    assert not found, "what was renamed or moved is named as it was; correct the page:\n" + "\n".join(found)


def test_a_wrong_name_is_found() -> None:
    wrong = (
        "bridge/nowhere.py", "bridge/relay.py:Relay.fly", "tests/unit/test_ids.py::test_none", "nowhere.md",
        "bridge.nowhere", "trackerrms_contracts.nowhere", "make coffee", "Makefile:x", "docs/none/",
    )  # fmt: skip
    assert [span for span in wrong if fault(span) is None] == []
    right = (
        "bridge/relay.py:Relay.run",
        "contracts/trackerrms_contracts/schema/*.json",
        "bridge/api/",
        "bridge.toml",
        "trackerrms_contracts.ids",
        "tools.generate",
        "200 OK",
    )
    assert {span: fault(span) for span in right if fault(span)} == {}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_can_be_read_at_one_go(page: str) -> None:
    assert len(text_of(page).splitlines()) <= MOST_LINES, f"{page}: at most {MOST_LINES} lines"


def test_every_import_contract_is_named() -> None:
    project = tomllib.loads(text_of("pyproject.toml"))
    names = [contract["name"] for contract in project["tool"]["importlinter"]["contracts"]]
    missing = [name for name in names if name not in text_of("ARCHITECTURE.md")]
    assert not missing, f"ARCHITECTURE.md, Layers: name these contracts of pyproject.toml: {missing}"


def test_every_layer_is_shown() -> None:
    project = tomllib.loads(text_of("pyproject.toml"))
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    modules = [module for layer in layers for module in re.findall(r"\w+", layer)]
    shown = set(re.findall(r"\w+", text_of("ARCHITECTURE.md").partition("## Layers")[2]))
    missing = [module for module in modules if module not in shown]
    assert not missing, f"ARCHITECTURE.md, Layers: show where these stand: {missing}"


def test_an_invariant_that_the_code_cites_is_in_the_table() -> None:
    told = set(re.findall(r"^\| (\d+) \|", text_of("ARCHITECTURE.md"), re.MULTILINE))
    assert told == {str(number) for number in range(1, 11)}
    for path in sorted([*(ROOT / "bridge").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]):
        for numbers in _CITED.findall(path.read_text(encoding="utf-8")):
            unknown = {number for number in numbers if number} - told
            assert not unknown, (
                f"{path.relative_to(ROOT)} cites the invariant {unknown}: ARCHITECTURE.md has none"
            )
