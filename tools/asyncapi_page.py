"""Render the AsyncAPI document as a Markdown page. Pure."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

_WIDTH = 96
_CHOICES = 6
_RECORD = (
    "the record after the change; its topic lists the fields. In `deleted`, the identifiers and "
    "`remote_deleted_at`, and the other fields only if the integration keeps values"
)
_SCHEMAS = "#/components/schemas/"
_MESSAGES = "#/components/messages/"
Schema = dict[str, Any]


def render(document: dict[str, Any]) -> str:
    """Return the whole page."""
    page = _Page(document)
    return "\n".join(page.lines()) + "\n"


class _Page:
    """A page. It describes the common parts of all events once, and the rest under each topic."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._channels: dict[str, Any] = document["channels"]
        self._messages: dict[str, Any] = document["components"]["messages"]
        self._schemas: dict[str, Schema] = document["components"]["schemas"]
        self._info = document["info"]
        self._actions = {
            operation["channel"]["$ref"].rpartition("/")[2]: f"{operation['action']}s"
            for operation in document["operations"].values()
        }
        self._parts: dict[str, None] = {}

    def lines(self) -> Iterator[str]:
        yield "# Messages on Kafka"
        yield ""
        yield "`make generate` writes this page and the AsyncAPI 3 document"
        yield "[`asyncapi.json`](../contracts/trackerrms_contracts/asyncapi.json), with examples. The JSON"
        yield "Schema of each message is in `contracts/trackerrms_contracts/schema/`. [Events](events.md) and"
        yield "[Commands](commands.md) explain how to use the messages."
        yield ""
        yield from _wrapped(self._info["description"])
        yield ""
        yield from _table(("topic", "the bridge", "key", "content"), self._topics())
        yield from self._envelope()
        for channel in self._channels.values():
            yield from self._channel(channel)
        yield from self._shared()

    def _topics(self) -> Iterator[tuple[str, ...]]:
        for name, channel in self._channels.items():
            message = self._first(channel)
            key = message["bindings"]["kafka"]["key"]["description"]
            link = f"[{channel['title']}](#{_anchor(channel['title'])})"
            yield f"`{channel['address']}`", self._actions[name], key, link

    def _first(self, channel: dict[str, Any]) -> dict[str, Any]:
        return next(iter(self._of(channel)))

    def _of(self, channel: dict[str, Any]) -> list[dict[str, Any]]:
        references = [message["$ref"] for message in channel["messages"].values()]
        return [self._messages[reference.removeprefix(_MESSAGES)] for reference in references]

    # --- the envelope of events ---

    def _envelope(self) -> Iterator[str]:
        event = self._schemas["CandidateEvent"]
        change = self._schemas["CandidateChange"]
        headers = self._messages["CandidateEvent"]["headers"]
        yield ""
        yield "## Every event"
        yield ""
        yield "The key is the entity's id. The value has these fields; `<model>` is `candidate` and so on."
        yield ""
        plain: dict[str, Schema] = {
            "type": {"enum": ["<model>.created", "<model>.updated", "<model>.deleted"]},
            "dataschema": {"const": "urn:trackerrms-bridge:<model>:1"},
        }
        yield from self._fields(event, replaced=plain, links={"data": "see below"})
        yield ""
        yield "`data`:"
        yield ""
        yield from self._fields(change, links={"record": _RECORD})
        yield ""
        yield "These headers let a consumer filter without parsing. Results and dead letters have them too:"
        yield ""
        rows = [
            (f"`{name}`", f"`{schema['const']}`" if "const" in schema else _sentence(schema["description"]))
            for name, schema in headers["properties"].items()
        ]
        yield from _table(("header", "value"), rows)

    # --- a topic ---

    def _channel(self, channel: dict[str, Any]) -> Iterator[str]:
        messages = [message for message in self._of(channel) if message["name"] != "Tombstone"]
        yield ""
        yield f"## {channel['title']}"
        yield ""
        yield f"Topic `{channel['address']}`."
        yield from _wrapped(channel["description"])
        for message in messages:
            if len(messages) > 1:
                yield ""
                yield f"### {message['title']}"
                yield ""
                yield from _wrapped(message["summary"])
            yield ""
            yield from self._message(message)

    def _message(self, message: dict[str, Any]) -> Iterator[str]:
        envelope = self._schemas[_name(message["payload"])]
        data = envelope["properties"]["data"]
        kinds = message.get("headers", {}).get("properties", {}).get("ce_type", {}).get("enum", [])
        if "record" in self._schemas.get(_name(data), {}).get("properties", {}):
            yield f"`ce_type` is {_choice(kinds)}; `record`:"
            record = self._schemas[_name(data)]["properties"]["record"]
            yield ""
            yield from self._fields(self._schemas[_name(record)])
        else:
            yield f"Headers: {'the same as for events' if kinds else 'not needed'}. The value:"
            yield ""
            yield from self._fields(envelope, links={"data": "see below"})
            for one in [data] if "$ref" in data else data["anyOf"]:
                title = f" of a {_name(one)}" if "anyOf" in data else ""
                yield ""
                yield f"`data`{title}:"
                yield ""
                yield from self._fields(self._schemas[_name(one)])
        yield from self._examples(message["examples"])

    def _examples(self, examples: list[dict[str, Any]]) -> Iterator[str]:
        """Render one example of an event, an update if there is one, and all examples of other messages."""
        if examples[0]["name"].endswith(".created"):
            examples = examples[-2:-1]
        for example in examples:
            yield ""
            yield f"`{example['name']}`:"
            yield ""
            yield "```json"
            yield _pretty(example["payload"])
            yield "```"

    # --- fields ---

    def _fields(
        self, schema: Schema, replaced: dict[str, Schema] | None = None, links: dict[str, str] | None = None
    ) -> Iterator[str]:
        rows = []
        optional = set(schema["properties"]) - set(schema.get("required", ()))
        for name, given in schema["properties"].items():
            field = {**given, **(replaced or {}).get(name, {})}
            meaning = (links or {}).get(name) or field.get("description") or self._described(name, field)
            kind = "object" if links and name in links else self._type(field)
            rows.append((f"`{name}`", kind + (" · optional" if name in optional else ""), _sentence(meaning)))
        yield from _table(("field", "type", "meaning"), rows)

    def _described(self, name: str, field: Schema) -> str:
        """Return the description of the named schema. Raises ``LookupError`` if the field has none."""
        if _name(field) not in self._schemas:
            raise LookupError(
                f"the field {name} has no description: add it below the field in "
                "trackerrms_contracts/entities.py or, if it is not of a model, in tools/descriptions.py"
            )
        return str(self._schemas[_name(field)].get("description", "")).partition("\n\n")[0]

    def _type(self, field: Schema) -> str:
        match field:
            case {"$ref": str()}:
                self._parts[_name(field)] = None
                return f"[{_name(field)}](#{_anchor(_name(field))})"
            case {"anyOf": list(choices)}:
                kinds = [self._type(one) for one in choices if one != {"type": "null"}]
                return " or ".join(kinds + (["null"] if len(kinds) < len(choices) else []))
            case {"const": const}:
                return f"`{const}`"
            case {"enum": list(values)} if len(values) <= _CHOICES:
                return _choice(values)
            case {"type": "array", "items": items} if items:
                return f"list of {self._type(items)}"
            case {"type": "array"}:
                return "list"
            case {"type": "string", "minLength": 24}:
                return "id"
            case {"type": "string", "format": "date-time"}:
                return "time"
            case {"type": kind}:
                return "text" if kind == "string" else str(kind)
            case _:
                return "anything"

    # --- types of fields ---

    def _shared(self) -> Iterator[str]:
        yield ""
        yield "## Types of fields"
        yield ""
        yield "An id has 24 characters of base58. A time is UTC, in the format of RFC 3339."
        described: set[str] = set()
        while missing := sorted(self._parts.keys() - described):
            for name in missing:
                described.add(name)
                yield ""
                yield f"### {name}"
                yield ""
                yield from _wrapped(self._schemas[name].get("description", ""))
                yield ""
                yield from self._fields(self._schemas[name])


