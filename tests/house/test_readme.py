"""The README speaks of everything that can be configured, and what it shows of commands is so."""

import re
import shlex
from pathlib import Path
from typing import Any, cast, get_args

import msgspec
import pytest
import yaml
from msgspec import Struct
from trackerrms_contracts import codec, commands, ids
from trackerrms_contracts.commands import INPUTS, CommandType

from bridge import config, metrics
from bridge.commands.errors import Code
from bridge.tracker import resources

README = Path(__file__).parents[2] / "README.md"
TEXT = README.read_text(encoding="utf-8")
EXAMPLES = [msgspec.json.decode(block) for block in re.findall(r"^```json\n(.*?)^```", TEXT, re.M | re.S)]
COMMANDS = [example for example in EXAMPLES if example["type"] in INPUTS]
RESULTS = [example for example in EXAMPLES if example["type"].rpartition(".")[0] in INPUTS]
LINES = re.findall(r"^(\S+)\t(\{.*\})$", TEXT, re.M)
MOST_SETTINGS = 50
SENT = [shlex.split(line) for line in TEXT.splitlines() if line.startswith("bridge send ")]


def settings() -> list[str]:
    """Every key of the configuration, as one would write it: ``kafka.partitions``."""
    keys = list(config.Config.__struct_fields__)
    slices = {**config.Config.__annotations__, "integrations": config.IntegrationConfig}
    for name, kind in slices.items():
        if isinstance(kind, type) and issubclass(kind, Struct):
            keys += [f"{name}.{key}" for key in kind.__struct_fields__]
    return keys


def test_every_setting_is_in_the_readme() -> None:
    text = README.read_text(encoding="utf-8")
    missing = [key for key in settings() if not re.search(rf"\b{key.rpartition('.')[2]}\b", text)]
    assert missing == [], "say in bridge/cli/reference.py what these keys mean, then run make generate"


def test_the_settings_are_all_seen() -> None:
    assert {"data_dir", "kafka.partitions", "integrations.time_zone"} <= set(settings())


def test_there_are_no_more_settings_than_a_person_can_keep_apart() -> None:
    # integrations.tracker holds corrections of what is assumed, which have a table of their own.
    count = len([key for key in settings() if "." in key and key != "integrations.tracker"])
    assert count < MOST_SETTINGS, (
        f"{count} keys, and {MOST_SETTINGS} are too many: make a constant of what no operator sets"
    )


# --- commands ---------------------------------------------------------------------------------------------


def rows(heading: str) -> list[list[str]]:
    """The rows of the table that begins with this heading, cell by cell."""
    _, _, after = TEXT.partition(f"\n| {heading} |")
    lines = after.split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_there_is_an_example_of_every_command_in_each_way_to_publish_one() -> None:
    (python,) = [
        b for b in re.findall(r"^```python\n(.*?)^```", TEXT, re.M | re.S) if "AIOKafkaProducer" in b
    ]
    wanted = "show every command once, in the order of trackerrms_contracts.commands.INPUTS"
    assert [example["type"] for example in COMMANDS] == list(INPUTS), f"README.md, blocks of JSON: {wanted}"
    lines = [msgspec.json.decode(value)["type"] for _, value in LINES]
    assert lines == list(INPUTS), f"README.md, lines for kafka-console-producer: {wanted}"
    assert [words[2] for words in SENT] == list(INPUTS), f"README.md, bridge send: {wanted}"
    run = set(re.findall(r'await run\("([\w.]+)"', python))
    assert run == set(INPUTS), "README.md, Publishing: let the Python example run every command"


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
    table = rows("code")
    assert [row[0].strip("`") for row in table] == list(get_args(Code)), (
        "README.md, Results: a row for each code of bridge/commands/errors.py, in its order"
    )
    assert {len(row) for row in table} == {4}
    assert {row[2] for row in table} == {"yes", "no"}


def test_every_step_is_told_with_the_call_that_carries_it_out() -> None:
    told = {name: row[1] for row in rows("step") for name in re.findall(r"`(\w+)`", row[0])}
    assert set(told) == set(resources.DEFAULT.actions), "README.md, Credentials: a row for each step"
    for name, action in resources.DEFAULT.actions.items():
        assert action.via == "widget"
        assert action.widget is not None
        assert told[name].startswith(f"widget `{action.widget.path.rpartition('/')[2]}`")


# --- metrics ----------------------------------------------------------------------------------------------

(RULES,) = [yaml.safe_load(b) for b in re.findall(r"^```yaml\n(groups:.*?)^```", TEXT, re.M | re.S)]
EXPRESSIONS = {rule["alert"]: rule["expr"] for group in RULES["groups"] for rule in group["rules"]}
METRICS = {name: (kind, labels) for name, kind, labels, _ in metrics.documented()}


def test_an_alert_asks_for_metrics_and_labels_that_there_are(subtests: pytest.Subtests) -> None:
    for alert, expression in EXPRESSIONS.items():
        with subtests.test(alert):
            asked = re.findall(r"(bridge_\w+)(?:\{(\w+)=)?", expression)
            assert asked
            for name, label in asked:
                kind, labels = METRICS[re.sub("_(bucket|count)$", "", name)]
                assert (kind == "histogram") == name.endswith(("_bucket", "_count"))
                assert label in ("", *labels)
            by = re.search(r"by \((.*?)\)", expression)
            grouped = set(by[1].split(", ")) if by else set()
            known = {"le"}.union(*(METRICS[re.sub("_(bucket|count)$", "", n)][1] for n, _ in asked))
            assert grouped <= known


def test_every_metric_is_said_to_be_good_for_something() -> None:
    told = set(re.findall(r"bridge_\w+", " ".join(cell for row in rows("question") for cell in row)))
    told = {re.sub("_count$", "", name) for name in told}
    assert METRICS.keys() - told == set(), 'README.md, "What they are good for": say it of these metrics too'
    assert told - METRICS.keys() == set(), 'README.md, "What they are good for": there are no such metrics'
