"""The twelve models have the fields and the types that the connector's document and Kombo's API give them."""

from datetime import datetime
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest
from trackerrms_contracts.entities import (
    STRUCTS,
    EmailAddress,
    Location,
    Model,
    PhoneNumber,
    SocialMedia,
    UnifiedRoleType,
)

Text = str | None
Number = float | None
Moment = datetime | None
Raw = dict[str, Any] | None
Things = tuple[Any, ...]
Activity = Literal["ACTIVE", "INACTIVE"] | None

# What the connector's document lists, model by model, in its order.
COVERED: dict[Model, str] = {
    Model.USER: "id remote_id changed_at remote_deleted_at first_name last_name email remote_data",
    Model.JOB: """id remote_id changed_at remote_deleted_at name job_code description confidential
        employment_type status visibility category department salary_amount salary_amount_from
        salary_amount_to salary_currency salary_period location opened_at closed_at remote_created_at
        remote_updated_at remote_data""",
    Model.JOB_POSTING: """id remote_id changed_at remote_deleted_at title description_html status visibility
        job_id remote_data remote_created_at remote_updated_at""",
    Model.CANDIDATE: """id remote_id changed_at remote_deleted_at first_name last_name company title source
        phone_numbers email_addresses social_media location remote_created_at remote_updated_at
        remote_data""",
    Model.APPLICATION_STAGE: "id remote_id changed_at remote_deleted_at name global_index remote_data",
    Model.APPLICATION: """id remote_id changed_at remote_deleted_at outcome rejection_reason_name
        current_stage_id job_id candidate_id remote_created_at remote_data""",
    Model.TAG: "id remote_id changed_at remote_deleted_at name",
    Model.REJECTION_REASON: "id remote_id changed_at remote_deleted_at name remote_data",
    Model.ROLE: "id remote_id changed_at remote_deleted_at remote_label scope unified_type",
    Model.CANDIDATE_TAG: "candidate_id tag_id id changed_at remote_deleted_at",
    Model.JOB_USER_ROLE_ASSIGNMENT: "job_user_id role_id id changed_at remote_deleted_at",
    Model.JOB_HIRING_TEAM_MEMBER: "roles job_id user_id id changed_at remote_deleted_at",
}

EVERY = {"id": str, "changed_at": Moment, "remote_deleted_at": Moment}
DATED = {"remote_created_at": Moment, "remote_updated_at": Moment}
CUSTOM = {"custom_fields": Raw, "integration_fields": Things, "remote_url": Text}

PLAIN = (Text, Number, bool | None, Moment)
"""What a field that Kombo does not have may be."""

# Kombo's keys and their types: what the document lists, and what Kombo's API always sends besides.
TYPES: dict[Model, dict[str, Any]] = {
    Model.USER: {
        "remote_id": Text,
        "first_name": Text,
        "last_name": Text,
        "email": Text,
        "status": Activity,
        "system_roles": Things,
        "remote_data": Raw,
    },
    Model.JOB: {
        "remote_id": str,
        "name": Text,
        "job_code": Text,
        "description": Text,
        "confidential": bool | None,
        "weekly_hours": Number,
        "employment_type": Text,
        "status": Text,
        "visibility": Text,
        "category": Text,
        "department": Text,
        "post_url": Text,
        "experience_level": Text,
        "remote_work_status": Text,
        "salary_amount": Number,
        "salary_amount_from": Number,
        "salary_amount_to": Number,
        "salary_currency": Text,
        "salary_period": Text,
        "location": Location | None,
        **CUSTOM,
        "opened_at": Moment,
        "closed_at": Moment,
        **DATED,
        "contact_id": Text,
        "stages": Things,
        "screening_questions": Things,
        "job_postings": Things,
        "hiring_team": Things,
        "remote_data": Raw,
    },
    Model.JOB_POSTING: {
        "remote_id": Text,
        "title": Text,
        "description_html": Text,
        "status": Literal["ACTIVE", "INACTIVE", "DRAFT"] | None,
        "visibility": Literal["PUBLIC", "INTERNAL", "UNLISTED"] | None,
        "url": Text,
        "job_id": str,
        **DATED,
        "remote_data": Raw,
    },
    Model.CANDIDATE: {
        "remote_id": str,
        "first_name": Text,
        "last_name": Text,
        "company": Text,
        "title": Text,
        "confidential": bool | None,
        "source": Text,
        "phone_numbers": tuple[PhoneNumber, ...],
        "email_addresses": tuple[EmailAddress, ...],
        "social_media": tuple[SocialMedia, ...],
        "location": Location | None,
        **CUSTOM,
        **DATED,
        "applications": Things,
        "tags": Things,
        "remote_data": Raw,
    },
    Model.APPLICATION_STAGE: {
        "remote_id": Text,
        "name": Text,
        "status": Activity,
        "custom_fields": Raw,
        "global_index": int | None,
        "remote_data": Raw,
    },
    Model.APPLICATION: {
        "remote_id": Text,
        "outcome": Literal["PENDING", "HIRED", "DECLINED"] | None,
        "rejection_reason_name": Text,
        "rejected_at": Moment,
        "current_stage_id": Text,
        "job_id": Text,
        "candidate_id": Text,
        "screening_question_answers": Things,
        **CUSTOM,
        **DATED,
        "candidate": Raw,
        "current_stage": Raw,
        "job": Raw,
        "interviews": Things,
        "offers": Things,
        "remote_data": Raw,
    },
    Model.TAG: {"remote_id": Text, "name": Text},
    Model.REJECTION_REASON: {"remote_id": str, "name": Text, "remote_data": Raw},
    Model.ROLE: {
        "remote_id": Text,
        "remote_label": Text,
        "scope": Literal["SYSTEM", "JOB"] | None,
        "unified_type": UnifiedRoleType | None,
    },
    Model.CANDIDATE_TAG: {"candidate_id": str, "tag_id": str},
    Model.JOB_USER_ROLE_ASSIGNMENT: {"job_user_id": str, "role_id": str},
    Model.JOB_HIRING_TEAM_MEMBER: {"job_id": str, "user_id": str, "roles": tuple[UnifiedRoleType, ...]},
}

