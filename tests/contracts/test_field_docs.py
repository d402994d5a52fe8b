"""What is written under a field is read as its meaning and its example."""

from msgspec import Struct
from trackerrms_contracts.entities import STRUCTS, Candidate

from tools.field_docs import FieldDoc, read_examples, read_field_docs


class Documented(Struct):
    """A struct with a field of each kind."""

    name: str | None = None
    """a name that takes
    two lines; for example `Grace`"""
    amount: float | None = None
    """an amount, `0` too; for example `12.5`"""
    told: bool | None = None
    """a word; for example `a` is not the end"""
    silent: str | None = None


def test_a_text_under_a_field_is_its_meaning_and_its_example() -> None:
    assert read_field_docs(Documented) == {
        "name": FieldDoc(meaning="a name that takes two lines", example="Grace"),
        "amount": FieldDoc(meaning="an amount, `0` too", example="12.5"),
        "told": FieldDoc(meaning="a word; for example `a` is not the end"),
    }
    assert read_examples(Documented) == {"name": "Grace", "amount": 12.5}


def test_the_examples_of_the_models_are_values_of_their_fields() -> None:
    for struct in STRUCTS.values():
        struct_examples = read_examples(struct)
        assert struct_examples.keys() <= set(struct.__struct_fields__)
        torn = [name for name, doc in read_field_docs(struct).items() if "for example `" in doc.meaning]
        assert torn == [], "end the text under the field with: ; for example `a value`"
    assert read_examples(Candidate)["title"] == "Head of Radio"
