"""Commands and their results. They have the same envelope as events; the data has the form of Kombo's
actions.

A command's ``id`` is the caller's idempotency key. Ids in ``data`` may be the bridge's or ``remote:<the id in
TrackerRMS>``. Unknown fields are ignored.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Raw, Struct

from trackerrms_contracts.entities import Utc

CommandType = Literal[
    "candidate.create",
    "application.create",
    "application.move_to_stage",
    "application.reject",
    "passthrough.request",
]
Reference = Annotated[str, Meta(min_length=1, description="an id, or remote:<the id in TrackerRMS>")]
Day = Annotated[
    str,
    Meta(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]+)?)?Z?$", max_length=40),
]


class AdditionalEmail(Struct, frozen=True, kw_only=True):
    """An additional e-mail address."""

    email_address: str
    type: Literal["PERSONAL", "WORK", "OTHER"] = "OTHER"


class AdditionalPhone(Struct, frozen=True, kw_only=True):
    """An additional phone number."""

    phone_number: str
    type: Literal["PERSONAL", "WORK", "OTHER"] = "OTHER"


class LocationInput(Struct, frozen=True, kw_only=True):
    """Where a candidate lives. ``country`` is an ISO 3166 alpha-2 code."""

    country: Annotated[str, Meta(pattern="^[A-Z]{2}$", max_length=2)]
    city: str | None = None
    state: str | None = None
    street_1: str | None = None
    zip_code: str | None = None


class SalaryExpectations(Struct, frozen=True, kw_only=True):
    """The salary that a candidate expects, per month or year."""

    amount: float
    period: Literal["MONTH", "YEAR"]


class SocialLink(Struct, frozen=True, kw_only=True):
    """The URL of a profile."""

    url: str


class CandidateInput(Struct, frozen=True, kw_only=True):
    """The person to create or find, by ``email_address``."""

    first_name: str
    last_name: str
    email_address: str
    additional_email_addresses: tuple[AdditionalEmail, ...] = ()
    company: str | None = None
    title: str | None = None
    phone_number: str | None = None
    additional_phone_numbers: tuple[AdditionalPhone, ...] = ()
    location: LocationInput | None = None
    gender: Literal["MALE", "FEMALE", "OTHER"] | None = None
    availability_date: Day | None = None
    salary_expectations: SalaryExpectations | None = None
    social_links: tuple[SocialLink, ...] = ()


class ApplicationInput(Struct, frozen=True, kw_only=True):
    """The job to apply to. The default of ``stage_id`` is the job's default stage."""

    job_id: Reference
    stage_id: Reference | None = None


class Attachment(Struct, frozen=True, kw_only=True):
    """A file, with exactly one of ``data`` (base64) and ``data_url``. ``content_type``
    accompanies ``data``."""

    name: str
    type: Literal["CV", "COVER_LETTER", "OTHER"]
    content_type: str | None = None
    data_url: str | None = None
    data: str | None = None


class SourceInput(Struct, frozen=True, kw_only=True):
    """The origin of the candidate. TrackerRMS stores the name."""

    name: str | None = None
    unified_key: str | None = None
    id: str | None = None


class SourcedBy(Struct, frozen=True, kw_only=True):
    """The user who found the candidate."""

    user_id: Reference


class CreateCandidate(Struct, frozen=True, kw_only=True):
    """Input of ``candidate.create``: a candidate and its application."""

    candidate: CandidateInput
    application: ApplicationInput
    attachments: tuple[Attachment, ...] = ()
    source: SourceInput | None = None
    sourced_by: SourcedBy | None = None
    screening_question_answers: tuple[dict[str, Any], ...] = ()
    gdpr_consent: dict[str, Any] | None = None
    remote_fields: dict[str, Any] | None = None


class CreateApplication(Struct, frozen=True, kw_only=True):
    """Input of ``application.create``, as for ``candidate.create``. Job and stage may also be given at the
    top level."""

    candidate: CandidateInput
    application: ApplicationInput | None = None
    job_id: Reference | None = None
    stage_id: Reference | None = None
    attachments: tuple[Attachment, ...] = ()
    source: SourceInput | None = None
    sourced_by: SourcedBy | None = None
    screening_question_answers: tuple[dict[str, Any], ...] = ()
    gdpr_consent: dict[str, Any] | None = None
    remote_fields: dict[str, Any] | None = None


