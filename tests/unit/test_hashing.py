"""What the bridge remembers of a record changes when, and only when, its content does."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trackerrms_contracts import codec
from trackerrms_contracts.entities import STRUCTS, UNHASHED, Candidate, Job, Location, Model, PhoneNumber, Tag

from bridge import hashing
from bridge.hashing import FIELD_BYTES, Hasher, differing_fields
from tests.unit.capture_records import HASHER, IDS, NOON, record

few = settings(max_examples=30, deadline=None)


def other_value(model: Model, name: str) -> Any:
    """A value that the field does not have in ``record``."""
    kind = next(f.type for f in msgspec.structs.fields(STRUCTS[model]) if f.name == name)
    candidates = [
        "CONFIDENTIAL",
        "PUBLIC",
        5,
        5.5,
        True,
        NOON,
        {"a": 1},
        ["PUBLIC"],
        "HIRED",
        "ACTIVE",
        "JOB",
        "ADMIN",
    ]
    more: list[Any] = [["ADMIN"], {"city": "Leeds"}, [{"phone_number": "1"}], [{"link": "x"}]]
    for value in [*candidates, *more, IDS.of(Model.USER, "other")]:
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError:
            continue
    raise AssertionError(f"no value for {model}.{name}")


def test_each_content_field_changes_the_record_hash_and_is_named(subtests: pytest.Subtests) -> None:
    for model, struct in STRUCTS.items():
        for name in codec.field_names(struct):
            with subtests.test(f"{model}.{name}"):
                before = record(model)
                after = msgspec.structs.replace(before, **{name: other_value(model, name)})
                one, two = HASHER.record(before), HASHER.record(after)
                assert one.record != two.record
                assert differing_fields(struct, one.fields, two.fields) == (name,)


def test_what_is_not_content_changes_nothing(subtests: pytest.Subtests) -> None:
    for model in Model:
        with subtests.test(str(model)):
            before = record(model)
            others: dict[str, Any] = {"id": IDS.of(model, "other"), "changed_at": NOON}
            others["remote_deleted_at"] = NOON
            if "remote_data" in STRUCTS[model].__struct_fields__:
                others["remote_data"] = {"/path": {"views": 7}}
            assert set(others) <= UNHASHED
            assert HASHER.record(msgspec.structs.replace(before, **others)) == HASHER.record(before)


def test_a_hash_has_a_place_for_every_content_field(subtests: pytest.Subtests) -> None:
    for model in Model:
        with subtests.test(str(model)):
            fields = HASHER.record(record(model)).fields
            assert len(fields) == FIELD_BYTES * len(codec.field_names(STRUCTS[model]))


def test_equal_values_in_two_fields_do_not_look_alike() -> None:
    fields = HASHER.record(record(Model.CANDIDATE, first_name="Sam", last_name="Sam")).fields
    digests = [fields[i : i + FIELD_BYTES] for i in range(0, len(fields), FIELD_BYTES)]
    held = [digest for digest in digests if digest != bytes(FIELD_BYTES)]
    assert len(held) == len(set(held)) == 3


def test_another_key_gives_other_hashes() -> None:
    tag = record(Model.TAG, name="Java")
    one, two = HASHER.record(tag), Hasher(b"q" * 32).record(tag)
    assert one.record != two.record
    assert one.fields != two.fields


def test_absent_and_empty_are_the_same() -> None:
    bare = record(Model.CANDIDATE)
    assert HASHER.record(msgspec.structs.replace(bare, phone_numbers=())) == HASHER.record(bare)


def test_the_order_of_keys_in_free_data_does_not_count() -> None:
    one, two = ({"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"d": 3, "c": 2}, "a": 1})
    hashes = {HASHER.record(record(Model.JOB, custom_fields=free)).record for free in (one, two)}
    assert len(hashes) == 1


def test_the_order_of_a_list_counts() -> None:
    one, two = PhoneNumber(phone_number="1"), PhoneNumber(phone_number="2")
    there = HASHER.record(record(Model.CANDIDATE, phone_numbers=(one, two)))
    back = HASHER.record(record(Model.CANDIDATE, phone_numbers=(two, one)))
    assert there.record != back.record


@few
@given(st.text(max_size=5), st.text(max_size=5), st.text(max_size=5), st.text(max_size=5))
def test_equal_content_has_equal_hashes_and_other_content_others(a: str, b: str, c: str, d: str) -> None:
    one = record(Model.CANDIDATE, first_name=a, location=Location(city=b))
    two = record(Model.CANDIDATE, first_name=c, location=Location(city=d))
    assert (HASHER.record(one) == HASHER.record(two)) == ((a, b) == (c, d))


def test_a_field_new_to_a_model_changes_no_record_that_lacks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    candidate = record(Model.CANDIDATE, first_name="Ada")
    now = HASHER.record(candidate)
    names = codec.field_names(Candidate)
    before_title = tuple(name for name in names if name != "title")
    monkeypatch.setitem(hashing._fields_of, STRUCTS[Model.CANDIDATE], before_title)
    earlier = Hasher(b"k" * 32).record(candidate)
    assert earlier.record == now.record
    assert len(earlier.fields) < len(now.fields)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"title": "Engineer"}, ("title",)),
        ({"title": "Engineer", "company": "Example Ltd"}, ("company", "title")),
        ({"first_name": None}, codec.field_names(Candidate)),
    ],
)
def test_across_a_new_shape_what_holds_something_new_is_named_or_everything(
    fields: dict[str, Any], named: tuple[str, ...]
) -> None:
    before = HASHER.record(record(Model.CANDIDATE, first_name="Ada", last_name="Example")).fields
    after = HASHER.record(record(Model.CANDIDATE, **({"first_name": "Ada", "last_name": "Example"} | fields)))
    assert differing_fields(Candidate, before[: -2 * FIELD_BYTES], after.fields) == named


def test_changed_fields_stand_in_the_models_order() -> None:
    one = HASHER.record(record(Model.JOB))
    two = HASHER.record(record(Model.JOB, salary_amount=1.0, name="Cook", status="OPEN"))
    assert differing_fields(Job, one.fields, two.fields) == ("name", "status", "salary_amount")


def test_a_salt_depends_on_each_part_and_on_where_it_ends() -> None:
    parts: list[tuple[bytes, ...]] = [(), (b"",), (b"ab",), (b"a", b"b"), (b"", b"ab"), (b"ab", b"")]
    salts = {HASHER.salt(*given) for given in parts}
    assert len(salts) == len(parts)
    assert {len(salt) for salt in salts} == {32}
    assert Hasher(b"q" * 32).salt(b"ab") not in salts


def test_a_known_hash_stays_or_every_stored_one_is_lost() -> None:
    known = HASHER.record(Tag(id=IDS.of(Model.TAG, "Java"), remote_id="Java", name="Java"))
    assert known.record.hex() == "ae7e156e40b49442f86557b0c6eb8a84"
