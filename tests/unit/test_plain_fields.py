"""A plain field has the value at its place in the record, by nothing but its name, its type and the table."""

import pytest
from trackerrms_contracts.entities import Model

from bridge.tracker.entity_set import EntitySet
from tests.field_cases import ADVICE, CASES, Case
from tests.unit.tracker_records import normalizer, only


def read(case: Case) -> EntitySet:
    """The entities of a record that has the value and nothing else."""
    row = case.record if case.source == "row" else {}
    detail = case.record if case.source == "detail" else {}
    if case.model is Model.CANDIDATE:
        return normalizer().candidate({"resourceId": 109, **row}, {"id": 109, **detail})
    job = {"opportunityId": 1026, "advertStatus": "A", **row}
    return normalizer().job(job, {"id": 1026, **detail}, "open")


def test_each_plain_field_has_the_value_at_its_place(subtests: pytest.Subtests) -> None:
    for case in CASES:
        with subtests.test(f"{case.model}.{case.field}"):
            found = getattr(only(read(case), case.model), case.field)
            assert found == case.becomes, (
                f"bridge/tracker/resources.py: is {case.place} a place of {case.field}, under that name? "
                "A value that is not there as it is takes a rule in bridge/tracker/normalize*.py"
            )


def test_every_plain_field_has_a_case() -> None:
    plain = {(model, name) for model, fields in normalizer().plain.items() for name in fields.names}
    assert plain - {(case.model, case.field) for case in CASES} == set(), ADVICE
