"""The table of every path, field name and guess about TrackerRMS, each with its certainty.

No public copy of the REST API's OpenAPI document exists; ``docs/assumptions.md`` names the source of each
name. ``bridge.toml`` can correct each one (``[integrations.tracker]``) without code changes: see
``bridge.tracker.overrides``. Widget calls are those of the older API; they carry the bearer token, not the
JWT.
"""

from collections.abc import Mapping
from typing import Any

from trackerrms_contracts.entities import Model

from bridge.tracker import override_values, overrides
from bridge.tracker.schema import (
    STATES,
    Action,
    CallSpec,
    FieldPlace,
    FieldPlaces,
    Maps,
    Resource,
    Resources,
    Sure,
    TokenKeys,
    Via,
    Write,
    Writes,
)


def configure_resources(
    raw: Mapping[str, Any], where: str = "tracker", learned: Mapping[str, Any] | None = None
) -> Resources:
    """Return the table, overridden by what was learned and by an integration's ``tracker`` table.

    ``where`` is the key's full name, such as ``integrations.acme.tracker``, for messages. Raises
    ``ConfigError`` that names an unknown key or a bad value.
    """
    return overrides.layered(DEFAULT, learned or {}, raw, where)


def _reads(sure: Sure, *spellings: str) -> tuple[FieldPlace, ...]:
    return tuple(override_values.parse_read(spelling, sure) for spelling in spellings)


def _writes(sure: Sure, *spellings: str) -> tuple[Write, ...]:
    return tuple(override_values.parse_write(spelling, sure) for spelling in spellings)


_USER: FieldPlaces = {
    "id": _reads("guess", "row:userId") + _reads("code", "row:UserId"),
    "first_name": _reads("guess", "row:firstName"),
    "last_name": _reads("guess", "row:surname"),
    # The widget API gives one name for both, which is split at the first space.
    "full_name": _reads("code", "row:Username"),
    "email": _reads("guess", "row:email") + _reads("code", "row:Email"),
    "active": _reads("guess", "row:active") + _reads("code", "row:Active"),
}

_STATUS: FieldPlaces = {
    "id": _reads("guess", "row:id"),
    "name": _reads("guess", "row:name"),
    "group": _reads("guess", "row:group"),
}

# By-id values come first if both records have them: the by-id read is live, the list lags by hours.
_JOB: FieldPlaces = {
    "id": _reads("seen", "row:opportunityId", "detail:id"),
    "name": _reads("seen", "detail:name", "row:opportunityName"),
    "status": _reads("seen", "detail:status.name", "row:opportunityStatusDesc"),
    "job_code": _reads("seen", "detail:advertDetails.reference", "row:publishReference"),
    "description": _reads("seen", "row:opportunityDescription", "row:publishDescription"),
    "employment_type": _reads("seen", "detail:workType.name", "row:workType"),
    "category": _reads("seen", "detail:advertDetails.sector", "row:publishSector"),
    "department": _reads("seen", "detail:department.name"),
    "salary_from": _reads("seen", "detail:advertDetails.salaryFrom", "row:publishSalaryFrom"),
    "salary_to": _reads("seen", "detail:advertDetails.salaryTo", "row:publishSalaryTo"),
    "salary_period": _reads("seen", "detail:advertDetails.salaryPer", "row:publishSalaryPer"),
    "salary_currency": _reads("seen", "row:currencyCode"),
    "location": _reads("seen", "detail:location", "row:location"),
    "city": _reads("seen", "detail:locationCity", "row:locationCity"),
    "state": _reads("seen", "row:locationState"),
    "zip_code": _reads("seen", "row:postcodeLocation"),
    "opened_at": _reads("seen", "row:dateOpened"),
    "closed_at": _reads("seen", "row:dateFilled", "detail:history.filled", "detail:history.closed"),
    "ended_at": _reads("seen", "detail:history.filled", "detail:history.closed", "detail:history.awarded"),
    "created_at": _reads("seen", "row:creationDate"),
    "updated_at": _reads("seen", "row:lastUpdatedDateTime"),
    "advert_status": _reads("seen", "detail:advertDetails.advertStatus", "row:advertStatus"),
    "publish_online": _reads("seen", "detail:advertDetails.publishOnline", "row:publishOnline"),
    "posting_title": _reads("seen", "detail:advertDetails.title", "row:publishTitle"),
    "posting_description": _reads("seen", "row:publishDescription"),
    "posting_created_at": _reads("seen", "row:publishStartDate"),
    "posting_updated_at": _reads("seen", "detail:advertDetails.publishDate", "row:publishDate"),
    "owner_1": _reads("seen", "row:opportunityOwnerId"),
    "owner_2": _reads("seen", "row:secondaryOwnerId"),
    "owner_3": _reads("seen", "row:thirdOwnerId"),
    "owner_4": _reads("seen", "row:fourthOwnerId"),
    "owner_5": _reads("seen", "row:fifthOwnerId"),
    "owner_role_1": _reads("seen", "row:ownerRoleId"),
    "owner_role_2": _reads("seen", "row:secondaryOwnerRoleId"),
    "owner_role_3": _reads("seen", "row:thirdOwnerRoleId"),
    "owner_role_4": _reads("seen", "row:fourthOwnerRoleId"),
    "owner_role_5": _reads("seen", "row:fifthOwnerRoleId"),
    "owners": _reads("seen", "detail:owners"),
}

