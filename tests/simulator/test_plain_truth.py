"""What is typed into a record is what the simulator says of the unified field."""

from typing import Any

import msgspec
import pytest
from trackerrms_contracts.entities import Model

from bridge.simulator.plain_fields import PLAIN_FIELDS
from tests.field_cases import ADVICE, CASES
from tests.simulator.account import Account

ENTITIES = {Model.CANDIDATE: "resource", Model.JOB: "opportunity", Model.JOB_POSTING: "opportunity"}
BEGUN: dict[str, dict[str, Any]] = {"resource": {}, "opportunity": {"advertStatus": "A"}}


async def test_the_truth_of_a_plain_field_is_its_value(account: Account, subtests: pytest.Subtests) -> None:
    for case in CASES:
        with subtests.test(f"{case.model}.{case.field}"):
            entity = ENTITIES[case.model]
            new = await account.change("create", entity, **BEGUN[entity], **case.record)
            told = (await account.truth(case.model))[str(new)][case.field]
            assert msgspec.convert(told, type(case.becomes)) == case.becomes, (
                "bridge/simulator/plain_fields.py: which key means this field? (or bridge/simulator/truth.py)"
            )


def test_every_plain_key_that_means_a_field_has_a_case() -> None:
    meant = {field.means for fields in PLAIN_FIELDS.values() for field in fields if field.means}
    assert meant - {(str(case.model), case.field) for case in CASES} == set(), ADVICE
