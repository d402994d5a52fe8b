"""The twelve unified models, as Kombo shapes them.

Field names are Kombo's. A key that Kombo always sends is always here: ``None`` or empty where TrackerRMS
knows nothing of it. Every model has ``id`` (24 characters of base58, see ``trackerrms_contracts.ids``),
``remote_id`` where Kombo has one, ``changed_at`` (when the bridge saw the record's last change),
``remote_deleted_at`` (set in ``deleted`` events). Those that are read from a record of their own have
``remote_data`` (the raw record by the path it was read from, for integrations that ask for it). Times are
aware UTC. What has a topic of its own is not repeated in its relatives: a job's postings and a candidate's
tags are empty there, an application's job is ``None``; follow their topic.

Open enums are strings: a value with no equivalent passes through unchanged.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct


class Model(StrEnum):
    """The unified models, by the name that stands in event types."""

    USER = "user"
    JOB = "job"
    JOB_POSTING = "job_posting"
    CANDIDATE = "candidate"
    APPLICATION_STAGE = "application_stage"
    APPLICATION = "application"
    TAG = "tag"
    REJECTION_REASON = "rejection_reason"
    ROLE = "role"
    CANDIDATE_TAG = "candidate_tag"
    JOB_USER_ROLE_ASSIGNMENT = "job_user_role_assignment"
    JOB_HIRING_TEAM_MEMBER = "job_hiring_team_member"


UnifiedRoleType = Literal["HIRING_MANAGER", "RECRUITER", "COORDINATOR", "SOURCER", "INTERVIEWER", "ADMIN"]
RemoteData = dict[str, Any]
Utc = Annotated[datetime, Meta(tz=True)]
# The lengths say what the pattern leaves open: to many engines a "$" allows a line's end behind it.
Id = Annotated[str, Meta(pattern="^[1-9A-HJ-NP-Za-km-z]{24}$", min_length=24, max_length=24)]


class Location(Struct, frozen=True, kw_only=True, gc=False):
    """A place. ``country`` is ISO 3166 alpha-2 where known, else as it stands; ``raw`` is the whole."""

    city: str | None = None
    country: str | None = None
    raw: str | None = None
    state: str | None = None
    street_1: str | None = None
    street_2: str | None = None
    zip_code: str | None = None


class PhoneNumber(Struct, frozen=True, kw_only=True, gc=False):
    """A telephone number as TrackerRMS has it; ``type`` is a free word such as ``MOBILE``."""

    phone_number: str
    type: str | None = None


class EmailAddress(Struct, frozen=True, kw_only=True, gc=False):
    """An e-mail address; what is none is not listed."""

    email_address: str | None = None
    type: str | None = None


class SocialMedia(Struct, frozen=True, kw_only=True, gc=False):
    """A profile elsewhere, such as LinkedIn."""

    link: str | None = None
    type: str | None = None
    username: str | None = None


class Entity(Struct, frozen=True, kw_only=True, gc=False):
    """What every model has."""

    id: Id
    changed_at: Utc | None = None
    remote_deleted_at: Utc | None = None


class User(Entity, frozen=True, kw_only=True, gc=False):
    """A person who works in TrackerRMS. An address that is no e-mail is ``None``."""

    remote_id: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    status: Literal["ACTIVE", "INACTIVE"] | None = None
    system_roles: tuple[Any, ...] = ()
    remote_data: RemoteData | None = None


class Job(Entity, frozen=True, kw_only=True, gc=False):
    """A vacancy (TrackerRMS: Opportunity).

    ``employment_type`` FULL_TIME, PART_TIME, CONTRACT, SEASONAL, INTERNSHIP; ``status`` OPEN, CLOSED,
    DRAFT, ARCHIVED; ``visibility`` PUBLIC, INTERNAL, UNLISTED, CONFIDENTIAL; ``salary_period`` YEAR, MONTH,
    TWO_WEEKS, WEEK, DAY, HOUR: all open. Amounts are in units of ``salary_currency`` (usually ISO 4217).
    """

    remote_id: str
    name: str | None = None
    job_code: str | None = None
    description: str | None = None
    confidential: bool | None = None
    weekly_hours: float | None = None
    employment_type: str | None = None
    status: str | None = None
    visibility: str | None = None
    category: str | None = None
    department: str | None = None
    post_url: str | None = None
    experience_level: str | None = None
    remote_work_status: str | None = None
    salary_amount: float | None = None
    salary_amount_from: float | None = None
    salary_amount_to: float | None = None
    salary_currency: str | None = None
    salary_period: str | None = None
    location: Location | None = None
    custom_fields: dict[str, Any] | None = None
    integration_fields: tuple[Any, ...] = ()
    remote_url: str | None = None
    opened_at: Utc | None = None
    closed_at: Utc | None = None
    remote_created_at: Utc | None = None
    remote_updated_at: Utc | None = None
    contact_id: str | None = None
    stages: tuple[Any, ...] = ()
    screening_questions: tuple[Any, ...] = ()
    job_postings: tuple[Any, ...] = ()
    hiring_team: tuple[Any, ...] = ()
    remote_data: RemoteData | None = None


class JobPosting(Entity, frozen=True, kw_only=True, gc=False):
    """A job's advert, from the first time it was published."""

    remote_id: str | None = None
    title: str | None = None
    description_html: str | None = None
    status: Literal["ACTIVE", "INACTIVE", "DRAFT"] | None = None
    visibility: Literal["PUBLIC", "INTERNAL", "UNLISTED"] | None = None
    url: str | None = None
    job_id: Id
    remote_created_at: Utc | None = None
    remote_updated_at: Utc | None = None
    remote_data: RemoteData | None = None