# The fields of one element of a job's ``owners``.
_OWNER: FieldPlaces = {
    "id": _reads("seen", "row:ownerId"),
    "rank": _reads("seen", "row:rank"),
    "role_id": _reads("guess", "row:roleId"),
    "role_name": _reads("guess", "row:roleName"),
}

_CANDIDATE: FieldPlaces = {
    "id": _reads("seen", "row:resourceId") + _reads("code", "detail:id"),
    "first_name": _reads("seen", "detail:firstName", "row:firstname", "row:firstName"),
    "last_name": _reads("seen", "detail:surname", "row:surname"),
    "company": _reads("seen", "detail:currentClient.name"),
    "title": _reads("seen", "detail:jobTitle", "row:jobTitle"),
    "source": _reads("seen", "detail:source"),
    "mobile_phone": _reads("seen", "detail:contactDetails.mobilePhone"),
    "telephone": _reads("seen", "detail:contactDetails.telephone"),
    "email": _reads("seen", "detail:contactDetails.email"),
    "additional_email": _reads("guess", "detail:contactDetails.email2"),
    "linkedin": _reads("guess", "detail:contactDetails.linkedin"),
    "street_1": _reads("guess", "detail:address.addressLine1"),
    "street_2": _reads("guess", "detail:address.addressLine2"),
    "city": _reads("guess", "detail:address.town"),
    "state": _reads("guess", "detail:address.county"),
    "zip_code": _reads("guess", "detail:address.postcode"),
    "country": _reads("guess", "detail:address.country"),
    "tags": _reads("seen", "detail:tagText"),
    "salary_amount": _reads("seen", "detail:desiredSalaryNum"),
    "salary_text": _reads("code", "detail:desiredSalary"),
    "note": _reads("seen", "detail:note"),
    "owner": _reads("guess", "detail:owner.id"),
    "created_at": _reads("guess", "any:creationDate"),
    "updated_at": _reads("guess", "any:lastUpdatedDateTime"),
}

# Where a candidate's values are written. REST's keys are those that others wrote live, or guesses from the
# places they are read from; createResource's are the vendor's; updateRecord's columns are in others' code.
_CANDIDATE_WRITES: Writes = {
    "first_name": _writes("seen", "rest:firstName", "create:firstname") + _writes("code", "column:firstname"),
    "last_name": _writes("seen", "rest:surname", "create:lastname") + _writes("code", "column:surname"),
    "title": _writes("seen", "rest:jobTitle", "create:jobtitle") + _writes("code", "column:jobtitle"),
    "company": _writes("seen", "rest:currentClient.name", "create:company"),
    "email": _writes("seen", "rest:contactDetails.email", "create:email") + _writes("code", "column:email"),
    "additional_email": _writes("guess", "rest:contactDetails.email2") + _writes("code", "column:email2"),
    "phone": _writes("seen", "rest:contactDetails.mobilePhone", "create:cellphone")
    + _writes("code", "column:mobilephone"),
    "additional_phone": _writes("seen", "rest:contactDetails.telephone", "create:workphone")
    + _writes("code", "column:workphone"),
    "linkedin": _writes("guess", "rest:contactDetails.linkedin") + _writes("seen", "create:linkedin"),
    "street_1": _writes("guess", "rest:address.addressLine1")
    + _writes("seen", "create:address1")
    + _writes("code", "column:addressline1"),
    "city": _writes("guess", "rest:address.town")
    + _writes("seen", "create:city")
    + _writes("code", "column:town"),
    "state": _writes("guess", "rest:address.county")
    + _writes("seen", "create:state")
    + _writes("code", "column:county"),
    "zip_code": _writes("guess", "rest:address.postcode")
    + _writes("seen", "create:zipcode")
    + _writes("code", "column:postcode"),
    "country": _writes("guess", "rest:address.country")
    + _writes("seen", "create:country")
    + _writes("code", "column:country"),
    "source": _writes("seen", "rest:source", "create:source", "column:wheredidyouhear"),
    "salary_amount": _writes("seen", "rest:desiredSalaryNum") + _writes("code", "column:desiredsalarynum"),
    "salary_text": _writes("code", "rest:desiredSalary", "column:desiredsalary"),
    "note": _writes("seen", "rest:note", "create:note") + _writes("code", "column:note"),
    "owner": _writes("guess", "rest:owner.id"),
}

