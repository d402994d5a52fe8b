"""Converts TrackerRMS records to the unified models. Pure: no I/O, no clock.

Each method takes decoded JSON objects and returns all entities that the record yields, with ids and
references set. The comparison sets ``changed_at`` and ``remote_deleted_at``. For any input, the result can be
encoded, or ``Permanent`` is raised with a message that names the entity, the record's id, the field and the
type found, never a value.
"""

from collections.abc import Iterable
from datetime import datetime
from hashlib import blake2b
from typing import Any, assert_never
from zoneinfo import ZoneInfo

from msgspec import structs
from trackerrms_contracts.entities import (
    Application,
    ApplicationStage,
    Candidate,
    Entity,
    Job,
    JobPosting,
    Model,
    RejectionReason,
    RemoteData,
    User,
)

from bridge.errors import Permanent
from bridge.json_types import JsonObject
from bridge.tracker import normalize_candidates, normalize_jobs, statuses, values
from bridge.tracker.entity_set import EntityMember, EntitySet, Ids
from bridge.tracker.field_reader import FieldReader
from bridge.tracker.plain_fields import PlainFields
from bridge.tracker.schema import ResourceName, Resources
from bridge.tracker.statuses import Status, Statuses


class Normalizer:
    """Converts one integration's records.

    ``time_zone`` is the tenant's IANA zone. ``keep_remote_data`` puts the raw records into ``remote_data``,
    each under the path it was read from.
    """

    def __init__(
        self, integration_id: str, settings: Resources, time_zone: str, keep_remote_data: bool = False
    ) -> None:
        self._ids = Ids(integration_id=integration_id)
        self.settings = settings
        self._clock = settings.clock(ZoneInfo(time_zone))
        self._keep_remote_data = keep_remote_data

        jobs, candidates = settings["jobs"].fields, settings["candidates"].fields
        users, applications = settings["users"].fields, settings["applications"].fields
        self.plain = {
            Model.USER: PlainFields(User, users, {"first_name", "last_name", "email"}),
            Model.JOB: PlainFields(Job, jobs, normalize_jobs.RULED),
            Model.JOB_POSTING: PlainFields(JobPosting, jobs, prefix="posting_"),
            Model.CANDIDATE: PlainFields(Candidate, candidates),
            Model.APPLICATION_STAGE: PlainFields(ApplicationStage, settings["statuses"].fields, {"name"}),
            Model.APPLICATION: PlainFields(Application, applications),
        }

        self.dating = _dating(time_zone, settings)
        """A digest of the settings behind ``version``. Versions with different digests are not comparable."""

    def normalize(
        self,
        resource: ResourceName,
        row: JsonObject | None,
        detail: JsonObject | None,
        *,
        state: str | None,
        known: Statuses,
        place: int = 0,
    ) -> EntitySet:
        """Return what a record of any resource yields, by its row, its by-id record, or both."""
        match resource:
            case "users":
                return self.user(row or {})
            case "statuses":
                return self.status(row or {}, place)
            case "jobs":
                return self.job(row, detail, state)
            case "candidates":
                return self.candidate(row, detail)
            case "applications":
                return self.application(row, known, detail)
            case unreachable:
                assert_never(unreachable)

    def user(self, row: JsonObject) -> EntitySet:
        """Convert a user row to a user."""
        reader = self._reader("users", row, None)
        first, last = reader.text("first_name"), reader.text("last_name")
        if first is None and last is None:
            first, last = values.split_name(reader.text("full_name"))
        active = self._active(reader)
        record = User(
            **self._read_plain(Model.USER, reader),
            id=self._ids.of(Model.USER, reader.id),
            remote_id=reader.id,
            first_name=first,
            last_name=last,
            email=next(iter(reader.emails("email")), None),
            status=None if active is None else ("ACTIVE" if active else "INACTIVE"),
            remote_data=self._remote_data("users", reader),
        )
        return _family("users", reader, [_member(Model.USER, reader, record)])

    def _active(self, reader: FieldReader) -> bool | None:
        active, meant = reader.flag("active"), self.settings.blank_flag
        if active is not None or reader.left_out("active") or not reader.has("active"):
            return active
        if meant == "auto":
            advice = 'is blank: set blank_flag to "no" if that means no, else to "unknown"'
            reader.leave_out("active", f"{self.settings['users'].fields['active'][0]} {advice}")
        return False if meant == "no" else None

    def status(self, row: JsonObject, place: int) -> EntitySet:
        """Convert a placement status and its position in the list, from 0, to a stage and, for a rejection, a
        reason."""
        reader = self._reader("statuses", row, None)
        remote_data = self._remote_data("statuses", reader)
        name = reader.text("name")
        stage = ApplicationStage(
            **self._read_plain(Model.APPLICATION_STAGE, reader),
            id=self._ids.of(Model.APPLICATION_STAGE, reader.id),
            remote_id=reader.id,
            name=name,
            global_index=place if self.settings.status_order == "list" else None,
            remote_data=remote_data,
        )
        members = [_member(Model.APPLICATION_STAGE, reader, stage)]
        status = Status(name=name, group=reader.named("group"))
        if statuses.outcome(status, self.settings.maps) == "DECLINED":
            reason = RejectionReason(
                id=self._ids.of(Model.REJECTION_REASON, reader.id),
                remote_id=reader.id,
                name=name,
                remote_data=remote_data,
            )
            members.append(_member(Model.REJECTION_REASON, reader, reason))
        return _family("statuses", reader, members)

    def status_table(self, rows: Iterable[JsonObject]) -> Statuses:
        """Return the statuses by id, for ``application``. ``status`` reports the rows that can't be read."""
        return statuses.parse_statuses(rows, self.settings)

    def job(self, row: JsonObject | None, detail: JsonObject | None, state: str | None) -> EntitySet:
        """Convert an Opportunity to a job, posting, roles, hiring team and role assignments.

        ``state`` is the list the row was found in (``open``, ``won``, ``closed``). A by-id record has no
        description, currency, times or role ids (see ``docs/assumptions.md``), so pass the row too.
        """
        reader = self._reader("jobs", row, detail)
        remote_data = self._remote_data("jobs", reader)
        job = normalize_jobs.unify_job(
            reader,
            state,
            plain=self._read_plain(Model.JOB, reader),
            ids=self._ids,
            clock=self._clock,
            settings=self.settings,
            remote_data=remote_data,
        )
        members = [_member(Model.JOB, reader, job)]
        posting = normalize_jobs.posting(
            reader,
            plain=self.plain[Model.JOB_POSTING],
            ids=self._ids,
            clock=self._clock,
            settings=self.settings,
            remote_data=remote_data,
        )
        if posting:
            members.append(_member(Model.JOB_POSTING, reader, posting))
        members += normalize_jobs.team(
            reader, ids=self._ids, maps=self.settings.maps, owner=self.settings.owner
        )
        return _withholding(_family("jobs", reader, members), reader, "owner_role_1")

    def candidate(self, row: JsonObject | None, detail: JsonObject | None) -> EntitySet:
        """Convert a Resource to a candidate, tags and candidate tags. A row has few of the fields and no
        tags."""
        reader = self._reader("candidates", row, detail)
        record = normalize_candidates.unify_candidate(
            reader,
            plain=self._read_plain(Model.CANDIDATE, reader),
            ids=self._ids,
            clock=self._clock,
            remote_data=self._remote_data("candidates", reader),
        )
        members = [
            _member(Model.CANDIDATE, reader, record),
            *normalize_candidates.unify_tags(reader, ids=self._ids, separator=self.settings.tag_separator),
        ]
        return _withholding(_family("candidates", reader, members), reader, "tags")

    def application(
        self, row: JsonObject | None, known: Statuses, detail: JsonObject | None = None
    ) -> EntitySet:
        """Convert an OpportunityResource to an application.

        The outcome is left out if the status has none. If the status is not ``known``, the application is
        ``provisional``: read the statuses again, then this record.
        """
        reader = self._reader("applications", row, detail)
        # It is not published, but must be readable, because it decides which version is newer.
        reader.last_update(self._clock)
        stage = reader.reference("stage_id")
        status = known.get(stage) if stage else None
        meant = status if status and status.listed else Status(name=reader.text("stage_name"), group=None)
        outcome = statuses.outcome(meant, self.settings.maps)
        if outcome is None:
            reader.leave_out("outcome", _why_no_outcome(stage, status))
        reason = None
        if outcome == "DECLINED":
            reason = reader.text("rejection_reason") or meant.name or reader.text("stage_name")
        record = Application(
            **self._read_plain(Model.APPLICATION, reader),
            id=self._ids.of(Model.APPLICATION, reader.id),
            remote_id=reader.id,
            outcome=outcome,
            rejection_reason_name=reason,
            current_stage_id=self._ids.maybe(Model.APPLICATION_STAGE, stage),
            job_id=self._ids.maybe(Model.JOB, reader.reference("job_id")),
            candidate_id=self._ids.maybe(Model.CANDIDATE, reader.reference("candidate_id")),
            remote_created_at=reader.instant("created_at", self._clock),
            remote_data=self._remote_data("applications", reader),
        )
        provisional = stage is not None and status is None
        family = _family("applications", reader, [_member(Model.APPLICATION, reader, record, provisional)])
        return structs.replace(family, unknown_status=stage) if provisional else family

    def version(
        self, resource: ResourceName, row: JsonObject | None, detail: JsonObject | None = None
    ) -> tuple[datetime, datetime] | None:
        """Return the record's last update in TrackerRMS, as the earliest and the latest moment it may mean.

        They differ in the hour that repeats at the end of summer time. A record is stale only if its latest
        moment is before the earliest stored one. Returns ``None`` if the record has no last update.
        """
        if "updated_at" not in self.settings[resource].fields:
            return None
        return self._reader(resource, row, detail).instants("updated_at", self._clock)

    def _read_plain(self, model: Model, reader: FieldReader) -> dict[str, Any]:
        return self.plain[model].read(reader, self._clock, self.settings)

    def _reader(
        self, resource: ResourceName, row: JsonObject | None, detail: JsonObject | None
    ) -> FieldReader:
        table = self.settings[resource]
        return FieldReader(table.entity, table.fields, row, detail, self.settings.texts)

    def _remote_data(self, resource: ResourceName, reader: FieldReader) -> RemoteData | None:
        if not self._keep_remote_data:
            return None
        table = self.settings[resource]
        by_widget = resource == "users" and self.settings.users_from == "widget"
        read = {(self.settings.users_widget if by_widget else table.list).path: reader.row}
        if table.by_id:
            read[table.by_id.path] = reader.detail
        try:
            return {path: values.scrub_tree(record) for path, record in read.items() if record is not None}
        except values.WrongType as error:
            raise Permanent(f"{table.entity} {reader.id}: the record {error}") from None


