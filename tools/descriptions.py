"""What the fields mean, in words: the JSON Schemas, the AsyncAPI document and ``docs/messages.md`` show them.

They stand beside the structs and not in them, so that a struct can be read at a glance. A test holds that no
field of a message goes without.
"""

from typing import Any

_NONE = "TrackerRMS has nothing for it: always"

_EVERY_MODEL = {
    "id": "the entity's id: the same for ever, unique across models, and the Kafka key",
    "changed_at": "when the bridge saw this version",
    "remote_deleted_at": "when the bridge knew that it is gone; set in `deleted` alone",
    "remote_id": "TrackerRMS's own id; of what has none there, made from what it consists of",
    "remote_created_at": "when it was created in TrackerRMS",
    "remote_updated_at": "when it was last updated in TrackerRMS",
    "remote_data": "the raw record by the path it was read from, where the integration asks for it",
    "remote_url": f"{_NONE} `null`",
    "custom_fields": f"{_NONE} `null`",
    "integration_fields": f"{_NONE} empty",
}
_EVERY_ENVELOPE = {
    "specversion": "the version of CloudEvents",
    "source": "who says so: `trackerrms/` and the integration's id",
    "datacontenttype": "what `data` is",
    "dataschema": "names the schema of `data`; its last part is the version",
    "integrationid": "the account, by its `id` in the bridge's configuration",
}
_CANDIDATE_AND_MORE = {
    "candidate": "the person, found by e-mail address or created",
    "attachments": "files to attach; 10,000,000 bytes together",
    "source": "where the candidate came from; kept on a new candidate",
    "sourced_by": "the user who found the candidate",
    "screening_question_answers": "not kept: TrackerRMS has no place; the result warns",
    "gdpr_consent": "not kept: TrackerRMS has no place; the result warns",
    "remote_fields": "not kept: none are known for TrackerRMS; the result warns",
}
_FILE = {
    "name": "the file's name with its ending",
    "content_type": "such as `application/pdf`; goes with `data`",
    "data_url": "a public `https://` address to fetch it from",
    "data": "the file in base64",
}