_APPLICATION_WRITES: Writes = {
    "stage": _writes("guess", "rest:opportunityResourceStatusId")
    + _writes("seen", "column:opportunityresourcestatusid"),
    "rejection_reason": _writes("guess", "rest:rejectionReason", "column:rejectionreason"),
}

_DOCUMENT_WRITES: Writes = {
    "candidate": _writes("guess", "rest:resourceId"),
    "filename": _writes("guess", "rest:filename"),
    "document_type": _writes("guess", "rest:documentType"),
    "content": _writes("guess", "rest:filecontent"),
}

_DOCUMENT: FieldPlaces = {
    "id": _reads("code", "row:documentId", "row:id"),
    "filename": _reads("code", "row:filename", "row:name"),
    "document_type": _reads("code", "row:documentType"),
}

_APPLICATION: FieldPlaces = {
    "id": _reads("code", "row:opportunityResourceId", "detail:opportunityResourceId"),
    "job_id": _reads("code", "any:opportunityId"),
    "candidate_id": _reads("code", "any:resourceId"),
    "stage_id": _reads("code", "any:opportunityResourceStatusId"),
    "stage_name": _reads("code", "any:opportunityResourceStatusName"),
    "rejection_reason": _reads("guess", "any:rejectionReason"),
    "created_at": _reads("guess", "any:creationDate"),
    "updated_at": _reads("guess", "any:lastUpdatedDateTime"),
}

_JOB_MODELS = (
    Model.JOB,
    Model.JOB_POSTING,
    Model.ROLE,
    Model.JOB_HIRING_TEAM_MEMBER,
    Model.JOB_USER_ROLE_ASSIGNMENT,
)

_USERS = Resource(
    name="users",
    entity="user",
    list=CallSpec(method="POST", path="/api/v1/User/PagedSearch", sure="guess", body={}),
    rows="users",
    rows_sure="guess",
    updated_after=False,
    details="never",
    models=(Model.USER,),
    fields=_USER,
)

_STATUSES = Resource(
    name="statuses",
    entity="status",
    list=CallSpec(method="GET", path="/api/v1/MetaData", sure="guess"),
    rows="opportunityResourceStatuses",
    rows_sure="seen",
    updated_after=False,
    paged=False,
    details="never",
    models=(Model.APPLICATION_STAGE, Model.REJECTION_REASON),
    fields=_STATUS,
)

_JOBS = Resource(
    name="jobs",
    entity="job",
    list=CallSpec(method="POST", path="/api/v1/Opportunity/PagedSearch", sure="seen", body={}),
    states=STATES,
    rows="opportunities",
    rows_sure="seen",
    by_id=CallSpec(method="GET", path="/api/v1/Opportunity/{id}", sure="seen"),
    volatile=frozenset({"publishViewCount", "publishApplyCount", "countShortlisted"}),
    models=_JOB_MODELS,
    fields=_JOB,
)

_CANDIDATES = Resource(
    name="candidates",
    entity="candidate",
    list=CallSpec(method="POST", path="/api/v1/Resource/PagedSearch", sure="code", body={}),
    rows="resources",
    rows_sure="guess",
    by_id=CallSpec(method="GET", path="/api/v1/Resource/{id}", sure="seen"),
    models=(Model.CANDIDATE, Model.TAG, Model.CANDIDATE_TAG),
    fields=_CANDIDATE,
)

_APPLICATIONS = Resource(
    name="applications",
    entity="application",
    list=CallSpec(method="POST", path="/api/v1/OpportunityResource/PagedSearch", sure="code", body={}),
    rows="opportunityResources",
    rows_sure="guess",
    by_id=CallSpec(method="GET", path="/api/v1/OpportunityResource/{id}", sure="code"),
    # The row has every key of the by-id record except the custom fields.
    details="never",
    models=(Model.APPLICATION,),
    fields=_APPLICATION,
)


def _widget(function: str) -> CallSpec:
    return CallSpec(method="POST", path=f"/api/widget/{function}", sure="seen")


_BOTH: frozenset[Via] = frozenset({"rest", "widget"})

