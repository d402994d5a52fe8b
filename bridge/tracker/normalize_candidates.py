"""Converts a Resource to a candidate, tags and candidate tags. Pure.

The rules are in ``docs/assumptions.md``, "How the twelve models are made".
"""

from collections.abc import Mapping
from typing import Any

from trackerrms_contracts.entities import (
    Candidate,
    CandidateTag,
    EmailAddress,
    Location,
    Model,
    PhoneNumber,
    RemoteData,
    SocialMedia,
    Tag,
)

from bridge.tracker import countries, values
from bridge.tracker.entity_set import EntityMember, Ids
from bridge.tracker.field_reader import FieldReader
from bridge.tracker.local_time import Clock
from bridge.tracker.values import TagSeparator

_ADDRESS = ("street_1", "street_2", "city", "state", "zip_code", "country")


def unify_candidate(
    reader: FieldReader,
    *,
    plain: Mapping[str, Any],
    ids: Ids,
    clock: Clock,
    remote_data: RemoteData | None,
) -> Candidate:
    """Return the candidate: its plain fields as they were read, and those that a rule makes."""
    return Candidate(
        **plain,
        id=ids.of(Model.CANDIDATE, reader.id),
        remote_id=reader.id,
        phone_numbers=_phones(reader),
        email_addresses=_emails(reader),
        social_media=_profiles(reader),
        location=_location(reader),
        remote_created_at=reader.instant("created_at", clock),
        remote_updated_at=reader.last_update(clock),
        remote_data=remote_data,
    )


def unify_tags(reader: FieldReader, *, ids: Ids, separator: TagSeparator) -> list[EntityMember]:
    """Return the candidate's tags, each with its link to the candidate."""
    members = []
    candidate_id = ids.of(Model.CANDIDATE, reader.id)
    for name in reader.tags("tags", separator):
        tag = values.tag_id(name)
        tie = f"{reader.id}:{tag}"
        tag_record = Tag(id=ids.of(Model.TAG, tag), remote_id=tag, name=name)
        tie_record = CandidateTag(
            id=ids.of(Model.CANDIDATE_TAG, tie),
            candidate_id=candidate_id,
            tag_id=tag_record.id,
        )
        members.append(EntityMember(model=Model.TAG, remote_id=tag, parent=reader.id, record=tag_record))
        members.append(
            EntityMember(model=Model.CANDIDATE_TAG, remote_id=tie, parent=reader.id, record=tie_record)
        )
    return members


def _phones(reader: FieldReader) -> tuple[PhoneNumber, ...]:
    mobile, telephone = reader.text("mobile_phone"), reader.text("telephone")
    found = []
    if mobile:
        found.append(PhoneNumber(phone_number=mobile, type="MOBILE"))
    if telephone:
        found.append(PhoneNumber(phone_number=telephone))
    return tuple(found)


def _emails(reader: FieldReader) -> tuple[EmailAddress, ...]:
    return tuple(
        EmailAddress(email_address=address)
        for name in ("email", "additional_email")
        for address in reader.emails(name)
    )


def _profiles(reader: FieldReader) -> tuple[SocialMedia, ...]:
    link = reader.text("linkedin")
    if link is None:
        return ()
    return (SocialMedia(link=link, type="LINKEDIN", username=values.linkedin_name(link)),)


def _location(reader: FieldReader) -> Location | None:
    parts = {name: reader.text(name) for name in _ADDRESS}
    raw = ", ".join(part for part in parts.values() if part)
    if not raw:
        return None
    country = parts.pop("country")
    if country:
        country = countries.alpha_2(country) or country
    return Location(raw=raw, country=country, **parts)
