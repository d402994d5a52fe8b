"""An Opportunity becomes a job, its posting, its team and its roles, by the rules of docs/assumptions.md."""

from datetime import UTC, datetime
from typing import Any

import pytest
from trackerrms_contracts.entities import Job, Location, Model, Role

from bridge.errors import Permanent
from tests.unit.tracker_records import job_detail, job_row, normalizer, of_id, only


def job_of(row: dict[str, Any] | None = None, state: str | None = "open", **tracker: Any) -> Job:
    found: Job = only(normalizer(**tracker).job(row or job_row(), None, state), Model.JOB)
    return found


def test_a_job_carries_every_field_that_its_row_spells() -> None:
    job = only(normalizer().job(job_row(), job_detail(), "open"), Model.JOB)
    assert job == Job(
        id=of_id(Model.JOB, "1026"),
        remote_id="1026",
        name="Account Manager",
        job_code="JOB-1026",
        description="Sell things.",
        confidential=False,
        employment_type="FULL_TIME",
        status="OPEN",
        visibility="PUBLIC",
        category="Sales",
        department="Field Sales",
        salary_amount_from=40000.0,
        salary_amount_to=50000.0,
        salary_currency="GBP",
        salary_period="YEAR",
        location=Location(
            raw="Sheffield, South Yorkshire", city="Sheffield", state="South Yorkshire", zip_code="S1 2AB"
        ),
        opened_at=datetime(2026, 8, 31, 23, tzinfo=UTC),
        remote_created_at=datetime(2026, 9, 1, 7, tzinfo=UTC),
        remote_updated_at=datetime(2026, 12, 3, 9, 14, tzinfo=UTC),
    )


def test_a_job_without_a_reference_is_coded_by_prefix_and_id_where_a_prefix_is_set() -> None:
    row = job_row(publishReference=" ")
    assert job_of(row).job_code is None
    assert job_of(row, job_code_prefix="OPP-").job_code == "OPP-1026"


def test_the_advert_describes_a_job_that_has_no_description() -> None:
    assert job_of(job_row(opportunityDescription="")).description == "<p>Sell</p>"


@pytest.mark.parametrize(
    ("state", "name", "status"),
    [
        ("open", "First Interview", "OPEN"),
        ("won", "Filled", "CLOSED"),
        ("closed", "Lost", "CLOSED"),
        ("open", "draft", "DRAFT"),
        ("closed", "Archived", "ARCHIVED"),
    ],
)
def test_the_status_name_decides_before_the_list_a_job_stands_in(state: str, name: str, status: str) -> None:
    assert job_of(job_row(opportunityStatusDesc=name), state).status == status


def test_a_tenants_own_status_names_are_mapped() -> None:
    row = job_row(opportunityStatusDesc="On Hold")
    assert job_of(row, maps={"job_status": {"on hold": "DRAFT"}}).status == "DRAFT"


@pytest.mark.parametrize("ended", ["awarded", "filled", "closed"])
def test_a_job_read_by_id_alone_is_closed_by_any_date_in_its_history(ended: str) -> None:
    detail = job_detail(history={ended: "2026-10-01T00:00:00"})
    assert only(normalizer().job(None, detail, None), Model.JOB).status == "CLOSED"
    assert only(normalizer().job(None, job_detail(), None), Model.JOB).status == "OPEN"


@pytest.mark.parametrize(
    ("advert", "online", "visibility"),
    [("A", "y", "PUBLIC"), ("A", "n", "UNLISTED"), ("C", "y", "INTERNAL"), ("", "y", "INTERNAL")],
)
def test_visibility_follows_the_advert(advert: str, online: str, visibility: str) -> None:
    assert job_of(job_row(advertStatus=advert, publishOnline=online)).visibility == visibility


def test_a_map_can_make_jobs_confidential() -> None:
    job = job_of(job_row(advertStatus=""), maps={"visibility": {"INTERNAL": "CONFIDENTIAL"}})
    assert (job.visibility, job.confidential) == ("CONFIDENTIAL", True)


@pytest.mark.parametrize(
    ("work_type", "unified"),
    [
        ("Permanent", "FULL_TIME"),
        ("full time", "FULL_TIME"),
        ("Part Time", "PART_TIME"),
        ("Contract", "CONTRACT"),
        ("Temporary", "CONTRACT"),
        ("Contract To Hire", "CONTRACT"),
        ("Seasonal", "SEASONAL"),
        ("Internship", "INTERNSHIP"),
        ("Zero Hours", "Zero Hours"),
        ("", None),
    ],
)
def test_work_types_are_unified_and_unknown_ones_pass_through(work_type: str, unified: str | None) -> None:
    assert job_of(job_row(workType=work_type)).employment_type == unified


