"""Field descriptions for the JSON Schemas, the AsyncAPI document and ``docs/messages.md``.

The fields of a model are described in ``entities.py``. This file describes the other messages, and the fields
that many models share. A test checks that every field of a message has a description.
"""

from typing import Any

from msgspec import Struct
from trackerrms_contracts import entities

from tools.field_docs import read_field_docs

_NONE = "not available in TrackerRMS: always"
_NO_FIELD = "not stored, because TrackerRMS has no field for it; the result has a warning"
_NO_REMOTE_FIELDS = "not stored, because TrackerRMS has none; the result has a warning"

_EVERY_MODEL = {
    "id": "the entity's id: never changes, is unique across models, and is the Kafka key",
    "changed_at": "when the bridge saw this version",
    "remote_deleted_at": "when the bridge found the deletion; set only in `deleted`",
    "remote_id": "TrackerRMS's own id; if there is none, derived from the content",
    "remote_created_at": "when it was created in TrackerRMS",
    "remote_updated_at": "when it was last updated in TrackerRMS",
    "remote_data": "the raw record, by the path it was read from; only if the integration turns it on",
    "remote_url": f"{_NONE} `null`",
    "custom_fields": f"{_NONE} `null`",
    "integration_fields": f"{_NONE} empty",
}
_EVERY_ENVELOPE = {
    "specversion": "the version of CloudEvents",
    "source": "the origin: `trackerrms/` and the integration's id",
    "datacontenttype": "the media type of `data`",
    "dataschema": "the name of the schema of `data`; its last part is the version",
    "integrationid": "the account, by its `id` in the bridge's configuration",
}
_CANDIDATE_AND_MORE = {
    "candidate": "the person, who is found by e-mail address or created",
    "attachments": "files to attach; at most 10,000,000 bytes in total",
    "source": "where the candidate came from; stored only for a new candidate",
    "sourced_by": "the user who found the candidate",
    "screening_question_answers": _NO_FIELD,
    "gdpr_consent": _NO_FIELD,
    "remote_fields": _NO_REMOTE_FIELDS,
}
_FILE = {
    "name": "the file name with its extension",
    "content_type": "such as `application/pdf`; used with `data`",
    "data_url": "a public `https://` URL to fetch the file from",
    "data": "the file's content in base64",
}

