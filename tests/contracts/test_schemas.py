"""The committed JSON Schemas are those of the structs, and schemas at all."""

import jsonschema
import jsonschema_rs
import pytest
from trackerrms_contracts import commands
from trackerrms_contracts.entities import Model

from tests.committed import assert_fresh
from tests.contracts.engines import committed
from tools import schemas

NAMES = sorted(schemas.generate())


def test_the_committed_schemas_are_fresh() -> None:
    found = dict.fromkeys(schemas.DIRECTORY.iterdir())
    made = {schemas.DIRECTORY / name: schemas.render(one) for name, one in schemas.generate().items()}
    assert_fresh(found | made)


def test_there_is_one_for_each_message() -> None:
    assert len(NAMES) == len(Model) + len(commands.INPUTS) + 2


def test_both_engines_take_it_for_a_schema(subtests: pytest.Subtests) -> None:
    for name in NAMES:
        with subtests.test(name):
            jsonschema.Draft202012Validator.check_schema(committed(name))
            assert jsonschema_rs.meta.is_valid(committed(name))


def test_what_the_bridge_writes_has_every_key_but_the_optional_ones(subtests: pytest.Subtests) -> None:
    for name in [name for name in NAMES if ".command." not in name]:
        for struct, definition in committed(name)["$defs"].items():
            with subtests.test(name, struct=struct):
                left_out = set(definition.get("properties", ())) - set(definition.get("required", ()))
                assert left_out <= {"command_id", "previous"}


def test_a_command_may_leave_out_what_has_a_default() -> None:
    definitions = committed("candidate-create.command.v1.json")["$defs"]
    assert definitions["CandidateInput"]["required"] == ["first_name", "last_name", "email_address"]
    assert definitions["CreateCandidate"]["required"] == ["candidate", "application"]


def test_descriptions_carry_no_indentation_of_the_source() -> None:
    for name in NAMES:
        for definition in committed(name)["$defs"].values():
            assert "\n  " not in definition.get("description", "")


def test_writing_them_removes_what_is_no_longer_made(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path_factory.mktemp("schema")
    (directory / "gone.event.v1.json").write_text("{}")
    monkeypatch.setattr(schemas, "DIRECTORY", directory)
    schemas.write()
    assert sorted(path.name for path in directory.iterdir()) == NAMES
