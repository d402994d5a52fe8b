"""Finds existing records, to resume a command or to read back a write whose answer was lost.

Only reads. By-id reads, documents and people by e-mail are live; lists lag by hours. Ids are TrackerRMS's
own. Each function raises what the client's calls raise, and ``Permanent`` for a record with values of the
wrong type. A record that does not exist is ``None``, never an error.
"""

import base64
import binascii
import re
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct

from bridge.errors import Permanent
from bridge.json_types import JsonObject
from bridge.tracker import answers, countries, field_writer, normalize_jobs, statuses, values
from bridge.tracker.by_id import RecordGone
from bridge.tracker.client import Client
from bridge.tracker.errors import NoRows, Refused, Unreachable, Unreadable
from bridge.tracker.field_reader import FieldReader
from bridge.tracker.pages import Row
from bridge.tracker.schema import FieldPlaces, ResourceName
from bridge.tracker.statuses import Status

# Fields that are read under another name than the one they are written under.
_READ_AS = {"phone": "mobile_phone", "additional_phone": "telephone"}
_LINKED = re.compile(r"(?<![a-z])resource(?:id)?\W+(\d{1,18})(?!\d)", re.IGNORECASE | re.ASCII)
_NUMBERS = re.compile(r"\d+", re.ASCII)
_CONTROLS = 3
_DOCUMENTS_CURE = "set paths.documents in [integrations.tracker] if the path differs"
_DOCUMENT_CURE = "set paths.document in [integrations.tracker] if the path differs"
_CLOSED = ("CLOSED", "ARCHIVED")


class FoundPerson(Struct, frozen=True, kw_only=True):
    """A person with an address. ``remote_id`` is ``None`` if the answer does not say which record."""

    remote_id: str | None


class CandidateFound(Struct, frozen=True, kw_only=True):
    """A candidate read by id: the record as received, its e-mail addresses, and its values by the names of
    ``field_writer.FieldValues``, for comparison with what was written."""

    record: JsonObject
    emails: tuple[str, ...]
    fields: Mapping[str, str | float | None]


class Document(Struct, frozen=True, kw_only=True):
    """A candidate's file, without its content."""

    remote_id: str
    filename: str | None
    document_type: str | None


class ApplicationFound(Struct, frozen=True, kw_only=True):
    """An application read by id. ``stage`` is the placement status's id."""

    record: JsonObject
    job: str | None
    candidate: str | None
    stage: str | None
    rejection_reason: str | None


class JobFound(Struct, frozen=True, kw_only=True):
    """A job read by id. ``closed`` means that no one can be added to it any more."""

    record: JsonObject
    closed: bool
    name: str | None


class StatusFound(Struct, frozen=True, kw_only=True):
    """A placement status with its position in the list, from 0. ``outcome`` comes from its group
    or the maps."""

    remote_id: str
    name: str | None
    group: str | None
    place: int
    outcome: str | None

    @property
    def declined(self) -> bool:
        """Return true if the status rejects."""
        return self.outcome == "DECLINED"


def can_find_people(client: Client) -> bool:
    """Return true if people can be found by e-mail: the only call for it is not disabled."""
    return client.settings.actions["find_person"].call is not None


async def person_by_email(client: Client, email: str) -> FoundPerson | None:
    """Return the candidate with this address, live; ``None`` if there is none.

    The record's id is read from ``recordLink``, whose form is assumed: confirm it with a by-id read. Raises
    ``NoCredentials`` if the widget API can't be used, ``Refused`` if it is disabled.
    """
    action = client.settings.actions["find_person"]
    if action.call is None:
        raise Refused("find_person is off", 405)
    reply = await client.call_widget(action.call, {"details": {"email": email}}, action.cure, repeatable=True)
    return person(reply.fields)


