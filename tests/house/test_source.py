"""The house rules that no linter knows, held against every tracked file."""

import ast
import importlib
import inspect
import operator
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
LONGEST_FILE = 500
SHAPELESS = {"utils", "util", "helpers", "helper", "common", "base", "core", "manager", "service", "misc"}
FORBIDDEN_TEXT = re.compile(
    r"(?<![\w.])/(?:work|root|home/\w+|Users/\w+|tmp/[a-z]\w*)/"  # somebody's machine
    r"|https?://[\w.-]*(?:artifactory|nexus|pypi|mirror|proxy)[\w.-]*\.\w+",  # somebody's registry
    re.IGNORECASE,
)
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def tracked(*patterns: str) -> list[Path]:
    """The files under version control, or all of them where there is none (a source archive)."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", *patterns], cwd=ROOT, capture_output=True, check=False
    )
    if listed.returncode == 0:
        names = listed.stdout.decode().split("\0")
        return [ROOT / name for name in names if name and (ROOT / name).is_file()]
    return [path for pattern in patterns for path in ROOT.rglob(pattern) if ".venv" not in path.parts]


FOLDERS = ("bridge", "contracts", "tools")
SOURCES = sorted(p for p in tracked("*.py") if p.relative_to(ROOT).parts[0] in FOLDERS)
PYTHON = sorted(tracked("*.py"))


@cache
def text_of(path: Path) -> str:
    """Return what a file says."""
    return path.read_text(encoding="utf-8")


@cache
def tree_of(path: Path) -> ast.Module:
    """Return a file's syntax tree; each file is parsed once."""
    return ast.parse(text_of(path))


def named(path: Path) -> str:
    """Return a file's name as a reader of the failure looks for it."""
    return path.relative_to(ROOT).as_posix()


def public(tree: ast.Module | ast.ClassDef, outer: str = "") -> Iterator[tuple[str, Definition]]:
    """Public functions, classes and their public methods, by name."""
    for node in tree.body:
        if isinstance(node, Definition) and not node.name.startswith("_"):
            yield outer + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from public(node, f"{node.name}.")


def inherited(path: Path, name: str) -> str | None:
    """What the method that it overrides says."""
    dotted = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    module = dotted.removeprefix("contracts.").removesuffix(".__init__")
    owner, _, method = name.rpartition(".")
    if not owner:
        return None
    return inspect.getdoc(getattr(operator.attrgetter(owner)(importlib.import_module(module)), method))


def test_the_rules_see_the_sources() -> None:
    known = ("bridge/api/server.py", "contracts/trackerrms_contracts/ids.py", "tools/generate.py")
    assert [name for name in known if ROOT / name not in SOURCES] == []
    assert len(SOURCES) > 300


def imported(path: Path) -> set[str]:
    """Return the top-level packages that a file imports."""
    names = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {getattr(node, "module", None) or alias.name for alias in node.names}
    return {name.partition(".")[0] for name in names}


def test_contracts_need_msgspec_and_the_standard_library_alone() -> None:
    known = sys.stdlib_module_names | {"msgspec", "trackerrms_contracts"}
    paths = sorted((ROOT / "contracts").rglob("*.py"))
    assert len(paths) > 8
    found = [f"{named(path)}: imports {name}" for path in paths for name in sorted(imported(path) - known)]
    assert not found, "\n".join(found)


def test_every_module_says_what_it_is_for() -> None:
    silent = [path for path in SOURCES if text_of(path).strip() and not ast.get_docstring(tree_of(path))]
    found = [f"{named(path)}: the module has no docstring" for path in silent]
    assert not found, "\n".join(found)


def test_every_public_function_and_class_says_what_it_is_for() -> None:
    found = [
        f"{named(path)}: {name} has no docstring"
        for path in SOURCES
        for name, node in public(tree_of(path))
        if not (ast.get_docstring(node) or inherited(path, name))
    ]
    assert not found, "\n".join(found)


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    lengths = {path: len(text_of(path).splitlines()) for path in PYTHON}
    found = [
        f"{named(path)}: {length} lines, at most {LONGEST_FILE}: split it by what it does"
        for path, length in lengths.items()
        if length > LONGEST_FILE
    ]
    assert not found, "\n".join(found)


def test_modules_are_named_after_what_they_do() -> None:
    found = [
        f"{named(path)}: {part!r} names nothing that the code does"
        for path in SOURCES
        for part in sorted({part.removesuffix(".py") for part in path.relative_to(ROOT).parts} & SHAPELESS)
    ]
    assert not found, "\n".join(found)


def test_no_tracked_file_knows_somebodys_machine_or_registry() -> None:
    found = []
    for path in tracked("*"):
        text = path.read_bytes().decode("utf-8", "replace")
        if path == Path(__file__):
            continue
        found += [f"{named(path)}: {one}" for one in sorted({m[0] for m in FORBIDDEN_TEXT.finditer(text)})]
    assert not found, "\n".join(found)