NESTED = {
    Location: {"city", "country", "raw", "state", "street_1", "street_2", "zip_code"},
    PhoneNumber: {"phone_number", "type"},
    EmailAddress: {"email_address", "type"},
    SocialMedia: {"link", "type", "username"},
}


def bare(kind: Any) -> Any:
    """A type without what ``Annotated`` adds to it, in unions too."""
    if get_origin(kind) is Annotated:
        return bare(get_args(kind)[0])
    if type(kind) is type(str | None) or get_origin(kind) is Union:
        return Union[tuple(bare(part) for part in get_args(kind))]  # noqa: UP007
    return kind


def test_the_model_has_every_field_of_the_connector(subtests: pytest.Subtests) -> None:
    for model in Model:
        with subtests.test(str(model)):
            assert set(COVERED[model].split()) <= set(STRUCTS[model].__struct_fields__)


def test_every_field_has_its_type(subtests: pytest.Subtests) -> None:
    for model in Model:
        with subtests.test(str(model)):
            requests = get_type_hints(STRUCTS[model], include_extras=True)
            found = {name: bare(kind) for name, kind in requests.items()}
            expected = {name: bare(kind) for name, kind in (EVERY | TYPES[model]).items()}
            defaults = {field.name: field.default for field in msgspec.structs.fields(STRUCTS[model])}
            assert {name: found.get(name) for name in expected} == expected
            ours = {name: (kind, defaults[name]) for name, kind in found.items() if name not in expected}
            assert {
                name for name, (kind, default) in ours.items() if kind not in PLAIN or default
            } == set(), (
                f"{model}: a field of ours is text, a number, a flag or a moment, or None: "
                "give it such a type and the default None. If Kombo has it, write its type into TYPES, here"
            )


def test_every_id_of_ours_has_the_form_of_one(subtests: pytest.Subtests) -> None:
    for model in Model:
        with subtests.test(str(model)):
            requests = get_type_hints(STRUCTS[model], include_extras=True)
            theirs = ("remote_id", "contact_id")
            ours = {name for name in requests if name == "id" or name.endswith("_id")} - {*theirs}
            assert {name for name in requests if "{24}" in repr(requests[name])} == ours


def test_parts_have_their_fields(subtests: pytest.Subtests) -> None:
    for struct, names in NESTED.items():
        with subtests.test(struct.__name__):
            assert set(struct.__struct_fields__) == names, "write its fields into NESTED, in this file"


def test_there_are_twelve_models() -> None:
    assert set(STRUCTS) == set(Model) == set(COVERED) == set(TYPES)
    assert len(Model) == 12


def test_structs_cannot_be_changed(subtests: pytest.Subtests) -> None:
    for model in Model:
        with subtests.test(str(model)):
            assert STRUCTS[model].__struct_config__.frozen


def test_role_types_are_kombos() -> None:
    kinds = {"HIRING_MANAGER", "RECRUITER", "COORDINATOR", "SOURCER", "INTERVIEWER", "ADMIN"}
    assert set(get_args(UnifiedRoleType)) == kinds