def person(reply: Mapping[str, Any]) -> FoundPerson | None:
    """Return the person that an answer of ``checkPerson`` names. Pure."""
    link, kinds = (values.scrub(str(reply.get(key) or "")) for key in ("recordLink", "recordTypes"))
    first = reply.get("firstRecord")
    is_named = isinstance(first, dict) and any(not values.is_blank_text(value) for value in first.values())
    if not (link.strip() or kinds.strip() or is_named):
        return None
    if kinds.strip() and "R" not in kinds.upper():
        return None  # a contact or a user, not a candidate
    named = _LINKED.search(link)
    if named:
        return FoundPerson(remote_id=str(int(named[1])))
    numbers = _NUMBERS.findall(link)
    # Only a candidate has this address, so a link with a single number can only be the candidate's.
    single = kinds.strip().upper() == "R" and len(numbers) == 1 and len(numbers[0]) <= 18
    return FoundPerson(remote_id=str(int(numbers[0])) if single else None)


async def read_candidate(client: Client, remote_id: str) -> CandidateFound | None:
    """Return a candidate by id, live; ``None`` if it does not exist."""
    reader = await _by_id(client, "candidates", remote_id)
    if reader is None or reader.detail is None:
        return None
    emails = [address for name in ("email", "additional_email") for address in reader.emails(name)]
    names = client.settings.writes["candidate"]
    return CandidateFound(
        record=reader.detail,
        emails=tuple(dict.fromkeys(emails)),
        fields={name: _field(reader, name) for name in names},
    )


async def recent_candidates(client: Client, since: datetime, *, pages: int = 5) -> list[str]:
    """Return the ids of the candidates listed as updated since (aware UTC), highest first."""
    found = {row.remote_id async for row in list_rows(client, "candidates", since=since, pages=pages)}
    return sorted(found, key=int, reverse=True)


async def find_application(
    client: Client, job: str, candidate: str, since: datetime | None, *, pages: int = 20
) -> str | None:
    """Return the application of this candidate on this job, confirmed by id.

    Returns ``None`` if the list's first ``pages`` do not show it; a new one may not be listed yet.
    """
    pair = (job, candidate)
    async for row in list_rows(client, "applications", since=since, pages=pages):
        if _pair(client, row) != pair:
            continue
        found = await read_application(client, row.remote_id)
        if found is not None and (found.job, found.candidate) == pair:
            return row.remote_id
    return None


async def read_documents(client: Client, candidate: str) -> list[Document]:
    """Return a candidate's files, live; empty for a candidate that does not exist."""
    call = client.settings.calls["documents"]
    path = call.filled(candidate=str(field_writer.numeric_id("candidate", candidate)))
    found = await client.read(call.method, path, _DOCUMENTS_CURE)
    if isinstance(found, RecordGone):
        return []
    return documents_in(found, f"{call.method} {path}", client.settings.document)


def documents_in(answer: Any, name: str, fields: FieldPlaces) -> list[Document]:
    """Return the documents in an answer, with or without an envelope. ``NoRows`` names the call. Pure."""
    rows = _rows(answer)
    if rows is None:
        raise NoRows(f"{name}: {_said(answer)}, expected a list of documents; {_DOCUMENTS_CURE}")
    readers = [FieldReader("document", fields, row, None) for row in rows]
    return [
        Document(remote_id=one.id, filename=one.text("filename"), document_type=one.text("document_type"))
        for one in readers
    ]


async def document_content(client: Client, candidate: str, document_id: str) -> bytes:
    """Return the content of a file. Raises ``Refused`` with 404 if it does not exist."""
    call = client.settings.calls["document"]
    path = call.filled(
        candidate=str(field_writer.numeric_id("candidate", candidate)),
        document=str(field_writer.numeric_id("document", document_id)),
    )
    found = await client.read(call.method, path, _DOCUMENT_CURE)
    if isinstance(found, RecordGone):
        raise Refused(
            f"{call.method} {path} answered {found.status}: no such document; {_DOCUMENT_CURE}", 404
        )
    content = found.get("filecontent") if isinstance(found, dict) else None
    if not isinstance(content, str):
        raise Unreadable(f"{call.method} {path}: {_said(found)}, without filecontent; {_DOCUMENT_CURE}")
    try:
        return base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError):
        raise Unreadable(f"{call.method} {path}: filecontent is not base64; {_DOCUMENT_CURE}") from None