MEANINGS: dict[str, dict[str, str]] = {
    # --- envelopes ---
    "Event": {
        "id": "the event's id; the same change has the same id on every replay",
        "type": "the model and the operation",
        "subject": "the entity's id: the Kafka key",
        "time": "when the bridge saw the change",
        "sequence": "the number of the entity's version, from 1 and without gaps; sorts as text",
    },
    "Change": {
        "changed_fields": "the fields that differ from the previous version; empty in `created` and "
        "`deleted`",
        "cause": "why the bridge read the record: `initial` (first load), `poll`, `sweep` (a full read), "
        "`command`, `resync`",
        "command_id": "the command that wrote the change; present if `cause` is `command`",
        "previous": "the old values of `changed_fields`; present if the integration keeps them",
    },
    "Command": {
        "id": "an id that you choose; a command with a known id is not carried out again",
        "source": "the name of the sender, which you choose",
        "type": "the action",
        "time": "when the command was sent",
    },
    "Result": {
        "id": "the result's id; the same if the result is published again",
        "type": "the command's type, followed by `succeeded`, `failed` or `unknown`",
        "subject": "the command's id: the Kafka key",
        "time": "when the command ended",
    },
    "Outcome": {
        "command_id": "the command's id",
        "result": "the response of Kombo's API to the same action; `null` unless the command succeeded",
        "warnings": "differences from the request although the command succeeded",
        "error": "why the command failed, or what could not be determined; `null` if it succeeded",
    },
    "Notice": {"message": "a text for people"},
    "Failure": {
        "code": "one of Kombo's error codes, for programs to branch on",
        "title": "the meaning of the code",
        "message": "the error in this command, for people",
        "retryable": "whether the same command, sent again later, may succeed",
    },
    "DeadLetter": {
        "id": "the dead letter's id; the same if it is published again",
        "type": "`record.parked`: a record could not be read; `command.refused`: a message is not a valid "
        "command",
        "subject": "the record, as `<resource>:<id>`, or the message, as `<topic>/<partition>/<offset>`",
        "time": "when the record was parked, or when the refused message was published",
        "data": "the location of the original, and the reason",
    },
    "ParkedRecord": {
        "kind": "the kind of the original",
        "reason": "what is wrong, for people; never contains a value",
        "resource": "TrackerRMS's list that contains the record",
        "remote_id": "TrackerRMS's id, if it could be read",
        "path": "the path of the record in TrackerRMS",
    },
    "RefusedMessage": {
        "kind": "the kind of the original",
        "reason": "what is wrong, for people; never contains a value",
        "topic": "the topic of the message",
        "partition": "the partition of the message",
        "offset": "the offset of the message",
    },
    # --- inputs of commands ---
    "CreateCandidate": _CANDIDATE_AND_MORE,
    "CreateApplication": _CANDIDATE_AND_MORE
    | {
        "application": "the job and the stage, unless they are given at the top level",
        "job_id": "the job to apply to",
        "stage_id": "the stage of the new application; default: the job's default stage",
    },
    "CandidateInput": {
        "first_name": "first name",
        "last_name": "last name",
        "email_address": "identifies the person: the bridge finds the candidate by it, and carries out "
        "commands for one address in order",
        "additional_email_addresses": "the first is stored in its field, the others in the candidate's note",
        "company": "the person's current employer",
        "title": "the person's current job title",
        "phone_number": "telephone number",
        "additional_phone_numbers": "the first is stored in its field, the others in the candidate's note",
        "location": "where the person lives",
        "gender": _NO_FIELD,
        "availability_date": "a date, with or without a time; stored in the candidate's note",
        "salary_expectations": "the salary that the person expects",
        "social_links": "LinkedIn is stored in its field, the others in the candidate's note",
    },
    "AdditionalEmail": {"email_address": "the address", "type": "its purpose; not stored"},
    "AdditionalPhone": {"phone_number": "the number", "type": "its purpose; not stored"},
    "LocationInput": {
        "country": "ISO 3166 alpha-2 code",
        "city": "city",
        "state": "state, county or region",
        "street_1": "street and number",
        "zip_code": "postal code",
    },
    "SalaryExpectations": {"amount": "the amount", "period": "per month or per year"},
    "SocialLink": {"url": "the profile's URL"},
    "ApplicationInput": {
        "job_id": "the job to apply to",
        "stage_id": "the stage of the new application; default: the job's default stage",
    },
    "Attachment": _FILE | {"type": "`CV` becomes TrackerRMS's `resume`, every other type `general`"},
    "SourceInput": {
        "name": "the source's name, as TrackerRMS will show it",
        "unified_key": "not used; a source without a name is ignored, and the result has a warning",
        "id": "not used, as `unified_key`",
    },
    "SourcedBy": {"user_id": "the user"},
    "MoveToStage": {
        "application_id": "the application",
        "stage_id": "the new stage",
        "remote_fields": _NO_REMOTE_FIELDS,
    },
    "Reject": {
        "application_id": "the application",
        "rejection_reason_id": "the reason",
        "note": "the displayed reason; default: the reason's name",
        "remote_fields": _NO_REMOTE_FIELDS,
    },
    "Passthrough": {
        "method": "the HTTP method; a request with any method except `GET` is sent only once",
        "path": "the path on the integration's own host",
        "headers": "headers to send; the bridge adds the credentials",
        "params": "the query parameters",
        "data": "the body: an object or a list is sent as JSON, a text unchanged",
        "response_as_base64": "whether to return the response body in base64, whatever its type",
        "multipart_form_data": "a multipart form to send instead of `data`",
        "api_options": "not used, because TrackerRMS has none; the result has a warning",
    },
    "Part": {"name": "the field's name", "value": "a text or a file"},
    "PartFile": _FILE,
}

_ENVELOPES = ("Event", "Command", "Result", "DeadLetter")
_PARTS = (entities.Location, entities.PhoneNumber, entities.EmailAddress, entities.SocialMedia)
_MODELS: dict[str, type[Struct]] = {kind.__name__: kind for kind in entities.STRUCTS.values()}
_MODELS |= {kind.__name__: kind for kind in _PARTS}


def of(struct: str, field: str) -> str | None:
    """Return the description of a field. ``struct`` is its name in schemas: ``Candidate``,
    ``Event_Candidate_``."""
    name = struct.partition("_")[0]
    if name in _MODELS:
        doc = read_field_docs(_MODELS[name]).get(field)
        return doc.meaning if doc else _EVERY_MODEL.get(field)
    if name not in MEANINGS:
        return None
    shared = _EVERY_ENVELOPE if name in _ENVELOPES else {}
    return MEANINGS[name].get(field) or shared.get(field)


def describe(name: str, definition: dict[str, Any]) -> None:
    """Add the descriptions to a definition's properties, except plain references, whose target has one."""
    for field, schema in definition.get("properties", {}).items():
        meaning, said = of(name, field), schema.get("description")
        if meaning and "$ref" not in schema:
            schema["description"] = f"{meaning}: {said}" if said else meaning