class Candidate(Entity, frozen=True, kw_only=True, gc=False):
    """A person who may be placed (TrackerRMS: Resource)."""

    remote_id: str
    first_name: str | None = None
    last_name: str | None = None
    company: str | None = None
    title: str | None = None
    confidential: bool | None = None
    source: str | None = None
    phone_numbers: tuple[PhoneNumber, ...] = ()
    email_addresses: tuple[EmailAddress, ...] = ()
    social_media: tuple[SocialMedia, ...] = ()
    location: Location | None = None
    custom_fields: dict[str, Any] | None = None
    integration_fields: tuple[Any, ...] = ()
    remote_url: str | None = None
    remote_created_at: Utc | None = None
    remote_updated_at: Utc | None = None
    applications: tuple[Any, ...] = ()
    tags: tuple[Any, ...] = ()
    remote_data: RemoteData | None = None


class ApplicationStage(Entity, frozen=True, kw_only=True, gc=False):
    """A step an application can stand at (TrackerRMS: placement status). ``global_index`` counts from 0."""

    remote_id: str | None = None
    name: str | None = None
    status: Literal["ACTIVE", "INACTIVE"] | None = None
    custom_fields: dict[str, Any] | None = None
    global_index: int | None = None
    remote_data: RemoteData | None = None


class Application(Entity, frozen=True, kw_only=True, gc=False):
    """A candidate on a job (TrackerRMS: OpportunityResource)."""

    remote_id: str | None = None
    outcome: Literal["PENDING", "HIRED", "DECLINED"] | None = None
    rejection_reason_name: str | None = None
    rejected_at: Utc | None = None
    current_stage_id: Id | None = None
    job_id: Id | None = None
    candidate_id: Id | None = None
    screening_question_answers: tuple[Any, ...] = ()
    custom_fields: dict[str, Any] | None = None
    integration_fields: tuple[Any, ...] = ()
    remote_url: str | None = None
    remote_created_at: Utc | None = None
    remote_updated_at: Utc | None = None
    candidate: dict[str, Any] | None = None
    current_stage: dict[str, Any] | None = None
    job: dict[str, Any] | None = None
    interviews: tuple[Any, ...] = ()
    offers: tuple[Any, ...] = ()
    remote_data: RemoteData | None = None


class Tag(Entity, frozen=True, kw_only=True, gc=False):
    """A label that at least one candidate carries."""

    remote_id: str | None = None
    name: str | None = None


class RejectionReason(Entity, frozen=True, kw_only=True, gc=False):
    """A reason an application can be declined for (a placement status of the group Rejected)."""

    remote_id: str
    name: str | None = None
    remote_data: RemoteData | None = None


class Role(Entity, frozen=True, kw_only=True, gc=False):
    """What an owner does on a job. ``remote_label`` is ``Owner`` where TrackerRMS gives no name."""

    remote_id: str | None = None
    remote_label: str | None = None
    scope: Literal["SYSTEM", "JOB"] | None = None
    unified_type: UnifiedRoleType | None = None


class CandidateTag(Entity, frozen=True, kw_only=True, gc=False):
    """A candidate carries a tag."""

    candidate_id: Id
    tag_id: Id


class JobUserRoleAssignment(Entity, frozen=True, kw_only=True, gc=False):
    """A hiring team member (``job_user_id``) has a role on that job."""

    job_user_id: Id
    role_id: Id


class JobHiringTeamMember(Entity, frozen=True, kw_only=True, gc=False):
    """A user owns a share of a job. ``roles`` are the unified types of the member's roles that have one."""

    job_id: Id
    user_id: Id
    roles: tuple[UnifiedRoleType, ...] = ()


STRUCTS: dict[Model, type[Entity]] = {
    Model.USER: User,
    Model.JOB: Job,
    Model.JOB_POSTING: JobPosting,
    Model.CANDIDATE: Candidate,
    Model.APPLICATION_STAGE: ApplicationStage,
    Model.APPLICATION: Application,
    Model.TAG: Tag,
    Model.REJECTION_REASON: RejectionReason,
    Model.ROLE: Role,
    Model.CANDIDATE_TAG: CandidateTag,
    Model.JOB_USER_ROLE_ASSIGNMENT: JobUserRoleAssignment,
    Model.JOB_HIRING_TEAM_MEMBER: JobHiringTeamMember,
}

# What is not part of a record's content: it never makes a record "changed".
UNHASHED = frozenset({"id", "changed_at", "remote_deleted_at", "remote_data"})