MEANINGS: dict[str, dict[str, str]] = {
    # --- the twelve models ---
    "User": {
        "first_name": "first name",
        "last_name": "last name",
        "email": "e-mail address; what is none is `null`",
        "status": "whether the user may log in",
        "system_roles": f"{_NONE} empty",
    },
    "Job": {
        "name": "the job's title",
        "job_code": "the number that people know it by",
        "description": "what the job is, usually HTML",
        "confidential": "whether `visibility` is `CONFIDENTIAL`",
        "weekly_hours": f"{_NONE} `null`",
        "employment_type": "`FULL_TIME`, `PART_TIME`, `CONTRACT`, `SEASONAL`, `INTERNSHIP`, or the account's "
        "own word",
        "status": "`OPEN`, `CLOSED`, `DRAFT`, `ARCHIVED`, or the account's own word; `null`: not known",
        "visibility": "`PUBLIC`, `UNLISTED` (advertised, not published online), `INTERNAL` (not advertised), "
        "or the account's own word; read it together with `status`",
        "category": "the account's own word, often the industry",
        "department": "the account's own word",
        "post_url": f"{_NONE} `null`",
        "experience_level": f"{_NONE} `null`",
        "remote_work_status": f"{_NONE} `null`",
        "salary_amount": "the salary where it is one amount",
        "salary_amount_from": "the salary's lower end",
        "salary_amount_to": "the salary's upper end",
        "salary_currency": "of the amounts, usually as in ISO 4217",
        "salary_period": "`YEAR`, `MONTH`, `TWO_WEEKS`, `WEEK`, `DAY`, `HOUR`, or the account's own word: "
        "what the amounts are for",
        "location": "where the work is",
        "opened_at": "when it was opened",
        "closed_at": "when it was closed, or is to be: in the future, the job is still open",
        "contact_id": f"{_NONE} `null`",
        "stages": "always empty: see the topic of application stages",
        "screening_questions": f"{_NONE} empty",
        "job_postings": "always empty: see the topic of job postings",
        "hiring_team": "always empty: see the topic of job hiring team members",
    },
    "JobPosting": {
        "title": "the advert's title",
        "description_html": "the advert's text",
        "status": "whether the job is advertised now",
        "visibility": "`PUBLIC` where it is published online, else `UNLISTED`",
        "url": f"{_NONE} `null`",
        "job_id": "the job that it advertises",
    },
    "Candidate": {
        "first_name": "first name",
        "last_name": "last name",
        "company": "where the person works now",
        "title": "what the person works as now",
        "confidential": f"{_NONE} `null`",
        "source": "where the candidate came from",
        "phone_numbers": "the mobile number first",
        "email_addresses": "the first is the main one; what is no e-mail address is left out",
        "social_media": "profiles elsewhere: LinkedIn",
        "location": "where the person lives",
        "applications": "always empty: see the topic of applications",
        "tags": "always empty: see the topics of tags and candidate tags",
    },
    "ApplicationStage": {
        "name": "the stage's name",
        "status": f"{_NONE} `null`",
        "global_index": "the stage's place in the account's list, from 0",
    },
    "Application": {
        "outcome": "`PENDING` while it goes on, `HIRED`, `DECLINED` by either side; `null`: not known",
        "rejection_reason_name": "why it was declined",
        "rejected_at": f"{_NONE} `null`; `time` of the event in which `outcome` became `DECLINED` tells",
        "current_stage_id": "the application stage that it stands at",
        "job_id": "the job applied to",
        "candidate_id": "who applies",
        "remote_updated_at": f"{_NONE} `null`",
        "screening_question_answers": f"{_NONE} empty",
        "candidate": "always `null`: follow `candidate_id`",
        "current_stage": "always `null`: follow `current_stage_id`",
        "job": "always `null`: follow `job_id`",
        "interviews": f"{_NONE} empty",
        "offers": f"{_NONE} empty",
    },
    "Tag": {"name": "the tag as it is written"},
    "RejectionReason": {"name": "the reason as it is written"},
    "Role": {
        "remote_label": "the role's name; `Owner` where TrackerRMS gives none",
        "scope": "`JOB`: a role is had on a job",
        "unified_type": "what it is elsewhere called, if it has an equivalent",
    },
    "CandidateTag": {"candidate_id": "who carries the tag", "tag_id": "the tag"},
    "JobUserRoleAssignment": {
        "job_user_id": "the hiring team member",
        "role_id": "the member's role on that job",
    },
    "JobHiringTeamMember": {
        "job_id": "the job",
        "user_id": "the user who owns a share of it",
        "roles": "the unified types of the member's roles, as far as they have one",
    },
    "Location": {
        "city": "city",
        "country": "as in ISO 3166 alpha-2 where known, else as it is written",
        "raw": "the whole address in one line",
        "state": "state, county or region",
        "street_1": "street and number",
        "street_2": "the second line",
        "zip_code": "postal code",
    },
    "PhoneNumber": {"phone_number": "as it is written", "type": "`MOBILE`, or `null`"},
    "EmailAddress": {"email_address": "the address", "type": "always `null`"},
    "SocialMedia": {
        "link": "the profile's address",
        "type": "`LINKEDIN`",
        "username": "the name in the link",
    },
    # --- envelopes ---
    "Event": {
        "id": "the same for the same change on every replay",
        "type": "what happened, to which model",
        "subject": "the entity's id: the Kafka key",
        "time": "when the bridge saw the change",
        "sequence": "counts the entity's versions from 1 without a gap; sorts as text",
    },
    "Change": {
        "changed_fields": "what differs from the version before; empty in `created` and `deleted`",
        "cause": "how the bridge came to see it: `initial` (first load), `poll`, `sweep` (a full read), "
        "`hook`, `command`, `resync`",
        "command_id": "the command that wrote it; there where `cause` is `command`",
        "previous": "the old values of `changed_fields`, where the integration keeps them",
    },
    "Command": {
        "id": "yours: the same id is the same command, carried out once",
        "source": "who asks: a name of your choosing",
        "type": "what to do",
        "time": "when it was asked for",
    },
    "Result": {
        "id": "the same if the result is published again",
        "type": "the command's type, and `succeeded`, `failed` or `unknown`",
        "subject": "the command's id: the Kafka key",
        "time": "when the command ended",
    },
    "Outcome": {
        "command_id": "the command's id",
        "result": "what Kombo answers for the same action; `null` where it did not succeed",
        "warnings": "what is not as asked although it succeeded",
        "error": "why it failed, or what could not be told; `null` where it succeeded",
    },
    "Notice": {"message": "for a person"},
    "Failure": {
        "code": "to branch on: one of Kombo's codes",
        "title": "what the code means",
        "message": "what is wrong here, for a person",
        "retryable": "whether another command, as it is, may succeed later",
    },
    "DeadLetter": {
        "id": "the same if it is published again",
        "type": "a record that could not be read, or a message that is no command",
        "subject": "which record, as `<resource>:<id>`, or where on Kafka, as `<topic>/<partition>/<offset>`",
        "time": "when it was parked, or when the refused message was published",
        "data": "where the original is, and what is wrong with it",
    },
    "ParkedRecord": {
        "kind": "what it is about",
        "reason": "what is wrong, for a person; never a value",
        "resource": "TrackerRMS's list that it stands in",
        "remote_id": "TrackerRMS's id, where it could be read",
        "path": "where to read it in TrackerRMS",
    },
    "RefusedMessage": {
        "kind": "what it is about",
        "reason": "what is wrong, for a person; never a value",
        "topic": "where the message is",
        "partition": "and in which partition",
        "offset": "and at which offset",
    },
    # --- what commands take ---
    "CreateCandidate": _CANDIDATE_AND_MORE,
    "CreateApplication": _CANDIDATE_AND_MORE
    | {
        "application": "the job and the stage, unless they stand at the top",
        "job_id": "the job to apply to",
        "stage_id": "the stage to stand at; left out: the job's default",
    },
    "CandidateInput": {
        "first_name": "first name",
        "last_name": "last name",
        "email_address": "who it is: found by it, and carried out in the order of it",
        "additional_email_addresses": "the first is kept as such, others in the candidate's note",
        "company": "where the person works now",
        "title": "what the person works as now",
        "phone_number": "telephone number",
        "additional_phone_numbers": "the first is kept as such, others in the candidate's note",
        "location": "where the person lives",
        "gender": "not kept: TrackerRMS has no place; the result warns",
        "availability_date": "a day or a moment; kept in the candidate's note",
        "salary_expectations": "what the person asks for",
        "social_links": "LinkedIn is kept as such, others in the candidate's note",
    },
    "AdditionalEmail": {"email_address": "the address", "type": "what it is for; not kept"},
    "AdditionalPhone": {"phone_number": "the number", "type": "what it is for; not kept"},
    "LocationInput": {
        "country": "as in ISO 3166 alpha-2",
        "city": "city",
        "state": "state, county or region",
        "street_1": "street and number",
        "zip_code": "postal code",
    },
    "SalaryExpectations": {"amount": "how much", "period": "a month or a year"},
    "SocialLink": {"url": "the profile's address"},
    "ApplicationInput": {
        "job_id": "the job to apply to",
        "stage_id": "the stage to stand at; left out: the job's default",
    },
    "Attachment": _FILE | {"type": "`CV` becomes TrackerRMS's `resume`, everything else `general`"},
    "SourceInput": {
        "name": "the source's name, as TrackerRMS is to show it",
        "unified_key": "not used: a source without a name is ignored, and the result warns",
        "id": "not used, likewise",
    },
    "SourcedBy": {"user_id": "the user"},
    "MoveToStage": {
        "application_id": "which application",
        "stage_id": "where it is to stand",
        "remote_fields": "not kept: none are known for TrackerRMS; the result warns",
    },
    "Reject": {
        "application_id": "which application",
        "rejection_reason_id": "why",
        "note": "becomes the reason shown; left out: the reason's name does",
        "remote_fields": "not kept: none are known for TrackerRMS; the result warns",
    },
    "Passthrough": {
        "method": "how to call; anything but `GET` is sent once",
        "path": "on the integration's own host",
        "headers": "sent along; credentials are added",
        "params": "the query",
        "data": "the body: an object or a list as JSON, a text as it stands",
        "response_as_base64": "whether the answer's body comes in base64, whatever it is",
        "multipart_form_data": "a form to send, instead of `data`",
        "api_options": "not used: none are known for TrackerRMS; the result warns",
    },
    "Part": {"name": "the field's name", "value": "a text, or a file"},
    "PartFile": _FILE,
}

_ENVELOPES = ("Event", "Command", "Result", "DeadLetter")


def of(struct: str, field: str) -> str | None:
    """What a struct's field means; structs by their names in schemas: ``Candidate``, ``Event_Candidate_``."""
    name = struct.partition("_")[0]
    if name not in MEANINGS:
        return None
    shared = _EVERY_ENVELOPE if name in _ENVELOPES else _EVERY_MODEL
    return MEANINGS[name].get(field) or shared.get(field)


def describe(name: str, definition: dict[str, Any]) -> None:
    """Put the meanings into a definition's properties, but for mere references: what they name tells."""
    for field, schema in definition.get("properties", {}).items():
        meaning, said = of(name, field), schema.get("description")
        if meaning and "$ref" not in schema:
            schema["description"] = f"{meaning}: {said}" if said else meaning
