"""Users, placement statuses and placements become users, stages, reasons and applications."""

from datetime import UTC, datetime
from typing import Any

import pytest
from trackerrms_contracts.entities import Application, ApplicationStage, Model, User

from bridge.errors import Permanent
from tests.unit.tracker_records import STATUS_ROWS, application_row, job_row, normalizer, of_id, only


def application_of(statuses: list[dict[str, Any]] | None = None, **changed: Any) -> Application:
    n = normalizer()
    table = n.status_table(STATUS_ROWS if statuses is None else statuses)
    found: Application = only(n.application(application_row(**changed), table), Model.APPLICATION)
    return found


def test_a_user_is_read_from_its_row() -> None:
    row = {"userId": 20, "firstName": "Ann", "surname": "Lee", "email": "ann@agency.test", "active": "y"}
    assert only(normalizer().user(row), Model.USER) == User(
        id=of_id(Model.USER, "20"),
        remote_id="20",
        first_name="Ann",
        last_name="Lee",
        email="ann@agency.test",
        status="ACTIVE",
    )


def test_a_user_of_the_widget_has_its_one_name_split() -> None:
    row = {"UserId": 20, "Username": "Ann van Lee", "Email": "nobody", "Active": False}
    user = only(normalizer().user(row), Model.USER)
    assert (user.first_name, user.last_name, user.email, user.status) == ("Ann", "van Lee", None, "INACTIVE")


def test_a_user_that_does_not_say_whether_it_is_active_has_no_status() -> None:
    assert only(normalizer().user({"userId": 1}), Model.USER).status is None


def test_a_status_is_a_stage_at_its_place() -> None:
    family = normalizer().status(STATUS_ROWS[1], 1)
    assert only(family, Model.APPLICATION_STAGE) == ApplicationStage(
        id=of_id(Model.APPLICATION_STAGE, "2"), remote_id="2", name="CV Sent", global_index=1
    )
    assert not family.of(Model.REJECTION_REASON)


def test_a_rejected_status_is_a_reason_too() -> None:
    family = normalizer().status(STATUS_ROWS[2], 2)
    reason = only(family, Model.REJECTION_REASON)
    assert (reason.remote_id, reason.name) == ("3", "Too junior")
    assert reason.id == of_id(Model.REJECTION_REASON, "3")
    assert only(family, Model.APPLICATION_STAGE).global_index == 2


def test_an_application_refers_to_its_stage_job_and_candidate() -> None:
    assert application_of() == Application(
        id=of_id(Model.APPLICATION, "7"),
        remote_id="7",
        outcome="PENDING",
        current_stage_id=of_id(Model.APPLICATION_STAGE, "2"),
        job_id=of_id(Model.JOB, "1026"),
        candidate_id=of_id(Model.CANDIDATE, "109"),
        remote_created_at=datetime(2026, 1, 6, 10, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("status", "outcome"), [(1, "PENDING"), (2, "PENDING"), (3, "DECLINED"), (4, "HIRED"), (5, "HIRED")]
)
def test_the_group_of_the_status_decides_the_outcome(status: int, outcome: str) -> None:
    assert application_of(opportunityResourceStatusId=status).outcome == outcome


@pytest.mark.parametrize(
    ("note", "reason"), [("No visa", "No visa"), ("", "Too junior"), (None, "Too junior")]
)
def test_the_note_is_the_reason_else_the_status(note: str | None, reason: str) -> None:
    found = application_of(opportunityResourceStatusId=3, rejectionReason=note)
    assert found.rejection_reason_name == reason


def test_only_a_declined_application_has_a_reason() -> None:
    assert application_of(rejectionReason="left over").rejection_reason_name is None


def test_an_outcome_can_be_mapped_by_a_status_name() -> None:
    n = normalizer(maps={"outcome": {"CV Sent": "HIRED"}})
    family = n.application(application_row(), n.status_table(STATUS_ROWS))
    assert only(family, Model.APPLICATION).outcome == "HIRED"


def test_an_application_at_an_unknown_status_is_provisional() -> None:
    n = normalizer()
    (unknown,) = n.application(application_row(opportunityResourceStatusId=99), {}).members
    (known,) = n.application(application_row(), n.status_table(STATUS_ROWS)).members
    assert (unknown.provisional, known.provisional) == (True, False)


def test_an_application_without_references_has_none() -> None:
    found = application_of(opportunityId=None, resourceId="", opportunityResourceStatusId=0)
    assert (found.job_id, found.candidate_id, found.current_stage_id) == (None, None, None)


def test_an_unreadable_status_does_not_hide_the_others() -> None:
    assert set(normalizer().status_table([{"id": {}}, *STATUS_ROWS])) == {"1", "2", "3", "4", "5"}


@pytest.mark.parametrize("bad", ["abc", "", None, True, 1.5, [1], {"x": 1}, -3])
def test_an_id_that_is_no_number_is_refused_without_its_value(bad: Any) -> None:
    with pytest.raises(Permanent, match=r"job: row:opportunityId is .*expected an id") as refused:
        normalizer().job(job_row(opportunityId=bad), None, "open")
    assert "abc" not in str(refused.value)


def test_a_value_of_the_wrong_type_names_resource_id_field_and_type_alone() -> None:
    said = (
        r"job 1026: row:opportunityDescription is an object, expected text; correct fields\.job\.description"
    )
    with pytest.raises(Permanent, match=f"^{said} if the value is elsewhere$"):
        normalizer().job(job_row(opportunityDescription={"secret": "value"}), None, "open")


def test_the_version_has_two_readings_in_the_hour_that_comes_twice() -> None:
    n = normalizer("Europe/London")
    twice = n.version("jobs", job_row(lastUpdatedDateTime="2026-10-25T01:30:00"))
    once = n.version("jobs", job_row(lastUpdatedDateTime="2026-10-25T02:30:00"))
    assert twice == (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC))
    assert once == (datetime(2026, 10, 25, 2, 30, tzinfo=UTC),) * 2


def test_a_record_that_does_not_say_when_it_was_updated_has_no_version() -> None:
    assert normalizer().version("jobs", job_row(lastUpdatedDateTime="")) is None
    assert normalizer().version("users", {"userId": 1}) is None


def test_remote_data_names_the_widget_where_users_come_from_it() -> None:
    row = {"UserId": 1}
    user = only(normalizer(keep_remote_data=True, users_from="widget").user(row), Model.USER)
    assert user.remote_data == {"/api/widget/getSettingsData": row}
