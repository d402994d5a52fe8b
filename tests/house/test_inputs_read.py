"""What is accepted is read: no key of the configuration and no field of a command is taken and ignored."""

from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from msgspec import Struct
from trackerrms_contracts.commands import INPUTS, Command

from bridge import config
from tests.house.reading import Field, unread

# Fields that are taken and not read by name, with the reason.
NOT_READ = {
    ("Command", "specversion"): "only 1.0 is decoded",
    ("Command", "source"): "who sent it is the sender's business",
    ("Command", "time"): "the order is Kafka's",
    ("Command", "datacontenttype"): "the data is JSON, or it is not decoded",
    ("AdditionalEmail", "type"): "TrackerRMS has no kind of an address; docs/commands.md says so",
    ("AdditionalPhone", "type"): "TrackerRMS has no kind of a number; docs/commands.md says so",
}

pytestmark = pytest.mark.slow  # mypy reads the sources anew


def test_every_key_of_the_configuration_is_read(tmp_path: Path) -> None:
    slices: list[type[Struct]] = [*config._SLICES.values(), config.IntegrationConfig]
    keys = [(kind.__name__, key) for kind in slices for key in kind.__struct_fields__]
    found = unread(tmp_path, "bridge/config.py", [*keys, ("Config", "data_dir")])
    assert found == [], "nothing reads these keys of bridge.config: use or remove them"


def test_every_field_of_a_command_is_read(tmp_path: Path) -> None:
    kinds: list[type[Struct]] = [Command, *INPUTS.values()]
    structs = {inner for kind in kinds for inner in reachable(kind)}
    fields: list[Field] = [(kind.__name__, name) for kind in structs for name in kind.__struct_fields__]
    found = unread(tmp_path, "contracts/trackerrms_contracts/commands.py", fields)
    assert set(found) - NOT_READ.keys() == set(), (
        "commands may hold these, and nothing reads them: carry them out, warn of them, or say why not here"
    )
    assert NOT_READ.keys() - set(found) == set(), "these are read: take them out of NOT_READ"


def reachable(kind: type[Struct]) -> set[type[Struct]]:
    """The struct and those that its fields hold."""
    found = {kind}
    for request in get_type_hints(kind).values():
        for inner in named_in(request):
            found |= reachable(inner)
    return found


def named_in(request: Any) -> list[type[Struct]]:
    """The structs that a type names."""
    if isinstance(request, type) and issubclass(request, Struct):
        return [request]
    return [inner for part in get_args(request) for inner in named_in(part)]
