"""Messages that the structs admit, drawn by hypothesis from the structs themselves."""

from datetime import UTC, datetime
from typing import Any

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from msgspec import UNSET, inspect
from trackerrms_contracts import codec, events, ids
from trackerrms_contracts.entities import STRUCTS, Model
from trackerrms_contracts.events import Change, Event

few = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])

moments = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | words
trees = scalars | st.lists(scalars, max_size=2) | st.dictionaries(words, scalars, max_size=2)
entity_ids = st.integers(0, 10**6).map(lambda n: ids.entity_id("acme", Model.USER, str(n)))


def of_type(kind: inspect.Type) -> st.SearchStrategy[Any]:
    """Values of a type, as ``msgspec.inspect`` describes it."""
    match kind:
        case inspect.StructType():
            fields = {f.name: of_type(f.type) for f in kind.fields}
            return st.builds(kind.cls, **fields)
        case inspect.UnionType():
            return st.one_of(*(of_type(t) for t in kind.types))
        case inspect.VarTupleType():
            return st.lists(of_type(kind.item_type), max_size=2).map(tuple)
        case inspect.DictType():
            return st.dictionaries(words, of_type(kind.value_type), max_size=2)
        case inspect.LiteralType():
            return st.sampled_from(kind.values)
        case inspect.StrType():
            return words if kind.pattern is None else entity_ids  # the only pattern in the models
        case inspect.Metadata():
            return of_type(kind.type)
        case _:
            return _plain(kind)


def _plain(kind: inspect.Type) -> st.SearchStrategy[Any]:
    match kind:
        case inspect.DateTimeType():
            return moments
        case inspect.FloatType():
            return st.floats(allow_nan=False, allow_infinity=False)
        case inspect.IntType():
            return st.integers(-(2**53), 2**53)
        case inspect.BoolType():
            return st.booleans()
        case inspect.NoneType():
            return st.none()
        case inspect.AnyType():
            return trees
        case _:
            raise NotImplementedError(kind)


def records(model: Model) -> st.SearchStrategy[Any]:
    """Records of a model."""
    return of_type(inspect.type_info(STRUCTS[model]))


@st.composite
def changes(draw: st.DrawFn, model: Model) -> Event[Any]:
    """Events of a model, as the bridge would write them."""
    record, sequence = draw(records(model)), draw(st.integers(1, 10**12))
    operation = draw(st.sampled_from(events.OPERATIONS))
    names = codec.field_names(STRUCTS[model])
    changed = draw(st.lists(st.sampled_from(names), unique=True)) if operation == "updated" else []
    kept = bool(changed) and draw(st.booleans())
    return Event(
        id=ids.event_id(record.id, sequence),
        source="trackerrms/acme",
        type=events.event_type(model, operation),
        subject=record.id,
        time=draw(moments),
        dataschema=events.data_schema(model),
        integrationid="acme",
        sequence=ids.format_sequence(sequence),
        data=Change(
            record=record,
            changed_fields=tuple(changed),
            cause="poll",
            previous={name: getattr(record, name) for name in changed} if kept else UNSET,
        ),
    )


def example(model: Model, operation: events.Operation = "created") -> dict[str, Any]:
    """One event of a model as decoded JSON, every optional part of its record empty."""
    entity = ids.entity_id("acme", model, "17")
    struct = STRUCTS[model]
    given: dict[str, Any] = {f: entity for f in struct.__struct_fields__ if f == "id" or f.endswith("_id")}
    if "remote_id" in given:
        given["remote_id"] = "17"
    given["changed_at"] = datetime(2026, 11, 23, 22, tzinfo=UTC)
    event = Event(
        id=ids.event_id(entity, 1),
        source="trackerrms/acme",
        type=events.event_type(model, operation),
        subject=entity,
        time=given["changed_at"],
        dataschema=events.data_schema(model),
        integrationid="acme",
        sequence=ids.format_sequence(1),
        data=Change(record=struct(**given), cause="initial"),
    )
    return dict(msgspec.json.decode(codec.encode(event)))
