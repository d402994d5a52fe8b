"""The page on commands shows each command in every way to publish one, and all that it shows is accepted."""

import re
import shlex
from typing import Any, cast, get_args

import msgspec
import pytest
from trackerrms_contracts import codec, commands, ids
from trackerrms_contracts.commands import INPUTS, CommandType

from bridge.commands.errors import Code
from bridge.tracker import resources
from tests import pages

PAGE = "docs/commands.md"
TEXT = pages.text_of(PAGE)
EXAMPLES = [msgspec.json.decode(block) for block in pages.blocks(PAGE, "json")]
COMMANDS = [example for example in EXAMPLES if example["type"] in INPUTS]
RESULTS = [example for example in EXAMPLES if example["type"].rpartition(".")[0] in INPUTS]
LINES = re.findall(r"^(\S+)\t(\{.*\})$", TEXT, re.M)
SENT = [shlex.split(line) for line in TEXT.splitlines() if line.startswith("bridge send ")]


def test_there_is_an_example_of_every_command_in_each_way_to_publish_one() -> None:
    (python,) = pages.blocks(PAGE, "python")
    wanted = "show every command once, in the order of trackerrms_contracts.commands.INPUTS"
    assert [example["type"] for example in COMMANDS] == list(INPUTS), f"{PAGE}, blocks of JSON: {wanted}"
    lines = [msgspec.json.decode(value)["type"] for _, value in LINES]
    assert lines == list(INPUTS), f"{PAGE}, lines for kafka-console-producer: {wanted}"
    assert [words[2] for words in SENT] == list(INPUTS), f"{PAGE}, bridge send: {wanted}"
    run = set(re.findall(r'await run\("([\w.]+)"', python))
    assert run == set(INPUTS), f"{PAGE}, Publish a command: let the Python example run every command"


def test_an_example_is_a_command_and_every_key_in_it_is_read(subtests: pytest.Subtests) -> None:
    for value in [codec.encode(c) for c in COMMANDS] + [v.encode() for _, v in LINES]:
        with subtests.test(value=value.decode()):
            command, data = codec.decode_command(value)
            assert unread(msgspec.json.decode(command.data), msgspec.json.decode(codec.encode(data))) == []


def test_what_is_sent_in_an_example_is_an_input(subtests: pytest.Subtests) -> None:
    for words in SENT:
        with subtests.test(words[2]):
            given = words[words.index("--data") + 1]
            data = msgspec.json.decode(given, type=INPUTS[cast(CommandType, words[2])])
            assert unread(msgspec.json.decode(given), msgspec.json.decode(codec.encode(data))) == []


def unread(given: Any, read: Any, where: str = "data") -> list[str]:
    """Keys that an example gives and the struct knows nothing of."""
    if isinstance(given, list):
        pairs = zip(given, read, strict=True)
        return [one for n, (a, b) in enumerate(pairs) for one in unread(a, b, f"{where}[{n}]")]
    if not isinstance(given, dict):
        return [] if given == read else [where]
    return [
        one
        for key, value in given.items()
        for one in (unread(value, read[key], f"{where}.{key}") if key in read else [f"{where}.{key}"])
    ]


def test_lines_for_the_console_are_keyed_by_what_keeps_them_in_order() -> None:
    for key, value in LINES:
        data = msgspec.json.decode(value)["data"]
        wanted = data.get("application_id") or data.get("candidate", {}).get("email_address")
        assert wanted in (key, None)


def test_the_example_of_a_result_is_one() -> None:
    (shown,) = RESULTS
    result = msgspec.convert(shown, commands.Result)
    assert result.data.error is not None
    assert result.data.error.code in get_args(Code)
    assert msgspec.json.decode(codec.encode(result)) == shown
    assert result.id == ids.result_id(result.integrationid, result.data.command_id)


def test_every_error_code_is_explained() -> None:
    table = pages.rows(PAGE, "code")
    assert [row[0].strip("`") for row in table] == list(get_args(Code)), (
        f"{PAGE}, Error codes: a row for each code of bridge/commands/errors.py, in its order"
    )
    assert {len(row) for row in table} == {4}
    assert {row[2] for row in table} == {"yes", "no"}


def test_every_step_is_told_with_the_call_that_carries_it_out() -> None:
    told = {name: row[1] for row in pages.rows(PAGE, "step") for name in re.findall(r"`(\w+)`", row[0])}
    assert set(told) == set(resources.DEFAULT.actions), f"{PAGE}, Credentials: a row for each step"
    for name, action in resources.DEFAULT.actions.items():
        assert action.via == "widget"
        assert action.widget is not None
        assert told[name].startswith(f"widget `{action.widget.path.rpartition('/')[2]}`")