async def read_application(client: Client, remote_id: str) -> ApplicationFound | None:
    """Return an application by id, live; ``None`` if it does not exist."""
    reader = await _by_id(client, "applications", remote_id)
    if reader is None or reader.detail is None:
        return None
    return ApplicationFound(
        record=reader.detail,
        job=reader.reference("job_id"),
        candidate=reader.reference("candidate_id"),
        stage=reader.reference("stage_id"),
        rejection_reason=reader.text("rejection_reason"),
    )


async def read_job(client: Client, remote_id: str) -> JobFound | None:
    """Return a job by id, live; ``None`` if it does not exist. It is closed if the unified job would be."""
    reader = await _by_id(client, "jobs", remote_id)
    if reader is None or reader.detail is None:
        return None
    status = normalize_jobs.unify_status(reader, None, client.settings)
    return JobFound(record=reader.detail, closed=status in _CLOSED, name=reader.text("name"))


async def placement_statuses(client: Client) -> list[StatusFound]:
    """Return every placement status in order, live."""
    table, maps = client.settings["statuses"], client.settings.maps
    found = []
    for row in (await client.statuses()).rows:
        reader = FieldReader(table.entity, table.fields, row.decode(), None)
        name, group = reader.text("name"), reader.named("group")
        outcome = statuses.outcome(Status(name=name, group=group), maps)
        found.append(
            StatusFound(remote_id=reader.id, name=name, group=group, place=row.place, outcome=outcome)
        )
    return found


async def _by_id(client: Client, name: ResourceName, remote_id: str) -> FieldReader | None:
    if not re.fullmatch(r"\d{1,30}", remote_id, re.ASCII):
        return None  # no record has such an id, and in a path it could lead elsewhere
    asked = str(int(remote_id))
    found = await client.detail(name, asked)
    if isinstance(found, RecordGone):
        if not found.sure and not await _answers(client, name, asked):
            raise Unreachable(
                f"{name} {asked} is {found}, but no record can be read by id: can't determine if it exists"
            )
        return None
    table = client.settings[name]
    return FieldReader(table.entity, table.fields, None, found.record)


async def _answers(client: Client, name: ResourceName, besides: str) -> bool:
    """Return true if a listed record can be read by id now, which makes absences reliable."""
    for state in client.settings[name].states:
        for row in (await client.pages(name, state=state)).rows[:_CONTROLS]:
            if row.remote_id == besides:
                continue
            if not isinstance(await client.detail(name, row.remote_id), RecordGone):
                return True
    return False


async def list_rows(
    client: Client, name: ResourceName, *, state: str | None = None, since: datetime | None = None, pages: int
) -> AsyncIterator[Row]:
    """Yield the rows of a list's first ``pages``, only those updated ``since`` (aware UTC) where given."""
    seen: set[str] = set()
    for number in range(1, pages + 1):
        page = await client.pages(name, state=state, updated_after=since, number=number)
        for row in page.rows:
            yield row
        # A list that repeats its rows has no more.
        if not page.has_next or page.row_ids <= seen:
            return
        seen |= page.row_ids


def _pair(client: Client, row: Row) -> tuple[str | None, str | None] | None:
    """Return the job and the candidate of a row; ``None`` if it is unreadable, so that it hides no other."""
    table = client.settings["applications"]
    try:
        reader = FieldReader(table.entity, table.fields, row.decode(), None)
        return reader.reference("job_id"), reader.reference("candidate_id")
    except Permanent:
        return None


def _field(reader: FieldReader, name: str) -> str | float | None:
    if name == "salary_amount":
        return reader.number(name)
    if name == "owner":
        return reader.reference(name)
    text = reader.text(_READ_AS.get(name, name))
    if name == "country" and text is not None:
        return countries.alpha_2(text) or text
    return text


def _said(answer: Any) -> str:
    """Describe an answer; for an object, with its keys."""
    if isinstance(answer, dict):
        return f"the answer is an object with the keys {answers.describe_keys(answer)}"
    return f"the answer is {values.kind(answer)}"


def _rows(found: Any) -> list[JsonObject] | None:
    """Return the list itself, or the only list in an envelope: the form is unknown."""
    lists = (
        [part for part in found.values() if isinstance(part, list)] if isinstance(found, dict) else [found]
    )
    rows = lists[0] if len(lists) == 1 else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return None
    return rows
