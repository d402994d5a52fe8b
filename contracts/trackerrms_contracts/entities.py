"""The twelve unified models, in Kombo's form.

Field names are Kombo's. A key that Kombo always sends is always present: ``None`` or empty if TrackerRMS does
not have it. Every model has ``id`` (24 characters of base58, see ``trackerrms_contracts.ids``), ``remote_id``
if Kombo has one, ``changed_at`` (when the bridge saw the record's last change) and ``remote_deleted_at`` (set
in ``deleted`` events). Models that are read from a record of their own have ``remote_data`` (the raw record
by the path it was read from, for integrations that turn it on). Times are aware UTC. An entity with a topic
of its own is not repeated in related entities: a job's postings and a candidate's tags are empty there, and
an application's job is ``None``; read their topic.

Open enums are strings: a value with no equivalent passes through unchanged.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct


class Model(StrEnum):
    """The unified models, by their name in event types."""

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
# The lengths close a gap in the pattern: in many engines "$" also matches before a final newline.
Id = Annotated[str, Meta(pattern="^[1-9A-HJ-NP-Za-km-z]{24}$", min_length=24, max_length=24)]


class Location(Struct, frozen=True, kw_only=True, gc=False):
    """A place. ``country`` is an ISO 3166 alpha-2 code if known, otherwise the original text; ``raw`` is the
    whole address."""

    city: str | None = None
    """city"""
    country: str | None = None
    """ISO 3166 alpha-2 code if known, otherwise the original text"""
    raw: str | None = None
    """the whole address in one line"""
    state: str | None = None
    """state, county or region"""
    street_1: str | None = None
    """street and number"""
    street_2: str | None = None
    """second line of the street address"""
    zip_code: str | None = None
    """postal code"""


class PhoneNumber(Struct, frozen=True, kw_only=True, gc=False):
    """A telephone number as TrackerRMS has it. ``type`` is an open word such as ``MOBILE``."""

    phone_number: str
    """the number as TrackerRMS has it"""
    type: str | None = None
    """`MOBILE`, or `null`"""


class EmailAddress(Struct, frozen=True, kw_only=True, gc=False):
    """A valid e-mail address; invalid ones are omitted."""

    email_address: str | None = None
    """the address"""
    type: str | None = None
    """always `null`"""


class SocialMedia(Struct, frozen=True, kw_only=True, gc=False):
    """A profile on another site, such as LinkedIn."""

    link: str | None = None
    """the profile's URL"""
    type: str | None = None
    """`LINKEDIN`"""
    username: str | None = None
    """the user name in the link"""


class Entity(Struct, frozen=True, kw_only=True, gc=False):
    """The fields of every model."""

    id: Id
    changed_at: Utc | None = None
    remote_deleted_at: Utc | None = None


class User(Entity, frozen=True, kw_only=True, gc=False):
    """A person who works in TrackerRMS. An invalid e-mail address is ``None``."""

    remote_id: str | None = None
    first_name: str | None = None
    """first name; for example `Ada`"""
    last_name: str | None = None
    """last name; for example `Example`"""
    email: str | None = None
    """e-mail address; `null` if it is invalid; for example `ada@example.com`"""
    status: Literal["ACTIVE", "INACTIVE"] | None = None
    """whether the user may log in; for example `ACTIVE`"""
    system_roles: tuple[Any, ...] = ()
    """not available in TrackerRMS: always empty"""
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
    """the job's reference number; for example `OPP-1001`"""
    description: str | None = None
    """the job's description, usually HTML; for example `<p>Builds transmitters.</p>`"""
    confidential: bool | None = None
    """whether `visibility` is `CONFIDENTIAL`; for example `false`"""
    weekly_hours: float | None = None
    """not available in TrackerRMS: always `null`"""
    employment_type: str | None = None
    """`FULL_TIME`, `PART_TIME`, `CONTRACT`, `SEASONAL`, `INTERNSHIP`, or the account's own word; for
    example `FULL_TIME`"""
    status: str | None = None
    """`OPEN`, `CLOSED`, `DRAFT`, `ARCHIVED`, or the account's own word; `null`: unknown; for example
    `OPEN`"""
    visibility: str | None = None
    """`PUBLIC`, `UNLISTED` (advertised, not published online), `INTERNAL` (not advertised), or the
    account's own word; read it together with `status`; for example `PUBLIC`"""
    category: str | None = None
    """the account's own word, often the industry; for example `Telecommunications`"""
    department: str | None = None
    """the account's own word"""
    post_url: str | None = None
    """not available in TrackerRMS: always `null`"""
    experience_level: str | None = None
    """not available in TrackerRMS: always `null`"""
    remote_work_status: str | None = None
    """not available in TrackerRMS: always `null`"""
    salary_amount: float | None = None
    """the salary if it is a single amount"""
    salary_amount_from: float | None = None
    """the lower end of the salary range; for example `48000`"""
    salary_amount_to: float | None = None
    """the upper end of the salary range; for example `56000`"""
    salary_currency: str | None = None
    """the currency of the amounts, usually an ISO 4217 code; for example `GBP`"""
    salary_period: str | None = None
    """the period of the amounts: `YEAR`, `MONTH`, `TWO_WEEKS`, `WEEK`, `DAY`, `HOUR`, or the account's own
    word; for example `YEAR`"""
    location: Location | None = None
    """where the work is"""
    custom_fields: dict[str, Any] | None = None
    integration_fields: tuple[Any, ...] = ()
    remote_url: str | None = None
    opened_at: Utc | None = None
    """when the job was opened"""
    closed_at: Utc | None = None
    """when the job was or will be closed; while this is in the future, the job is still open"""
    remote_created_at: Utc | None = None
    remote_updated_at: Utc | None = None
    contact_id: str | None = None
    """not available in TrackerRMS: always `null`"""
    stages: tuple[Any, ...] = ()
    """always empty: see the topic of application stages"""
    screening_questions: tuple[Any, ...] = ()
    """not available in TrackerRMS: always empty"""
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
    """`PUBLIC` if it is published online, otherwise `UNLISTED`; for example `PUBLIC`"""
    url: str | None = None
    """not available in TrackerRMS: always `null`"""
    job_id: Id
    """the advertised job"""
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
    """the person's current employer"""
    title: str | None = None
    """the person's current job title; for example `Head of Radio`"""
    confidential: bool | None = None
    """not available in TrackerRMS: always `null`"""
    source: str | None = None
    """where the candidate came from; for example `Careers page`"""
    phone_numbers: tuple[PhoneNumber, ...] = ()
    """the mobile number first"""
    email_addresses: tuple[EmailAddress, ...] = ()
    """the first is the main one; invalid addresses are omitted"""
    social_media: tuple[SocialMedia, ...] = ()
    """profiles on other sites: LinkedIn"""
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
    """A stage of applications (TrackerRMS: placement status). ``global_index`` counts from 0."""

    remote_id: str | None = None
    name: str | None = None
    """the stage's name; for example `Interview`"""
    status: Literal["ACTIVE", "INACTIVE"] | None = None
    """not available in TrackerRMS: always `null`"""
    custom_fields: dict[str, Any] | None = None
    global_index: int | None = None
    """the stage's position in the account's list, from 0; for example `1`"""
    remote_data: RemoteData | None = None