# Documented calls have precedence over guessed ones.
_ACTIONS = (
    Action(
        name="find_person",
        widget=_widget("checkPerson"),
        via="widget",
        repeatable=frozenset({"widget"}),
        optional=True,
    ),
    Action(
        name="create_candidate",
        rest=CallSpec(method="POST", path="/api/v1/Resource", sure="seen"),
        widget=_widget("createResource"),
        via="widget",
        # It answers status 3 for a known e-mail address; REST is not known to check.
        repeatable=frozenset({"widget"}),
    ),
    Action(
        name="update_candidate",
        rest=CallSpec(method="PATCH", path="/api/v1/Resource/{candidate}", sure="seen"),
        widget=_widget("updateRecord"),
        # Both are known to work; more of the fields that creation omits have known columns.
        via="widget",
        repeatable=_BOTH,
    ),
    Action(
        name="add_to_job",
        rest=CallSpec(
            method="POST", path="/api/v1/Opportunity/{job}/shortlist/resource/{candidate}", sure="guess"
        ),
        widget=_widget("resourceApplication"),
        via="widget",
        # A guess: an existing application is reported, and no second one is created.
        repeatable=_BOTH,
    ),
    Action(
        name="move_stage",
        rest=CallSpec(method="PATCH", path="/api/v1/OpportunityResource/{application}", sure="guess"),
        widget=_widget("updateRecord"),
        via="widget",
        repeatable=_BOTH,
    ),
    Action(
        name="reject",
        rest=CallSpec(method="PATCH", path="/api/v1/OpportunityResource/{application}", sure="guess"),
        widget=_widget("updateRecord"),
        via="widget",
        repeatable=_BOTH,
    ),
    Action(
        name="attach_document",
        rest=CallSpec(method="POST", path="/api/v1/Resource/AttachDocument", sure="code"),
        widget=_widget("attachDocument"),
        via="widget",
    ),
)

_CALLS = {
    "check_logon": _widget("checkLogon"),
    "documents": CallSpec(method="GET", path="/api/v1/Resource/{candidate}/Documents", sure="seen"),
    "document": CallSpec(method="GET", path="/api/v1/Resource/{candidate}/Document/{document}", sure="seen"),
    "delete_candidate": CallSpec(method="DELETE", path="/api/v1/Resource/{candidate}", sure="code"),
}

_MAPS = Maps(
    job_status={"draft": "DRAFT", "archived": "ARCHIVED"},
    employment_type={
        "permanent": "FULL_TIME",
        "full time": "FULL_TIME",
        "part time": "PART_TIME",
        "contract": "CONTRACT",
        "temporary": "CONTRACT",
        "contract to hire": "CONTRACT",
        "seasonal": "SEASONAL",
        "internship": "INTERNSHIP",
    },
    salary_period={
        "annum": "YEAR",
        "year": "YEAR",
        "month": "MONTH",
        "fortnight": "TWO_WEEKS",
        "week": "WEEK",
        "day": "DAY",
        "hour": "HOUR",
    },
    # By a placement status's name, else by its group. For the vendor's groups, see bridge.tracker.statuses.
    outcome={},
    role_type={
        "hiring manager": "HIRING_MANAGER",
        "recruiter": "RECRUITER",
        "coordinator": "COORDINATOR",
        "sourcer": "SOURCER",
        "resourcer": "SOURCER",
        "interviewer": "INTERVIEWER",
    },
    # From the visibility according to the advert's fields: PUBLIC, UNLISTED, INTERNAL.
    visibility={},
    status_group={},
)

# Seen: token and expiration. The others are common names elsewhere.
_TOKEN = TokenKeys(
    keys=(
        *(("token",), ("jwt",), ("jwtToken",), ("accessToken",), ("authToken",)),
        *((outer, inner) for outer in ("data", "result") for inner in ("token", "jwt", "accessToken")),
    ),
    expires=tuple(
        (*outer, inner)
        for outer in ((), ("data",), ("result",))
        for inner in ("expiration", "expires", "expiresAt", "expiry", "expirationDate", "expiresIn")
    ),
)

DEFAULT = Resources(
    exchange=CallSpec(method="POST", path="/api/Auth/ExchangeToken", sure="seen"),
    token=_TOKEN,
    oauth_token=CallSpec(method="POST", path="/oAuth2/Token", sure="seen"),
    users_widget=CallSpec(
        method="POST",
        path="/api/widget/getSettingsData",
        sure="code",
        body={"trackerrms": {"getSettingsData": {}}},
    ),
    resources={r.name: r for r in (_USERS, _STATUSES, _JOBS, _CANDIDATES, _APPLICATIONS)},
    actions={action.name: action for action in _ACTIONS},
    calls=_CALLS,
    document=_DOCUMENT,
    owner=_OWNER,
    writes={
        "candidate": _CANDIDATE_WRITES,
        "application": _APPLICATION_WRITES,
        "document": _DOCUMENT_WRITES,
    },
    # Seen: an employer in free text has the id -1.
    beside={"currentClient.name": ("currentClient.id", -1)},
    maps=_MAPS,
    states={state: state for state in STATES},
)