@pytest.mark.parametrize(
    ("per", "unified"),
    [
        ("annum", "YEAR"),
        ("Year", "YEAR"),
        ("month", "MONTH"),
        ("fortnight", "TWO_WEEKS"),
        ("week", "WEEK"),
        ("day", "DAY"),
        ("hour", "HOUR"),
        ("shift", "shift"),
        (None, None),
    ],
)
def test_salary_periods_are_unified(per: str | None, unified: str | None) -> None:
    assert job_of(job_row(publishSalaryPer=per)).salary_period == unified


@pytest.mark.parametrize(
    ("low", "high", "amount"),
    [
        ("40000", "", 40000.0),
        (None, 50000, 50000.0),
        ("40000", 40000, 40000.0),
        ("1", "2", None),
        ("", "", None),
    ],
)
def test_one_amount_is_the_salary_and_a_range_is_not(low: Any, high: Any, amount: float | None) -> None:
    assert job_of(job_row(publishSalaryFrom=low, publishSalaryTo=high)).salary_amount == amount


def test_the_live_record_goes_before_the_row_for_salaries() -> None:
    detail = job_detail(advertDetails={"salaryFrom": 41000, "salaryTo": None})
    job = only(normalizer().job(job_row(), detail, "open"), Model.JOB)
    assert (job.salary_amount_from, job.salary_amount_to) == (41000.0, 50000.0)


def test_a_job_without_any_place_has_no_location() -> None:
    row = job_row(location="", locationCity=None, locationState=" ", postcodeLocation="")
    assert job_of(row).location is None


def test_a_job_is_closed_when_it_was_filled_else_by_its_history() -> None:
    detail = job_detail(history={"filled": None, "closed": "2026-10-02T12:00:00"})
    by_history = only(normalizer().job(job_row(), detail, "closed"), Model.JOB)
    assert by_history.closed_at == datetime(2026, 10, 2, 11, tzinfo=UTC)
    filled = only(normalizer().job(job_row(dateFilled="2026-12-01T00:00:00"), detail, "won"), Model.JOB)
    assert filled.closed_at == datetime(2026, 12, 1, tzinfo=UTC)


def test_a_date_that_stands_for_none_leaves_the_next_place_to_tell() -> None:
    for none in ("0001-01-01T00:00:00", "1900-01-01T00:00:00", "N/A"):
        detail = job_detail(history={"filled": none, "closed": "2026-10-02T12:00:00", "awarded": none})
        job = only(normalizer().job(job_row(dateFilled=none), detail, None), Model.JOB)
        assert (job.closed_at, job.status) == (datetime(2026, 10, 2, 11, tzinfo=UTC), "CLOSED")


def test_a_posting_is_the_jobs_advert() -> None:
    posting = only(normalizer().job(job_row(), job_detail(), "open"), Model.JOB_POSTING)
    assert posting.remote_id == "1026"
    assert posting.job_id == of_id(Model.JOB, "1026")
    assert (posting.title, posting.description_html) == ("Account Manager (m/f)", "<p>Sell</p>")
    assert (posting.status, posting.visibility) == ("ACTIVE", "PUBLIC")
    assert posting.remote_created_at == datetime(2026, 9, 1, 23, tzinfo=UTC)
    assert posting.remote_updated_at == datetime(2026, 9, 3, 8, 14, tzinfo=UTC)


def test_a_closed_advert_is_an_inactive_posting() -> None:
    family = normalizer().job(job_row(advertStatus="C", publishOnline=False), None, "open")
    posting = only(family, Model.JOB_POSTING)
    assert (posting.status, posting.visibility) == ("INACTIVE", "UNLISTED")


def test_a_job_never_advertised_has_no_posting() -> None:
    assert not normalizer().job(job_row(advertStatus=" "), job_detail(), "open").of(Model.JOB_POSTING)


def test_five_slots_become_team_members_assignments_and_roles_each_once() -> None:
    row = job_row(
        opportunityOwnerId=20, ownerRoleId=1, secondaryOwnerId=21, secondaryOwnerRoleId=2,
        thirdOwnerId=20, thirdOwnerRoleId=2, fourthOwnerId=20, fourthOwnerRoleId=1, fifthOwnerId=22,
    )  # fmt: skip
    family = normalizer().job(row, None, "open")
    ids = {model: [m.remote_id for m in family.of(model)] for model in Model}
    assert ids[Model.JOB_HIRING_TEAM_MEMBER] == ["1026:20", "1026:21", "1026:22"]
    assert ids[Model.JOB_USER_ROLE_ASSIGNMENT] == ["1026:20:1", "1026:21:2", "1026:20:2", "1026:22:owner"]
    assert ids[Model.ROLE] == ["1", "2", "owner"]


