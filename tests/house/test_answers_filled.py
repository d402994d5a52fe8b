"""Every field of what the bridge answers and publishes is given where it is made.

Records are held to this by tests/flow/test_tracker_truth.py; here are answers of the API, results of
commands, dead letters, and the events about endpoints.
"""

import ast
from collections import defaultdict
from pathlib import Path
from types import ModuleType

from msgspec import NODEFAULT, Struct
from msgspec.structs import FieldInfo, fields
from trackerrms_contracts import commands, dead_letters, events, webhooks

ROOT = Path(__file__).parents[2]
SOURCES = [*ROOT.glob("bridge/**/*.py"), ROOT / "contracts" / "trackerrms_contracts" / "webhooks.py"]
EMPTY = (None, (), "", 0, False)


def made_here() -> dict[str, type[Struct]]:
    """The structs that go out, by name: those that are read refuse unknown fields, or are commands."""
    of_commands: list[type[Struct]] = [commands.Result, commands.Outcome, commands.Failure, commands.Notice]
    found = [*of_commands, *structs(webhooks), *structs(events), *structs(dead_letters)]
    return {one.__name__: one for one in found if not one.__struct_config__.forbid_unknown_fields}


def structs(module: ModuleType) -> list[type[Struct]]:
    """The public structs that a module defines."""
    return [
        kind
        for name, kind in vars(module).items()
        if isinstance(kind, type)
        and issubclass(kind, Struct)
        and kind.__module__ == module.__name__
        and not name.startswith("_")
    ]


def given(made: dict[str, type[Struct]]) -> dict[str, set[str]]:
    """The fields that some call in the sources names, by struct; ``**values`` names all."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and (name := called(node.func)) in made:
                found[name] |= {keyword.arg for keyword in node.keywords if keyword.arg}
                if any(keyword.arg is None for keyword in node.keywords):
                    found[name] |= set(made[name].__struct_fields__)
    return found


def called(function: ast.expr) -> str:
    """The last part of a call's name, without what it is subscripted with."""
    match function:
        case ast.Subscript(value=inner):
            return called(inner)
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return ""


def is_constant(field: FieldInfo) -> bool:
    """Whether its default already says something, as ``specversion`` does."""
    return field.default is not NODEFAULT and field.default not in EMPTY


def test_every_struct_that_goes_out_is_made_somewhere() -> None:
    made = made_here()
    assert {"Endpoint", "EndpointNews", "Result", "DeadLetter", "Event"} <= made.keys()
    assert sorted(made.keys() - given(made).keys()) == [], "nothing makes these: use or remove them"


def test_every_field_is_given_by_whoever_makes_it() -> None:
    made = made_here()
    found = given(made)
    never = [
        f"{name}.{field.name}"
        for name, kind in made.items()
        for field in fields(kind)
        if field.name not in found[name] and not is_constant(field)
    ]
    assert never == [], "documented, and empty always: fill them where they are made, or remove them"
