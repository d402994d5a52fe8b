"""One name for one thing: no class, type alias or public function is defined in two modules."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

BRIDGE = Path(__file__).parents[2] / "bridge"
# Names that two modules define, each with its reason; at most ten.
TWICE: dict[str, str] = {}


def names(module: ast.Module) -> Iterator[str]:
    """The names of classes, type aliases and public functions at the top of a module."""
    for node in module.body:
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.AnnAssign(target=ast.Name(id=name), annotation=ast.Name(id="TypeAlias")):
                yield name
            case ast.Assign(targets=[ast.Name(id=name)]) if name[0].isupper() and not name.isupper():
                yield name


def test_no_public_name_is_defined_in_two_modules() -> None:
    found = defaultdict(list)
    for path in sorted(BRIDGE.rglob("*.py")):
        for name in names(ast.parse(path.read_text(encoding="utf-8"))):
            if not name.startswith("_"):
                found[name].append(path.relative_to(BRIDGE.parent).as_posix())
    assert len(found) > 1000
    twice = {name: where for name, where in found.items() if len(where) > 1 and name not in TWICE}
    assert not twice, f"name what each is in full, or import one from the other: {twice}"
    assert {name for name in TWICE if len(found[name]) > 1} == set(TWICE), "not defined twice any more"
    assert len(TWICE) <= 10