def test_an_assignment_refers_to_its_member_and_role_and_a_member_to_job_and_user() -> None:
    family = normalizer().job(job_row(), None, "open")
    seat, member = only(family, Model.JOB_USER_ROLE_ASSIGNMENT), only(family, Model.JOB_HIRING_TEAM_MEMBER)
    assert seat.job_user_id == member.id == of_id(Model.JOB_HIRING_TEAM_MEMBER, "1026:20")
    assert seat.role_id == of_id(Model.ROLE, "1")
    assert (member.job_id, member.user_id) == (of_id(Model.JOB, "1026"), of_id(Model.USER, "20"))


def test_a_role_is_named_by_the_record_read_by_id() -> None:
    role = only(normalizer().job(job_row(), job_detail(), "open"), Model.ROLE)
    assert (role.remote_label, role.unified_type, role.scope) == ("Recruiter", "RECRUITER", "JOB")


def test_a_role_without_a_name_is_owner_and_provisional() -> None:
    (named,) = normalizer().job(job_row(), job_detail(), "open").of(Model.ROLE)
    (unnamed,) = normalizer().job(job_row(), None, "open").of(Model.ROLE)
    assert isinstance(unnamed.record, Role)
    assert (unnamed.record.remote_label, unnamed.record.unified_type) == ("Owner", None)
    assert (named.provisional, unnamed.provisional) == (False, True)


@pytest.mark.parametrize(
    ("label", "unified"),
    [
        ("Hiring Manager", "HIRING_MANAGER"),
        ("recruiter", "RECRUITER"),
        ("Coordinator", "COORDINATOR"),
        ("Sourcer", "SOURCER"),
        ("Resourcer", "SOURCER"),
        ("Interviewer", "INTERVIEWER"),
        ("Account Manager", None),
    ],
)
def test_role_names_are_unified(label: str, unified: str | None) -> None:
    detail = job_detail(owners=[{"ownerId": 20, "roleId": 1, "roleName": label}])
    family = normalizer().job(job_row(), detail, "open")
    assert only(family, Model.ROLE).unified_type == unified
    assert only(family, Model.JOB_HIRING_TEAM_MEMBER).roles == ((unified,) if unified else ())


def test_a_members_roles_are_distinct_and_in_slot_order() -> None:
    row = job_row(secondaryOwnerId=20, secondaryOwnerRoleId=2, thirdOwnerId=20, thirdOwnerRoleId=3)
    names = {1: "Sourcer", 2: "Recruiter", 3: "Resourcer"}
    owners = [{"ownerId": 20, "roleId": n, "roleName": name} for n, name in names.items()]
    family = normalizer().job(row, job_detail(owners=owners), "open")
    assert only(family, Model.JOB_HIRING_TEAM_MEMBER).roles == ("SOURCER", "RECRUITER")


def test_without_a_row_the_owners_come_from_the_record_by_rank() -> None:
    owners = [{"ownerId": 22, "rank": 2}, {"ownerId": 20, "rank": 1, "roleId": 5}]
    family = normalizer().job(None, job_detail(owners=owners), None)
    seats = [m.remote_id for m in family.of(Model.JOB_USER_ROLE_ASSIGNMENT)]
    assert seats == ["1026:20:5", "1026:22:owner"]


@pytest.mark.parametrize("nobody", [None, "", 0, "0", -1])
def test_an_empty_owner_slot_makes_nobody(nobody: Any) -> None:
    family = normalizer().job(job_row(opportunityOwnerId=nobody), None, "open")
    assert not family.of(Model.JOB_HIRING_TEAM_MEMBER)


def test_remote_data_is_kept_by_path_where_it_is_asked_for() -> None:
    family = normalizer(keep_remote_data=True).job(job_row(x="\ud800"), job_detail(), "open")
    kept = only(family, Model.JOB).remote_data
    assert kept["/api/v1/Opportunity/PagedSearch"] == job_row(x="\ufffd")
    assert kept["/api/v1/Opportunity/{id}"] == job_detail()
    assert only(normalizer().job(job_row(), None, "open"), Model.JOB).remote_data is None


def test_the_record_of_another_job_is_refused() -> None:
    with pytest.raises(Permanent, match="job 1026: detail:id is the id of another record"):
        normalizer().job(job_row(), job_detail(id=1027), "open")
