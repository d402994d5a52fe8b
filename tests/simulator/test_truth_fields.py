"""The truth speaks of every field of the twelve models, so that none goes unchecked."""

from typing import Any, get_args, get_type_hints

import pytest
from msgspec import Struct
from trackerrms_contracts.entities import STRUCTS, UNHASHED, Model

from bridge.simulator.truth import MODELS
from bridge.simulator.world import World
from tests.simulator.account import Clock

ADVICE = (
    "only one of the model and the simulator's truth has these fields. Does TrackerRMS have a key of its own "
    "for it: add the key to bridge/simulator/plain_fields.py. Does it follow from other keys: say how in "
    "bridge/simulator/truth.py. Does TrackerRMS have nothing for it: list it in bridge/simulator/absent.py"
)


@pytest.fixture(scope="module")
def world() -> World:
    """An account large enough that each kind of nested object occurs."""
    return World(5, candidates=60, jobs=30, applications=60, users=8, clock=Clock())


def test_the_truth_knows_the_twelve_models() -> None:
    assert sorted(MODELS) == sorted(Model)


def test_a_record_has_every_field_that_trackerrms_decides_and_no_other(world: World) -> None:
    for model in MODELS:
        records = [record for _, record in world.truth(model)]
        assert records, model
        wanted = set(STRUCTS[Model(model)].__struct_fields__) - UNHASHED
        for record in records:
            assert wanted ^ set(record) == set(), f"{model}: {ADVICE}"


def test_so_has_every_object_inside_a_record(world: World) -> None:
    seen: set[str] = set()
    for model in MODELS:
        inner = {name: struct for name, kind in requests(model).items() for struct in structs(kind)}
        for _, record in world.truth(model):
            for name, struct in inner.items():
                value = record[name]
                for part in value if isinstance(value, list) else [value] if value else []:
                    seen.add(struct.__name__)
                    assert set(struct.__struct_fields__) ^ set(part) == set(), f"{model}.{name}: {ADVICE}"
    assert seen == {"Location", "PhoneNumber", "EmailAddress", "SocialMedia"}


def requests(model: str) -> dict[str, Any]:
    """The types of a model's fields."""
    return get_type_hints(STRUCTS[Model(model)])


def structs(kind: Any) -> list[type[Struct]]:
    """The structs that a field's type names."""
    if isinstance(kind, type) and issubclass(kind, Struct):
        return [kind]
    return [found for part in get_args(kind) for found in structs(part)]
