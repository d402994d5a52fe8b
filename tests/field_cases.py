"""Plain fields by example: a value in TrackerRMS's record, and what becomes of it.

Written by hand, apart from the bridge's table and from the simulator's. ``tests/unit/test_plain_fields.py``
holds the bridge against it, ``tests/simulator/test_plain_truth.py`` the simulator.
"""

from datetime import UTC, datetime
from typing import Any

from msgspec import Struct
from trackerrms_contracts.entities import Model

ADVICE = (
    "tests/field_cases.py: add a line to CASES for each of these fields, with a value and what becomes of it"
)


class Case(Struct, frozen=True, kw_only=True):
    """``place`` is the record, the list's row or the one by id (``detail``), and the path in it."""

    model: Model
    field: str
    place: str
    given: Any
    becomes: Any

    @property
    def source(self) -> str:
        """``row`` or ``detail``."""
        return self.place.partition(":")[0]

    @property
    def record(self) -> dict[str, Any]:
        """The record with nothing but the value."""
        value = self.given
        for key in reversed(self.place.partition(":")[2].split(".")):
            value = {key: value}
        return dict(value)


def case(model: Model, field: str, place: str, given: Any, becomes: Any = ...) -> Case:
    """Return a case; without ``becomes`` the value stays as it is."""
    return Case(
        model=model, field=field, place=place, given=given, becomes=given if becomes is ... else becomes
    )


SUMMER = datetime(2026, 7, 1, 8, tzinfo=UTC)
CASES = (
    case(Model.CANDIDATE, "first_name", "detail:firstName", "Zoë"),
    case(Model.CANDIDATE, "last_name", "detail:surname", "Ng"),
    case(Model.CANDIDATE, "company", "detail:currentClient.name", "Acme"),
    case(Model.CANDIDATE, "title", "detail:jobTitle", "Nurse"),
    case(Model.CANDIDATE, "source", "detail:source", "Referral"),
    case(Model.JOB, "name", "row:opportunityName", "Baker"),
    case(Model.JOB, "description", "row:opportunityDescription", "<p>Bread</p>"),
    case(Model.JOB, "category", "detail:advertDetails.sector", "Food"),
    case(Model.JOB, "department", "detail:department.name", "Sales"),
    case(Model.JOB, "salary_currency", "row:currencyCode", "GBP"),
    case(Model.JOB, "opened_at", "row:dateOpened", "2026-07-01T09:00:00", SUMMER),
    case(Model.JOB, "closed_at", "row:dateFilled", "2026-07-01T09:00:00", SUMMER),
    case(Model.JOB_POSTING, "title", "detail:advertDetails.title", "Baker wanted"),
)
