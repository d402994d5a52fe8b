"""The world of the simulator: its records, their changes, and the truth about them in unified terms."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from bridge.clock import utc_now
from bridge.json_types import MutableObject
from bridge.simulator import fields, pools
from bridge.simulator.generate import EVERYTHING, Base
from bridge.simulator.generate_records import (
    FIRST_IDS,
    OWNER_PATTERNS,
    PLACEMENT_PATTERN,
    GeneratedResources,
    Opportunities,
    Placements,
    Users,
)
from bridge.simulator.index import SearchIndex
from bridge.simulator.journal import Journal
from bridge.simulator.local_time import LocalTime
from bridge.simulator.lookup import RecordLookup
from bridge.simulator.random_change import RandomChange
from bridge.simulator.tables import RecordTable
from bridge.simulator.truth import NO_ROLE, TruthKey, Unified, Unifier, role_ids, true_tag_id, true_tags
from bridge.simulator.usage import NameUsage

ENTITIES = ("resource", "opportunity", "opportunity_resource", "user", "status")
OPERATIONS = ("create", "update", "delete", "undelete")

#: The entity whose records yield a model.
SOURCES = {
    "user": "user",
    "job": "opportunity",
    "job_posting": "opportunity",
    "job_hiring_team_member": "opportunity",
    "job_user_role_assignment": "opportunity",
    "candidate": "resource",
    "candidate_tag": "resource",
    "application": "opportunity_resource",
}

Listener = Callable[[str, str, int], None]  # (entity, "Created" | "Updated" | "Deleted", id)

_RECENT = 50


class UnknownRecord(LookupError):
    """The record does not exist."""


class ChangeRefused(Exception):
    """The change would break a reference: TrackerRMS is assumed to refuse it."""


class World:
    """A TrackerRMS account: ``candidates`` resources, ``jobs`` opportunities, ``applications`` placements.

    ``clock`` returns aware UTC and stamps every change; ``timer`` measures seconds, only for the lag of the
    search index. ``job_code_prefix`` is used only for the truth: the code of a job without a reference. The
    base is derived from ``seed`` and the clock's time at the start.
    """

    def __init__(
        self,
        seed: int = 1,
        candidates: int = 1000,
        jobs: int = 100,
        applications: int = 2000,
        users: int = 25,
        time_zone: str = "Europe/London",
        clock: Callable[[], datetime] = utc_now,
        timer: Callable[[], float] = time.monotonic,
        index_lag_seconds: float = 3,
        job_code_prefix: str = "",
    ) -> None:
        self.seed, self.clock, self.local = seed, clock, LocalTime(time_zone)
        self.pools = pools.build(seed)
        start = self.local.naive(clock())
        # Times are whole minutes before it: at a full minute they would look as if they had no seconds.
        start = start.replace(second=start.second or 1)
        user_ids = [FIRST_IDS["user"] + n for n in range(max(1, users))]
        self.users = Users(seed, users, FIRST_IDS["user"], start, self.pools)
        self.resources = GeneratedResources(seed, candidates, FIRST_IDS["resource"], start, self.pools)
        self.opportunities = Opportunities(seed, jobs, FIRST_IDS["opportunity"], start, self.pools, user_ids)
        first_placement = FIRST_IDS["opportunity_resource"]
        self.placements = Placements(seed, applications, first_placement, start, self.pools, jobs, candidates)
        bases: dict[str, Base] = {
            "user": self.users,
            "resource": self.resources,
            "opportunity": self.opportunities,
            "opportunity_resource": self.placements,
        }
        self.live = {entity: RecordTable(base) for entity, base in bases.items()}
        self.index = SearchIndex(bases, index_lag_seconds, timer)
        self.statuses: dict[int, MutableObject] = {
            n: {"name": name, "group": group} for n, name, group in pools.STATUSES
        }
        self.unifier = Unifier(self.local, self.statuses, job_code_prefix)
        self.journal = Journal()
        self.lookup = RecordLookup(self.live, self.resources, self.placements)
        self.listeners: list[Listener] = []
        self.raw: dict[tuple[str, int], dict[str, Any]] = {}
        self.recent: deque[tuple[str, int, MutableObject | None]] = deque(maxlen=_RECENT)
        self.clock_error = timedelta()
        self.unstamped: frozenset[str] = frozenset()
        self._deleted: dict[tuple[str, int], MutableObject] = {}
        self._deleted_at: dict[tuple[str, int], str] = {}
        self._next_status = len(pools.STATUSES) + 1
        self._count_usage()
        self._random = RandomChange(self)

    def _count_usage(self) -> None:
        self._tags, self._roles, self._status_usage = NameUsage(), NameUsage(), NameUsage()
        self._tags.count_pattern([true_tags(text) for text in self.pools.tag_texts], self.resources.count)
        used = [{NO_ROLE if role is None else str(role) for _, role in slots} for slots in OWNER_PATTERNS]
        self._roles.count_pattern(used, self.opportunities.count)
        self._status_usage.count_pattern([[str(n)] for n in PLACEMENT_PATTERN], self.placements.count)

    # Changing

    def change(self, op: str, entity: str, record_id: int | None = None, /, **given: Any) -> int:
        """Make one change now and return the record's id.

        ``given`` are TrackerRMS fields, named as in list rows or by-id records. Raises BadField,
        UnknownRecord, ChangeRefused; ValueError for an unknown operation or entity.
        """
        if op not in OPERATIONS or entity not in ENTITIES:
            raise ValueError(f"op must be one of {OPERATIONS}, entity one of {ENTITIES}")
        accepted = fields.accept(entity, given)
        if entity == "status":
            return self._change_status(op, record_id, accepted)
        if op == "create":
            return self._create(entity, record_id, accepted)
        if record_id is None:
            raise UnknownRecord(f"{op} needs an id")
        if op == "undelete":
            return self._undelete(entity, record_id, accepted)
        record = self._existing(entity, record_id)
        if op == "delete":
            self._delete(entity, record_id)
        else:
            self._update(entity, record_id, record, accepted)
        return record_id

    def random_change(self, rng: Random) -> None:
        """Make one plausible change; see random_change.py for the weights."""
        self._random.make(rng)

    def set_raw(self, entity: str, record_id: int, raw: dict[str, Any] | None) -> None:
        """Serve ``raw["row"]`` and ``raw["detail"]`` instead of the record's own, until set to ``None``.

        Either key is optional; without both, ``raw`` itself is served as both. The record counts as saved;
        the truth is unchanged.
        """
        record = self._existing(entity, record_id)
        if raw is None:
            self.raw.pop((entity, record_id), None)
        else:
            self.raw[entity, record_id] = (
                raw if raw.keys() & {"row", "detail"} else {"row": raw, "detail": raw}
            )
        self._update(entity, record_id, record, {})

    def _existing(self, entity: str, record_id: int) -> MutableObject:
        record = self.live[entity].get(record_id)
        if record is None:
            raise UnknownRecord(f"{entity} {record_id} doesn't exist")
        return record

    def _create(self, entity: str, record_id: int | None, accepted: MutableObject) -> int:
        new_id = self.live[entity].next_id if record_id is None else record_id
        if new_id in self.live[entity] or (entity, new_id) in self._deleted:
            raise ChangeRefused(f"{entity} {new_id} is taken")
        now = self._now()
        record = {**fields.blank(entity), "creationDate": now, **accepted}
        if entity == "opportunity" and "dateOpened" not in accepted:
            record["dateOpened"] = now
        self._check_placement(entity, record)
        self._save(entity, new_id, self._stamped(entity, record, accepted), "Created")
        return new_id

    def _update(self, entity: str, record_id: int, record: MutableObject, accepted: MutableObject) -> None:
        if {"opportunityId", "resourceId"} & accepted.keys() and entity == "opportunity_resource":
            raise fields.BadField("a placement's job and candidate can't change")
        changed = {**record, **accepted}
        self._check_placement(entity, changed)
        self._save(entity, record_id, self._stamped(entity, changed, accepted), "Updated")

    def _undelete(self, entity: str, record_id: int, accepted: MutableObject) -> int:
        if (entity, record_id) not in self._deleted:
            raise UnknownRecord(f"{entity} {record_id} wasn't deleted")
        record = {**self._deleted[entity, record_id], **accepted}
        self._check_placement(entity, record)
        del self._deleted[entity, record_id]
        self._save(entity, record_id, self._stamped(entity, record, accepted), "Created")
        return record_id

    def _delete(self, entity: str, record_id: int) -> None:
        if entity in ("resource", "opportunity"):  # assumed: their placements are deleted too
            for placement in self.lookup.placements(entity, record_id):
                self._delete("opportunity_resource", placement)
        self._deleted[entity, record_id] = self._existing(entity, record_id)
        self._deleted_at[entity, record_id] = self._now()
        self.raw.pop((entity, record_id), None)
        self._save(entity, record_id, None, "Deleted")

    def unused_statuses(self) -> list[int]:
        """Return the placement statuses without placements."""
        return [n for n in self.statuses if str(n) not in self._status_usage]

    def deleted(self) -> list[tuple[str, int]]:
        """Return the records that can be undeleted."""
        return list(self._deleted)

    def deleted_record(self, entity: str, record_id: int) -> MutableObject | None:
        """Return a deleted record as it was, with its deletion as its last update; ``None`` if it was not
        deleted."""
        record = self._deleted.get((entity, record_id))
        at = self._deleted_at.get((entity, record_id))
        return None if record is None or at is None else {**record, "lastUpdatedDateTime": at}

    def _now(self) -> str:
        """Return the current time in local digits, by the tenant's server."""
        return self.local.digits(self.clock() + self.clock_error)

    def _check_placement(self, entity: str, record: MutableObject) -> None:
        if entity != "opportunity_resource":
            return
        for parent, key in (("opportunity", "opportunityId"), ("resource", "resourceId")):
            if record[key] not in self.live[parent]:
                raise ChangeRefused(f"{key} {record[key]} doesn't exist")
        if record["opportunityResourceStatusId"] is None:
            record["opportunityResourceStatusId"] = next(iter(self.statuses))
        if record["opportunityResourceStatusId"] not in self.statuses:
            raise ChangeRefused("no such opportunityResourceStatusId")

    def _stamped(self, entity: str, record: MutableObject, accepted: MutableObject) -> MutableObject:
        now = self._now()
        unstamped = accepted and accepted.keys() <= self.unstamped
        if "lastUpdatedDateTime" not in accepted and not unstamped:
            record["lastUpdatedDateTime"] = now
        if entity == "opportunity":
            _follow_status(record, accepted, now)
            if record["advertStatus"] == "A" and "publishDate" not in accepted:
                record["publishDate"] = now  # seen: updated whenever a live advert is saved
            if record["advertStatus"] and not record["publishStartDate"]:
                record["publishStartDate"] = now
        return record

    def _save(self, entity: str, record_id: int, record: MutableObject | None, action: str) -> None:
        old, at = self.live[entity].get(record_id), self._at()
        part = self.part(entity, record)
        self.live[entity].put(record_id, record, part)
        self.index.put(entity, record_id, record, part)
        self.recent.append((entity, record_id, old))
        before, after = (self.unifier.unify(entity, record_id, version) for version in (old, record))
        self.journal.compare(at, before, after)
        self._account(at, entity, record_id, old, record)
        for listener in self.listeners:
            listener(entity, action, record_id)

    @staticmethod
    def part(entity: str, record: MutableObject | None) -> str:
        """Return the part of its table that a record is in: an opportunity's state."""
        if entity != "opportunity" or record is None:
            return EVERYTHING
        return pools.OPPORTUNITY_STATUSES[record["opportunityStatusId"]][1]

    def _account(
        self, at: str, entity: str, record_id: int, old: MutableObject | None, new: MutableObject | None
    ) -> None:
        if entity == "resource":
            self.lookup.resource_changed(record_id, old, new)
            before, after = (
                set(true_tags(version["tagText"])) if version else set() for version in (old, new)
            )
            appeared, went = self._tags.move(before, after)
            self._note(at, "tag", ([true_tag_id(t) for t in appeared], [true_tag_id(t) for t in went]))
        elif entity == "opportunity":
            before, after = (role_ids(version) if version else set() for version in (old, new))
            self._note(at, "role", self._roles.move(before, after))
        elif entity == "opportunity_resource":
            self.lookup.placement_changed(record_id, new)
            key = "opportunityResourceStatusId"
            self._status_usage.move({str(old[key])} if old else set(), {str(new[key])} if new else set())

    def _note(self, at: str, model: str, moved: tuple[list[str], list[str]]) -> None:
        for op, remote_ids in zip(("created", "deleted"), moved, strict=True):
            for remote_id in remote_ids:
                self.journal.add(at, op, (model, remote_id))

    def _at(self) -> str:
        return self.clock().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    # Statuses of placements: an ordered list

    def _change_status(self, op: str, status_id: int | None, accepted: MutableObject) -> int:
        undeletable = {n for entity, n in self._deleted if entity == "status"}
        known = undeletable if op == "undelete" else set(self.statuses)
        if op == "create":
            status_id, self._next_status = self._next_status, self._next_status + 1
        elif status_id is None or status_id not in known:
            raise UnknownRecord(f"status {status_id} doesn't exist")
        if op == "delete" and str(status_id) in self._status_usage:
            raise ChangeRefused(f"status {status_id} is in use")
        before, users = self.unifier.statuses(), list(self._placements_with(status_id, accepted))
        earlier = self._unify_all("opportunity_resource", users)
        self._arrange(op, status_id, accepted)
        self.journal.compare(self._at(), before, self.unifier.statuses())
        self.journal.compare(self._at(), earlier, self._unify_all("opportunity_resource", users))
        return status_id

    def _arrange(self, op: str, status_id: int, accepted: MutableObject) -> None:
        place = accepted.get("position")
        old = self._deleted.pop(("status", status_id), None) or self.statuses.get(status_id)
        status: MutableObject = dict(old or {"name": "", "group": "Internal"})
        status.update((key, accepted[key]) for key in ("name", "group") if key in accepted)
        order = [n for n in self.statuses if n != status_id]
        if op == "delete":
            self._deleted["status", status_id] = status
        elif place is None and status_id in self.statuses:
            order = list(self.statuses)
        else:
            order.insert(len(order) if place is None else int(place), status_id)
        everything = {**self.statuses, status_id: status}
        self.statuses.clear()
        for n in order:
            self.statuses[n] = everything[n]

    def _placements_with(self, status_id: int, accepted: MutableObject) -> Iterator[int]:
        """Yield the ids of the placements that this change of their status may affect."""
        rejected = self.statuses.get(status_id, {}).get("group") == "Rejected"
        matters = "group" in accepted or ("name" in accepted and rejected)
        if matters and str(status_id) in self._status_usage:
            yield from self.lookup.placements_with_status(status_id)

    def _unify_all(self, entity: str, record_ids: Iterable[int]) -> dict[TruthKey, Unified]:
        found: dict[TruthKey, Unified] = {}
        for record_id in record_ids:
            found.update(self.unifier.unify(entity, record_id, self.live[entity].get(record_id)))
        return found

    # The truth

    def show_role_names(self, shown: bool) -> None:
        """Set if by-id reads name owners' roles: the unified roles and team members follow."""
        if shown == self.unifier.role_names:
            return
        models = ("role", "job_hiring_team_member")
        before = {(model, remote_id): record for model in models for remote_id, record in self.truth(model)}
        self.unifier.role_names = shown
        after = {(model, remote_id): record for model in models for remote_id, record in self.truth(model)}
        self.journal.compare(self._at(), before, after)

    def truth(self, model: str) -> Iterator[tuple[str, Unified]]:
        """Yield (remote id, unified record) of every existing record of a model.

        Records that change while this runs are yielded in their state at that time.
        """
        if model == "tag":
            for name in self._tags.names():
                yield true_tag_id(name), {"remote_id": true_tag_id(name), "name": name}
        elif model == "role":
            for name in self._roles.names():
                yield name, self.unifier.role(None if name == NO_ROLE else int(name))
        elif model in ("application_stage", "rejection_reason"):
            yield from (
                (key[1], record) for key, record in self.unifier.statuses().items() if key[0] == model
            )
        else:
            entity = SOURCES[model]
            for record_id in self.live[entity].ids():
                found = self.unifier.unify(entity, record_id, self.live[entity].get(record_id))
                yield from ((key[1], record) for key, record in found.items() if key[0] == model)


def _follow_status(record: MutableObject, accepted: MutableObject, now: str) -> None:
    """Update a job's history for its state: no dates while open, at least one once won or closed."""
    state = pools.OPPORTUNITY_STATUSES[record["opportunityStatusId"]][1]
    wanted = {"open": (), "won": ("awarded", "filled"), "closed": ("closed",)}[state]
    for key in ("awarded", "filled", "closed"):
        if key not in accepted:
            record[key] = (record[key] or now) if key in wanted else None
    if "dateFilled" not in accepted and state != "won":
        record["dateFilled"] = None