def _name(reference: Schema) -> str:
    return str(reference.get("$ref", "")).removeprefix(_SCHEMAS)


def _anchor(title: str) -> str:
    return "".join(c for c in title.lower().replace(" ", "-") if c.isalnum() or c in "-_")


def _choice(values: Iterable[Any]) -> str:
    return " or ".join(f"`{value}`" for value in values)


def _sentence(text: str) -> str:
    one = " ".join(text.split())
    return one[:1].upper() + one[1:] if one[:1] != "`" else one


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield "|---" * len(heads) + "|"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"


def _wrapped(text: str) -> Iterator[str]:
    """Wrap the text into lines of at most 110 characters, so that diffs are readable."""
    line = ""
    for word in text.split():
        if len(line) + len(word) >= 110:
            yield line
            line = word
        else:
            line = f"{line} {word}".strip()
    if line:
        yield line


def _pretty(value: Any, indent: str = "") -> str:
    """Return the JSON text, with short parts on one line."""
    flat = json.dumps(value, ensure_ascii=False)
    if len(indent) + len(flat) <= _WIDTH or not isinstance(value, dict | list) or not value:
        return flat
    inner = indent + "  "
    if isinstance(value, dict):
        parts = [f"{inner}{json.dumps(k, ensure_ascii=False)}: {_pretty(v, inner)}" for k, v in value.items()]
        return "{\n" + ",\n".join(parts) + f"\n{indent}}}"
    return "[\n" + ",\n".join(inner + _pretty(one, inner) for one in value) + f"\n{indent}]"