def _why_no_outcome(stage: str | None, status: Status | None) -> str:
    if stage is None:
        return "it has no placement status: correct fields.application.stage_id"
    if status is None or not status.listed:
        return (
            f"placement status {stage} is not in the list: set maps.outcome for its name, or let this "
            "account read the status"
        )
    return f"the group of placement status {stage} has no outcome: set maps.status_group or maps.outcome"


def _dating(time_zone: str, settings: Resources) -> int:
    paths = [
        str(read)
        for _, table in sorted(settings.resources.items())
        for read in table.fields.get("updated_at", ())
    ]
    text = "\n".join([time_zone, str(settings.date_format), settings.times, *paths])
    return int.from_bytes(blake2b(text.encode(), digest_size=4).digest(), "big", signed=True)


def _family(resource: str, reader: FieldReader, members: list[EntityMember]) -> EntitySet:
    return EntitySet(resource=resource, remote_id=reader.id, members=tuple(members), gaps=reader.gaps)


_WITHHELD = {"owner_role_1": Model.JOB_USER_ROLE_ASSIGNMENT, "tags": Model.CANDIDATE_TAG}


def _withholding(family: EntitySet, reader: FieldReader, field: str) -> EntitySet:
    """Keep the known elements of a list that could not be read."""
    if not reader.left_out(field):
        return family
    return structs.replace(family, withheld=frozenset({_WITHHELD[field]}))


def _member(model: Model, reader: FieldReader, record: Entity, provisional: bool = False) -> EntityMember:
    return EntityMember(
        model=model, remote_id=reader.id, parent=reader.id, record=record, provisional=provisional
    )
