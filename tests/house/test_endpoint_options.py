"""The page on webhooks: its table of options says what the API and the command line take, its examples what
operational endpoints receive.
"""

import json
import re
from pathlib import Path
from typing import Any, get_args

import msgspec
from trackerrms_contracts import codec
from trackerrms_contracts.webhooks import (
    TEST_TYPE,
    EndpointChange,
    EventType,
    ExactEventType,
    HoldEvent,
    HoldType,
    NewEndpoint,
    OperationalEvent,
    OperationalType,
)

from bridge.cli import endpoints
from bridge.webhooks import operational
from tests import declared, pages
from tools import openapi

PAGE = "docs/webhooks.md"
TEXT = pages.text_of(PAGE)
EXAMPLES = [msgspec.json.decode(block) for block in pages.blocks(PAGE, "json")]
Row = dict[str, str]
HEADINGS = ("option", "field", "value", "default", "meaning")
_SCHEMAS = json.loads(Path(openapi.FILE).read_text(encoding="utf-8"))["components"]["schemas"]
CREATE, CHANGE = _SCHEMAS["NewEndpoint"], _SCHEMAS["EndpointChange"]


def table() -> dict[str, Row]:
    """The rows by the field of the API that they are about."""
    found = [dict(zip(HEADINGS, row, strict=True)) for row in pages.rows(PAGE, "option | field of the API")]
    assert len({row["field"] for row in found}) == len(found), f"{PAGE}: two rows are about the same field"
    return {row["field"].strip("`"): row for row in found}


def test_there_is_a_row_for_every_option_and_no_other() -> None:
    missing = set(NewEndpoint.__struct_fields__) - table().keys()
    surplus = table().keys() - set(NewEndpoint.__struct_fields__)
    assert (missing, surplus) == (set(), set()), (
        f"{PAGE}, Options of an endpoint: add what is missing, delete the surplus"
    )


def test_values_and_defaults_are_those_of_the_api() -> None:
    for name, schema in CREATE["properties"].items():
        row = table()[name]
        default = "must be given" if name in CREATE["required"] else f"`{spelled(schema['default'])}`"
        assert (row["value"], row["default"]) == (values(schema), default), (
            f"{PAGE}, the row of {name}: write what the API has"
        )


def test_what_an_update_takes_has_the_same_limits() -> None:
    for name, schema in CHANGE["properties"].items():
        assert table()[name]["value"] == values(schema), f"{name}: an update takes other values"


def test_what_can_only_be_given_at_creation_says_so() -> None:
    said = {name for name, row in table().items() if row["meaning"].startswith("At creation only")}
    assert said == set(NewEndpoint.__struct_fields__) - set(EndpointChange.__struct_fields__)


def test_the_options_are_those_of_the_command_line() -> None:
    named = {word for row in table().values() for word in re.findall("`(--[a-z-]+)", row["option"])}
    create, update = (declared.options(endpoints.app, name) for name in ("create", "update"))
    given = (create | {"--url"}) - {"--json"}
    assert (given - named, named - given) == (set(), set()), (
        f"{PAGE}, Options of an endpoint: the rows name the words of create: add what is missing (first), "
        "delete the surplus; what only an update takes is named below the table"
    )
    (sentence,) = re.findall(r"`bridge endpoints update` takes options back with (.*?)\.\n", TEXT, re.S)
    assert set(re.findall("`(--[a-z-]+)", sentence)) == update - create - {"--url"}, (
        f'{PAGE}, "`bridge endpoints update` takes options back with": name what only an update takes'
    )


def test_the_example_of_an_event_about_an_endpoint_is_one_and_shows_every_field() -> None:
    (shown,) = [one for one in EXAMPLES if one["type"].startswith("endpoint.")]
    event = msgspec.convert(shown, OperationalEvent)
    assert msgspec.json.decode(codec.encode(event)) == shown
    assert None not in shown["data"].values()


def test_every_type_about_endpoints_is_named_produced_and_can_be_asked_for() -> None:
    source = Path(operational.__file__).read_text(encoding="utf-8")
    for kind in get_args(OperationalType):
        assert f"`{kind}`" in TEXT, f"{PAGE}: say when {kind} comes"
        assert f'_report(tx, sealer, "{kind}"' in source, (
            f"{kind}: bridge/webhooks/operational.py never tells it"
        )
        assert msgspec.convert([kind], list[EventType]) == [kind]
        assert msgspec.convert([kind], list[ExactEventType]) == [kind]
    assert f"`{TEST_TYPE}`" in TEXT


def test_the_example_of_an_event_about_a_hold_is_one_and_every_type_can_be_asked_for() -> None:
    (shown,) = [one for one in EXAMPLES if one["type"].startswith("hold.")]
    assert msgspec.json.decode(codec.encode(msgspec.convert(shown, HoldEvent))) == shown
    for kind in get_args(HoldType):
        assert f"`{kind}`" in TEXT, f"{PAGE}: say when {kind} comes"
        assert msgspec.convert([kind], list[EventType]) == [kind]
        assert msgspec.convert([kind], list[ExactEventType]) == [kind]


def values(schema: dict[str, Any]) -> str:
    """What a schema of the API allows, in the words of the table."""
    schema = next((one for one in schema.get("anyOf", ()) if one != {"type": "null"}), schema)
    match schema:
        case {"enum": choices}:
            return ", ".join(f"`{one}`" for one in choices)
        case {"type": "boolean"}:
            return "`true`, `false`"
        case {"type": "number", "minimum": low, "maximum": high}:
            return f"a number, {low:,} to {high:,}"
        case {"type": "number", "exclusiveMinimum": low, "maximum": high}:
            return f"a number over {low:,}, up to {high:,}"
        case {"type": "array", "minItems": low, "maxItems": high}:
            return f"a list, {low:,} to {high:,}"
        case {"type": "array", "maxItems": high}:
            return f"a list, up to {high:,}"
        case {"type": "object", "maxProperties": high}:
            return f"an object, up to {high:,} keys"
        case {"type": "string"}:
            return text(schema)
    raise AssertionError(f"{schema}: say in this function how the table spells it")


def text(schema: dict[str, Any]) -> str:
    """What a string may be, in the words of the table."""
    if schema.get("format") == "date-time":
        return "a moment"
    return f"text of up to {schema['maxLength']:,} characters" if "maxLength" in schema else "text"


def spelled(default: Any) -> str:
    """A default as JSON, a whole number without its point."""
    return json.dumps(int(default) if isinstance(default, float) and default.is_integer() else default)
