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
    """city"""
    country: str | None = None
    """as in ISO 3166 alpha-2 where known, else as it is written"""
    raw: str | None = None
    """the whole address in one line"""
    state: str | None = None
    """state, county or region"""
    street_1: str | None = None
    """street and number"""
    street_2: str | None = None
    """the second line"""
    zip_code: str | None = None
    """postal code"""


class PhoneNumber(Struct, frozen=True, kw_only=True, gc=False):
    """A telephone number as TrackerRMS has it; ``type`` is a free word such as ``MOBILE``."""

    phone_number: str
    """as it is written"""
    type: str | None = None
    """`MOBILE`, or `null`"""


class EmailAddress(Struct, frozen=True, kw_only=True, gc=False):
    """An e-mail address; what is none is not listed."""

    email_address: str | None = None
    """the address"""
    type: str | None = None
    """always `null`"""


class SocialMedia(Struct, frozen=True, kw_only=True, gc=False):
    """A profile elsewhere, such as LinkedIn."""

    link: str | None = None
    """the profile's address"""
    type: str | None = None
    """`LINKEDIN`"""
    username: str | None = None
    """the name in the link"""


class Entity(Struct, frozen=True, kw_only=True, gc=False):
    """What every model has."""

    id: Id
    changed_at: Utc | None = None
    remote_deleted_at: Utc | None = None


class User(Entity, frozen=True, kw_only=True, gc=False):
    """A person who works in TrackerRMS. An address that is no e-mail is ``None``."""

    remote_id: str | None = None
    first_name: str | None = None
    """first name; for example `Ada`"""
    last_name: str | None = None
    """last name; for example `Example`"""
    email: str | None = None
    """e-mail address; what is none is `null`; for example `ada@example.com`"""
    status: Literal["ACTIVE", "INACTIVE"] | None = None
    """whether the user may log in; for example `ACTIVE`"""
    system_roles: tuple[Any, ...] = ()
    """TrackerRMS has nothing for it: always empty"""
    remote_data: RemoteData | None = None


class Job(Entity, frozen=True, kw_only=True, gc=False):
    """A vacancy (TrackerRMS: Opportunity).

    ``employment_type`` FULL_TIME, PART_TIME, CONTRACT, SEASONAL, INTERNSHIP; ``status`` OPEN, CLOSED,
    DRAFT, ARCHIVED; ``visibility`` PUBLIC, INTERNAL, UNLISTED, CONFIDENTIAL; ``salary_period`` YEAR, MONTH,
    TWO_WEEKS, WEEK, DAY, HOUR: all open. Amounts are in units of ``salary_currency`` (usually ISO 4217).
    """

    remote_id: str
    name: str | None = None
    """the job's title; for example `Radio Engineer`"""
    job_code: str | None = None
    """the number that people know it by; for example `OPP-1001`"""
    description: str | None = None
    """what the job is, usually HTML; for example `<p>Builds transmitters.</p>`"""
    confidential: bool | None = None
    """whether `visibility` is `CONFIDENTIAL`; for example `false`"""
    weekly_hours: float | None = None
    """TrackerRMS has nothing for it: always `null`"""
    employment_type: str | None = None
    """`FULL_TIME`, `PART_TIME`, `CONTRACT`, `SEASONAL`, `INTERNSHIP`, or the account's own word; for
    example `FULL_TIME`"""
    status: str | None = None
    """`OPEN`, `CLOSED`, `DRAFT`, `ARCHIVED`, or the account's own word; `null`: not known; for example
    `OPEN`"""
    visibility: str | None = None
    """`PUBLIC`, `UNLISTED` (advertised, not published online), `INTERNAL` (not advertised), or the
    account's own word; read it together with `status`; for example `PUBLIC`"""
    category: str | None = None
    """the account's own word, often the industry; for example `Telecommunications`"""
    department: str | None = None
    """the account's own word"""
    post_url: str | None = None
    """TrackerRMS has nothing for it: always `null`"""
    experience_level: str | None = None
    """TrackerRMS has nothing for it: always `null`"""
    remote_work_status: str | None = None
    """TrackerRMS has nothing for it: always `null`"""
    salary_amount: float | None = None
    """the salary where it is one amount"""
    salary_amount_from: float | None = None
    """the salary's lower end; for example `48000`"""
    salary_amount_to: float | None = None
    """the salary's upper end; for example `56000`"""
    salary_currency: str | None = None
    """of the amounts, usually as in ISO 4217; for example `GBP`"""
    salary_period: str | None = None
    """`YEAR`, `MONTH`, `TWO_WEEKS`, `WEEK`, `DAY`, `HOUR`, or the account's own word: what the amounts are
    for; for example `YEAR`"""
    location: Location | None = None
    """where the work is"""
    custom_fields: dict[str, Any] | None = None
    integration_fields: tuple[Any, ...] = ()
    remote_url: str | None = None
    opened_at: Utc | None = None
    """when it was opened"""
    closed_at: Utc | None = None
    """when it was closed, or is to be: in the future, the job is still open"""
    remote_created_at: Utc | None = None
    remote_updated_at: Utc | None = None
    contact_id: str | None = None
    """TrackerRMS has nothing for it: always `null`"""
    stages: tuple[Any, ...] = ()
    """always empty: see the topic of application stages"""
    screening_questions: tuple[Any, ...] = ()
    """TrackerRMS has nothing for it: always empty"""
    job_postings: tuple[Any, ...] = ()
    """always empty: see the topic of job postings"""
    hiring_team: tuple[Any, ...] = ()
    """always empty: see the topic of job hiring team members"""
    remote_data: RemoteData | None = None


