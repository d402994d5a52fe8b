"""The committed AsyncAPI document and its page are those of the structs, valid; the examples are true."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from trackerrms_contracts import codec, commands, dead_letters, topics
from trackerrms_contracts.entities import STRUCTS, Model

from bridge.commands.errors import TITLES
from tests import npm
from tests.committed import assert_fresh
from tests.contracts import asyncapi_document as reading
from tools import asyncapi, asyncapi_page, descriptions, examples, schemas
from tools.examples import Example

DOCUMENT: dict[str, Any] = json.loads(asyncapi.FILE.read_text(encoding="utf-8"))
SCRIPT = Path(__file__).parent / "node" / "asyncapi.js"
EXAMPLES = list(examples.everything())
TOPICS = [*topics.all_events().values(), topics.commands(), topics.command_results(), topics.dead_letter()]
_WARNING = 1  # of the parser's severities: 0 error, 1 warning, 2 information, 3 request


def test_the_committed_document_is_fresh() -> None:
    assert_fresh({asyncapi.FILE: asyncapi.render(asyncapi.document())})


def test_the_committed_page_is_fresh() -> None:
    assert_fresh({asyncapi.PAGE: asyncapi_page.render(asyncapi.document())})


def test_asyncapis_own_parser_takes_it() -> None:
    given = asyncapi.FILE.read_text(encoding="utf-8")
    ended = npm.run(SCRIPT, "the AsyncAPI document isn't held against @asyncapi/parser", given)
    assert ended.returncode == 0, ended.stderr
    said = json.loads(ended.stdout)
    assert [one for one in said["diagnostics"] if one[0] <= _WARNING] == []
    assert said["channels"] == TOPICS
    directions = {address: action for action, address, _ in said["operations"]}
    assert directions == dict.fromkeys(TOPICS, "send") | {topics.commands(): "receive"}


def test_every_topic_is_a_channel() -> None:
    assert [channel["address"] for channel in DOCUMENT["channels"].values()] == TOPICS


def test_the_topics_of_another_prefix_are_told_too() -> None:
    told = [channel["address"] for channel in asyncapi.document("ats")["channels"].values()]
    assert told == [topic.replace("trackerrms", "ats", 1) for topic in TOPICS]


def test_every_reference_names_something() -> None:
    named = set(reading.references(DOCUMENT))
    assert all(reading.resolve(DOCUMENT, reference) for reference in named)


def test_every_definition_and_message_is_used() -> None:
    components = DOCUMENT["components"]
    made = {f"#/components/{kind}/{name}" for kind in ("messages", "schemas") for name in components[kind]}
    assert made <= set(reading.references(DOCUMENT))


def test_the_examples_shown_are_the_encoded_ones() -> None:
    shown = [
        e for message in DOCUMENT["components"]["messages"].values() for e in message.get("examples", ())
    ]
    assert {e["name"]: e["payload"] for e in shown} == {e.name: json.loads(e.value) for e in EXAMPLES}


def test_an_example_is_what_its_message_says(subtests: pytest.Subtests) -> None:
    for name, message in DOCUMENT["components"]["messages"].items():
        headers = reading.closed(message.get("headers"))
        for example in message.get("examples", ()):
            with subtests.test(name, example=example["name"]):
                assert reading.faults(DOCUMENT, message["payload"], example["payload"]) == []
                assert reading.faults(DOCUMENT, headers, example.get("headers", {})) == []


def test_an_example_of_an_event_is_read_and_written_alike(subtests: pytest.Subtests) -> None:
    for example in [example for model in Model for example in examples.of_events(model)]:
        with subtests.test(example.name):
            event = codec.decode_event(example.value)
            assert codec.encode(event) == example.value
            assert (event.type, event.subject) == (example.name, example.key.decode())


def test_the_other_examples_are_read_and_written_alike() -> None:
    assert [rewritten(one, commands.Result) for one in examples.of_results()] == examples.of_results()
    letters = examples.of_dead_letters()
    assert [rewritten(one, dead_letters.DeadLetter) for one in letters] == letters


def rewritten(example: Example, kind: type) -> Example:
    value = codec.encode(msgspec.json.decode(example.value, type=kind))
    return msgspec.structs.replace(example, value=value)


def test_the_failures_of_examples_are_titled_as_the_bridge_titles_them() -> None:
    errors = [json.loads(one.value)["data"]["error"] for one in examples.of_results()]
    assert all(error is None or error["title"] == TITLES[error["code"]] for error in errors)


def test_every_field_of_a_message_is_told_in_words() -> None:
    silent = [
        (name, field)
        for name, definition in DOCUMENT["components"]["schemas"].items()
        for field, schema in definition.get("properties", {}).items()
        if "$ref" not in schema and "description" not in schema
    ]
    assert silent == [], "say in tools/descriptions.py what these fields mean, then run make generate"


def test_no_words_are_left_of_fields_that_are_gone() -> None:
    known: dict[str, set[str]] = {}
    for schema in schemas.generate().values():
        for name, definition in schema["$defs"].items():
            known.setdefault(name.partition("_")[0], set()).update(definition.get("properties", ()))
    told = {name: set(fields) for name, fields in descriptions.MEANINGS.items()}
    gone = {name: left for name, fields in told.items() if (left := fields - known.get(name, set()))}
    assert gone == {}, "no message has these fields: take them out of tools/descriptions.py"


def test_the_page_tells_every_topic_and_field() -> None:
    page = asyncapi.PAGE.read_text(encoding="utf-8")
    assert [topic for topic in TOPICS if f"Topic `{topic}`" not in page] == []
    fields = {f for struct in STRUCTS.values() for f in struct.__struct_fields__}
    assert [field for field in sorted(fields) if f"| `{field}` |" not in page] == []