class Application(Entity, frozen=True, kw_only=True, gc=False):
    """A candidate's application to a job (TrackerRMS: OpportunityResource)."""

    remote_id: str | None = None
    outcome: Literal["PENDING", "HIRED", "DECLINED"] | None = None
    """`PENDING` while it is in progress, `HIRED`, or `DECLINED` by either side; `null`: unknown; for example
    `PENDING`"""
    rejection_reason_name: str | None = None
    """why the application was declined"""
    rejected_at: Utc | None = None
    """not available in TrackerRMS: always `null`; use `time` of the event in which `outcome` became
    `DECLINED`"""
    current_stage_id: Id | None = None
    """the application's current stage"""
    job_id: Id | None = None
    """the job that the candidate applied to"""
    candidate_id: Id | None = None
    """the candidate who applied"""
    screening_question_answers: tuple[Any, ...] = ()
    """not available in TrackerRMS: always empty"""
    custom_fields: dict[str, Any] | None = None
    integration_fields: tuple[Any, ...] = ()
    remote_url: str | None = None
    remote_created_at: Utc | None = None
    remote_updated_at: Utc | None = None
    """not available in TrackerRMS: always `null`"""
    candidate: dict[str, Any] | None = None
    """always `null`: follow `candidate_id`"""
    current_stage: dict[str, Any] | None = None
    """always `null`: follow `current_stage_id`"""
    job: dict[str, Any] | None = None
    """always `null`: follow `job_id`"""
    interviews: tuple[Any, ...] = ()
    """not available in TrackerRMS: always empty"""
    offers: tuple[Any, ...] = ()
    """not available in TrackerRMS: always empty"""
    remote_data: RemoteData | None = None


class Tag(Entity, frozen=True, kw_only=True, gc=False):
    """A label that at least one candidate has."""

    remote_id: str | None = None
    name: str | None = None
    """the tag's text; for example `Radio`"""


class RejectionReason(Entity, frozen=True, kw_only=True, gc=False):
    """A reason for declining an application (a placement status of the group Rejected)."""

    remote_id: str
    name: str | None = None
    """the reason's text; for example `Position filled`"""
    remote_data: RemoteData | None = None


class Role(Entity, frozen=True, kw_only=True, gc=False):
    """The role of an owner on a job. ``remote_label`` is ``Owner`` if TrackerRMS gives no name."""

    remote_id: str | None = None
    remote_label: str | None = None
    """the role's name; `Owner` if TrackerRMS gives none; for example `Recruiter`"""
    scope: Literal["SYSTEM", "JOB"] | None = None
    """`JOB`: the role applies to a job; for example `JOB`"""
    unified_type: UnifiedRoleType | None = None
    """the equivalent unified role, if there is one; for example `RECRUITER`"""


class CandidateTag(Entity, frozen=True, kw_only=True, gc=False):
    """The assignment of a tag to a candidate."""

    candidate_id: Id
    """the candidate who has the tag"""
    tag_id: Id
    """the tag"""


class JobUserRoleAssignment(Entity, frozen=True, kw_only=True, gc=False):
    """The assignment of a role to a hiring team member (``job_user_id``) of a job."""

    job_user_id: Id
    """the hiring team member"""
    role_id: Id
    """the member's role on that job"""


class JobHiringTeamMember(Entity, frozen=True, kw_only=True, gc=False):
    """A user who owns a share of a job. ``roles`` are the unified types of the member's roles, where there
    are any."""

    job_id: Id
    """the job"""
    user_id: Id
    """the user who owns a share of it"""
    roles: tuple[UnifiedRoleType, ...] = ()
    """the unified types of the member's roles that have one"""


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

# Fields that are not part of a record's content: they never make a record "changed".
UNHASHED = frozenset({"id", "changed_at", "remote_deleted_at", "remote_data"})