class JobPosting(Entity, frozen=True, kw_only=True, gc=False):
    """A job's advert, from the first time it was published."""

    remote_id: str | None = None
    title: str | None = None
    """the advert's title; for example `Radio Engineer (Leeds)`"""
    description_html: str | None = None
    """the advert's text; for example `<p>Build transmitters with us.</p>`"""
    status: Literal["ACTIVE", "INACTIVE", "DRAFT"] | None = None
    """whether the job is advertised now; for example `ACTIVE`"""
    visibility: Literal["PUBLIC", "INTERNAL", "UNLISTED"] | None = None
    """`PUBLIC` where it is published online, else `UNLISTED`; for example `PUBLIC`"""
    url: str | None = None
    """TrackerRMS has nothing for it: always `null`"""
    job_id: Id
    """the job that it advertises"""
    remote_created_at: Utc | None = None
    remote_updated_at: Utc | None = None
    remote_data: RemoteData | None = None


class Candidate(Entity, frozen=True, kw_only=True, gc=False):
    """A person who may be placed (TrackerRMS: Resource)."""

    remote_id: str
    first_name: str | None = None
    """first name; for example `Grace`"""
    last_name: str | None = None
    """last name; for example `Example`"""
    company: str | None = None
    """where the person works now"""
    title: str | None = None
    """what the person works as now; for example `Head of Radio`"""
    confidential: bool | None = None
    """TrackerRMS has nothing for it: always `null`"""
    source: str | None = None
    """where the candidate came from; for example `Careers page`"""
    phone_numbers: tuple[PhoneNumber, ...] = ()
    """the mobile number first"""
    email_addresses: tuple[EmailAddress, ...] = ()
    """the first is the main one; what is no e-mail address is left out"""
    social_media: tuple[SocialMedia, ...] = ()
    """profiles elsewhere: LinkedIn"""
    location: Location | None = None
    """where the person lives"""
    custom_fields: dict[str, Any] | None = None
    integration_fields: tuple[Any, ...] = ()
    remote_url: str | None = None
    remote_created_at: Utc | None = None
    remote_updated_at: Utc | None = None
    applications: tuple[Any, ...] = ()
    """always empty: see the topic of applications"""
    tags: tuple[Any, ...] = ()
    """always empty: see the topics of tags and candidate tags"""
    remote_data: RemoteData | None = None