class MoveToStage(Struct, frozen=True, kw_only=True):
    """Input of ``application.move_to_stage``, which stores no note."""

    application_id: Reference
    stage_id: Reference
    remote_fields: dict[str, Any] | None = None


class Reject(Struct, frozen=True, kw_only=True):
    """Input of ``application.reject``. ``note``, if given, becomes the displayed reason."""

    application_id: Reference
    rejection_reason_id: Reference
    note: str | None = None
    remote_fields: dict[str, Any] | None = None


class PartFile(Struct, frozen=True, kw_only=True):
    """A file in a multipart form, with exactly one of ``data`` (base64) and ``data_url``."""

    name: str
    content_type: str | None = None
    data_url: str | None = None
    data: str | None = None


class Part(Struct, frozen=True, kw_only=True):
    """A field of a multipart form."""

    name: str
    value: str | PartFile


class Passthrough(Struct, frozen=True, kw_only=True):
    """Input of ``passthrough.request``: a call to the integration's own host, with its credentials added."""

    method: Literal["GET", "POST", "DELETE", "PUT", "PATCH"]
    path: Annotated[str, Meta(pattern="^/")]
    headers: dict[str, str] = {}
    params: dict[str, str] = {}
    data: Any = None
    response_as_base64: bool = False
    multipart_form_data: tuple[Part, ...] = ()
    api_options: dict[str, Any] = {}


INPUTS: dict[CommandType, type[Struct]] = {
    "candidate.create": CreateCandidate,
    "application.create": CreateApplication,
    "application.move_to_stage": MoveToStage,
    "application.reject": Reject,
    "passthrough.request": Passthrough,
}


class Command(Struct, frozen=True, kw_only=True):
    """A command's envelope. ``data`` is decoded by ``type``; see ``INPUTS``."""

    specversion: Literal["1.0"]
    id: Annotated[str, Meta(min_length=1, max_length=200)]
    source: str
    type: CommandType
    integrationid: str
    data: Raw
    time: Utc | None = None
    datacontenttype: str = "application/json"


class Notice(Struct, frozen=True, kw_only=True):
    """A remark on a successful command: what was ignored, kept or lost."""

    message: str


class Failure(Struct, frozen=True, kw_only=True):
    """Why a command failed. Branch on ``code`` (one of Kombo's codes), and show ``message`` to a person.

    ``retryable``: the same command, sent again later, may succeed. This one was retried until its deadline.
    """

    code: str
    title: str
    message: str
    retryable: bool


class Outcome(Struct, frozen=True, kw_only=True):
    """The outcome of a command.

    ``result`` is Kombo's response data of a successful command: for ``candidate.create`` the candidate with
    its ``applications``; for ``application.create`` the application with its ``candidate``; for moving and
    rejecting an empty object; for a passthrough ``url``, ``status``, ``headers`` and ``data``. Otherwise
    ``error`` is set: after ``failed`` it gives the reason, after ``unknown`` what could not be determined.
    """

    command_id: str
    result: Any = None
    warnings: tuple[Notice, ...] = ()
    error: Failure | None = None


ENDINGS = ("succeeded", "failed", "unknown")
UNKNOWN_TYPE = "command"
"""The type of a result for a message without a valid type: its result is ``command.failed``."""
DATA_SCHEMA = "urn:trackerrms-bridge:command-result:1"


class Result(Struct, frozen=True, kw_only=True):
    """A result's envelope. ``type`` is ``<command type>.succeeded``, ``.failed`` or ``.unknown``.

    ``subject``, and the Kafka key, is the command's id. A command has one result; consumers may read it
    twice, with the same ``id``.
    """

    specversion: Literal["1.0"] = "1.0"
    id: str
    source: str
    type: str
    subject: str
    time: Utc
    datacontenttype: Literal["application/json"] = "application/json"
    dataschema: str
    integrationid: str
    data: Outcome
