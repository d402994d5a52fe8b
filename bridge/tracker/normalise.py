"""TrackerRMS records -> the unified models. Pure: no I/O, no clock.

Each method takes decoded JSON objects and returns the whole family that the record yields, with ids and
references filled; ``changed_at`` and ``remote_deleted_at`` are left to who compares. Whatever the input,
the result encodes or ``Permanent`` is raised, whose message names the entity, the record's id, the field
and the type found, and never a value.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Literal, cast
from zoneinfo import ZoneInfo

from msgspec import Struct

from bridge.errors import Permanent
from bridge.tracker import normalise_candidates, normalise_jobs, resources, values
from bridge.tracker.families import Family, Ids, Member
from bridge.tracker.reading import Reader, Record
from bridge.tracker.shapes import ResourceName, Resources, map_key
from contracts.entities import Application, ApplicationStage, Entity, Model, RejectionReason, RemoteData, User

Outcome = Literal["PENDING", "HIRED", "DECLINED"]


class Status(Struct, frozen=True, kw_only=True):
    """A placement status: its name and the group (Applied, Rejected, Working, …) that decides the outcome."""

    name: str | None
    group: str | None


Statuses = Mapping[str, Status]
"""The tenant's placement statuses by id."""


class Normaliser:
    """One integration's records, made unified.

    ``time_zone`` is the tenant's IANA zone; ``keep_remote_data`` puts the raw records into
    ``remote_data``, each under the path it was read from.
    """

    def __init__(
        self, integration_id: str, settings: Resources, time_zone: str, keep_remote_data: bool = False
    ) -> None:
        self._ids = Ids(integration_id=integration_id)
        self._settings = settings
        self._zone = ZoneInfo(time_zone)
        self._keep_remote_data = keep_remote_data

        self.dating = _dating(time_zone, settings)
        """A digest of what decides ``version``: under another one, a version means another moment."""

    def user(self, row: Record) -> Family:
        """A user row -> user."""
        reader = self._reader("users", row, None)
        first, last = reader.text("first_name"), reader.text("last_name")
        if first is None and last is None:
            first, last = values.split_name(reader.text("full_name"))
        active = reader.flag("active")
        record = User(
            id=self._ids.of(Model.USER, reader.id),
            remote_id=reader.id,
            first_name=first,
            last_name=last,
            email=values.email(reader.text("email")),
            status=None if active is None else ("ACTIVE" if active else "INACTIVE"),
            remote_data=self._remote_data("users", reader),
        )
        return _family("users", reader, [_member(Model.USER, reader, record)])

    def status(self, row: Record, place: int) -> Family:
        """A placement status and its place in the list, from 0 -> stage and, of a rejection, reason."""
        reader = self._reader("statuses", row, None)
        remote_data = self._remote_data("statuses", reader)
        name = reader.text("name")
        stage = ApplicationStage(
            id=self._ids.of(Model.APPLICATION_STAGE, reader.id),
            remote_id=reader.id,
            name=name,
            global_index=place,
            remote_data=remote_data,
        )
        members = [_member(Model.APPLICATION_STAGE, reader, stage)]
        if map_key(reader.text("group") or "") == resources.REJECTED_GROUP:
            reason = RejectionReason(
                id=self._ids.of(Model.REJECTION_REASON, reader.id),
                remote_id=reader.id,
                name=name,
                remote_data=remote_data,
            )
            members.append(_member(Model.REJECTION_REASON, reader, reason))
        return _family("statuses", reader, members)

    def status_table(self, rows: Iterable[Record]) -> Statuses:
        """The statuses by id, for ``application``; a row that can't be read is for ``status`` to report."""
        table = {}
        for row in rows:
            try:
                reader = self._reader("statuses", row, None)
                table[reader.id] = Status(name=reader.text("name"), group=reader.text("group"))
            except Permanent:
                continue
        return table

    def job(self, row: Record | None, detail: Record | None, state: str | None) -> Family:
        """An Opportunity -> job, posting, roles, hiring team, role assignments.

        ``state`` is the list the row was found in (``open``, ``won``, ``closed``). A by-id record alone has
        no description, currency, times nor role ids (see ``docs/assumptions.md``): give the row too.
        """
        reader = self._reader("jobs", row, detail)
        remote_data = self._remote_data("jobs", reader)
        job = normalise_jobs.job(
            reader,
            state,
            ids=self._ids,
            zone=self._zone,
            maps=self._settings.maps,
            prefix=self._settings.job_code_prefix,
            remote_data=remote_data,
        )
        members = [_member(Model.JOB, reader, job)]
        posting = normalise_jobs.posting(reader, ids=self._ids, zone=self._zone, remote_data=remote_data)
        if posting:
            members.append(_member(Model.JOB_POSTING, reader, posting))
        members += normalise_jobs.team(reader, ids=self._ids, maps=self._settings.maps)
        return _family("jobs", reader, members)

    def candidate(self, row: Record | None, detail: Record | None) -> Family:
        """A Resource -> candidate, tags, candidate tags. The row alone has few of the fields and no tags."""
        reader = self._reader("candidates", row, detail)
        record = normalise_candidates.candidate(
            reader, ids=self._ids, zone=self._zone, remote_data=self._remote_data("candidates", reader)
        )
        members = [
            _member(Model.CANDIDATE, reader, record),
            *normalise_candidates.tags(reader, ids=self._ids),
        ]
        return _family("candidates", reader, members)

    def application(self, row: Record | None, statuses: Statuses, detail: Record | None = None) -> Family:
        """An OpportunityResource -> application.

        A status that is not in ``statuses`` is PENDING and the member ``provisional``: read the statuses
        again, then this record.
        """
        reader = self._reader("applications", row, detail)
        stage = reader.reference("stage_id")
        status = statuses.get(stage) if stage else None
        outcome = self._outcome(status)
        reason = None
        if outcome == "DECLINED":
            reason = reader.text("rejection_reason") or (status and status.name) or reader.text("stage_name")
        record = Application(
            id=self._ids.of(Model.APPLICATION, reader.id),
            remote_id=reader.id,
            outcome=outcome,
            rejection_reason_name=reason,
            current_stage_id=self._ids.maybe(Model.APPLICATION_STAGE, stage),
            job_id=self._ids.maybe(Model.JOB, reader.reference("job_id")),
            candidate_id=self._ids.maybe(Model.CANDIDATE, reader.reference("candidate_id")),
            remote_created_at=reader.instant("created_at", self._zone),
            remote_data=self._remote_data("applications", reader),
        )
        provisional = stage is not None and status is None
        return _family("applications", reader, [_member(Model.APPLICATION, reader, record, provisional)])

    def version(
        self, resource: ResourceName, row: Record | None, detail: Record | None = None
    ) -> tuple[datetime, datetime] | None:
        """When the record was last updated in TrackerRMS: the earliest and the latest moment it may mean.

        They differ in the hour that comes twice at the end of summer time: a record is stale only where its
        latest moment is before the earliest of what is stored. ``None`` where the record does not say.
        """
        if "updated_at" not in self._settings[resource].fields:
            return None
        return self._reader(resource, row, detail).instants("updated_at", self._zone)

    def _reader(self, resource: ResourceName, row: Record | None, detail: Record | None) -> Reader:
        table = self._settings[resource]
        return Reader(table.entity, table.fields, row, detail)

    def _outcome(self, status: Status | None) -> Outcome:
        if status is None:
            return "PENDING"
        words = self._settings.maps.outcome
        found = words.get(map_key(status.name or "")) or words.get(map_key(status.group or ""))
        # The map's values were checked against Outcome when it was configured.
        return cast("Outcome", found or "PENDING")

    def _remote_data(self, resource: ResourceName, reader: Reader) -> RemoteData | None:
        if not self._keep_remote_data:
            return None
        table = self._settings[resource]
        by_widget = resource == "users" and self._settings.users_from == "widget"
        read = {(self._settings.users_widget if by_widget else table.list).path: reader.row}
        if table.by_id:
            read[table.by_id.path] = reader.detail
        try:
            return {path: values.scrub_tree(record) for path, record in read.items() if record is not None}
        except values.WrongType as error:
            raise Permanent(f"{table.entity} {reader.id}: the record {error}") from None


def _dating(time_zone: str, settings: Resources) -> int:
    paths = [
        str(read)
        for _, table in sorted(settings.resources.items())
        for read in table.fields.get("updated_at", ())
    ]
    digest = blake2b("\n".join([time_zone, *paths]).encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big", signed=True)


def _family(resource: str, reader: Reader, members: list[Member]) -> Family:
    return Family(resource=resource, remote_id=reader.id, members=tuple(members))


def _member(model: Model, reader: Reader, record: Entity, provisional: bool = False) -> Member:
    return Member(model=model, remote_id=reader.id, parent=reader.id, record=record, provisional=provisional)