class ApplicationStage(Entity, frozen=True, kw_only=True, gc=False):
    """A step an application can stand at (TrackerRMS: placement status). ``global_index`` counts from 0."""

    remote_id: str | None = None
    name: str | None = None
    """the stage's name; for example `Interview`"""
    status: Literal["ACTIVE", "INACTIVE"] | None = None
    """TrackerRMS has nothing for it: always `null`"""
    custom_fields: dict[str, Any] | None = None
    global_index: int | None = None
    """the stage's place in the account's list, from 0; for example `1`"""
    remote_data: RemoteData | None = None


class Application(Entity, frozen=True, kw_only=True, gc=False):
    """A candidate on a job (TrackerRMS: OpportunityResource)."""

    remote_id: str | None = None
    outcome: Literal["PENDING", "HIRED", "DECLINED"] | None = None
    """`PENDING` while it goes on, `HIRED`, `DECLINED` by either side; `null`: not known; for example
    `PENDING`"""
    rejection_reason_name: str | None = None
    """why it was declined"""
    rejected_at: Utc | None = None
    """TrackerRMS has nothing for it: always `null`; `time` of the event in which `outcome` became
    `DECLINED` tells"""
    current_stage_id: Id | None = None
    """the application stage that it stands at"""
    job_id: Id | None = None
    """the job applied to"""
    candidate_id: Id | None = None
    """who applies"""
    screening_question_answers: tuple[Any, ...] = ()
    """TrackerRMS has nothing for it: always empty"""
    custom_fields: dict[str, Any] | None = None
    integration_fields: tuple[Any, ...] = ()
    remote_url: str | None = None
    remote_created_at: Utc | None = None
    remote_updated_at: Utc | None = None
    """TrackerRMS has nothing for it: always `null`"""
    candidate: dict[str, Any] | None = None
    """always `null`: follow `candidate_id`"""
    current_stage: dict[str, Any] | None = None
    """always `null`: follow `current_stage_id`"""
    job: dict[str, Any] | None = None
    """always `null`: follow `job_id`"""
    interviews: tuple[Any, ...] = ()
    """TrackerRMS has nothing for it: always empty"""
    offers: tuple[Any, ...] = ()
    """TrackerRMS has nothing for it: always empty"""
    remote_data: RemoteData | None = None


class Tag(Entity, frozen=True, kw_only=True, gc=False):
    """A label that at least one candidate carries."""

    remote_id: str | None = None
    name: str | None = None
    """the tag as it is written; for example `Radio`"""


class RejectionReason(Entity, frozen=True, kw_only=True, gc=False):
    """A reason an application can be declined for (a placement status of the group Rejected)."""

    remote_id: str
    name: str | None = None
    """the reason as it is written; for example `Position filled`"""
    remote_data: RemoteData | None = None


class Role(Entity, frozen=True, kw_only=True, gc=False):
    """What an owner does on a job. ``remote_label`` is ``Owner`` where TrackerRMS gives no name."""

    remote_id: str | None = None
    remote_label: str | None = None
    """the role's name; `Owner` where TrackerRMS gives none; for example `Recruiter`"""
    scope: Literal["SYSTEM", "JOB"] | None = None
    """`JOB`: a role is had on a job; for example `JOB`"""
    unified_type: UnifiedRoleType | None = None
    """what it is elsewhere called, if it has an equivalent; for example `RECRUITER`"""


class CandidateTag(Entity, frozen=True, kw_only=True, gc=False):
    """A candidate carries a tag."""

    candidate_id: Id
    """who carries the tag"""
    tag_id: Id
    """the tag"""


class JobUserRoleAssignment(Entity, frozen=True, kw_only=True, gc=False):
    """A hiring team member (``job_user_id``) has a role on that job."""

    job_user_id: Id
    """the hiring team member"""
    role_id: Id
    """the member's role on that job"""


class JobHiringTeamMember(Entity, frozen=True, kw_only=True, gc=False):
    """A user owns a share of a job. ``roles`` are the unified types of the member's roles that have one."""

    job_id: Id
    """the job"""
    user_id: Id
    """the user who owns a share of it"""
    roles: tuple[UnifiedRoleType, ...] = ()
    """the unified types of the member's roles, as far as they have one"""


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
