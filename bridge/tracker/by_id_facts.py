"""Learns the form of by-id answers: the record's place, the spelling of its keys, and effects of reading."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from bridge.errors import Permanent
from bridge.json_types import JsonObject
from bridge.tracker import layouts, pages, resources
from bridge.tracker.by_id import Detail, RecordGone
from bridge.tracker.client import Client
from bridge.tracker.errors import Refused, Unreadable
from bridge.tracker.field_reader import FieldReader
from bridge.tracker.findings import Findings
from bridge.tracker.pages import Row
from bridge.tracker.schema import Resource, ResourceName

_BY_ID_SAMPLES = 3
_READ_AGAIN = 2


class ByIdFacts:
    """Learns the form of one resource's by-id reads."""

    def __init__(self, client: Client, findings: Findings, name: ResourceName) -> None:
        self._client = client
        self._findings = findings
        self._name = name

    async def learn(self, rows: Sequence[Row]) -> dict[str, JsonObject]:
        """Read a few records by id and learn where the answer holds them and how their keys are spelled.

        Returns the records by id. Raises what the client raises for the whole account.
        """
        name, table = self._name, self._client.settings[self._name]
        details: dict[str, JsonObject] = {}
        if table.by_id is None:
            return details
        for row in spread(rows, _BY_ID_SAMPLES):
            try:
                answer = await self._detail(row.remote_id)
            except (Refused, Unreadable) as error:
                self._findings.ask(f"by_id.{name}", str(error), f"paths.{name}_by_id")
                return details
            if isinstance(answer, RecordGone):
                said = f"{table.entity} {row.remote_id} is listed, but answered {answer.status} by id"
                self._findings.ask(f"by_id.{name}", said, f"paths.{name}_by_id")
                return details
            details[row.remote_id] = answer.record
        if details:
            self._respell(details.values())
            self._findings.prove(f"by_id.{name}", f"{len(details)} listed records were read by id")
            if not self._findings.has(f"unwrap.{name}"):
                at = ".".join(table.unwrap)
                said = f"the record is under {at}, as configured" if at else "the answer is the record"
                self._findings.prove(f"unwrap.{name}", said)
            if name != "jobs" and table.details != "never":  # by id, jobs do not show their last update
                await self._reading_moves(spread(rows, _BY_ID_SAMPLES))
        else:
            self._findings.leave_open(f"by_id.{name}", "the list is empty", f"paths.{name}_by_id")
        return details

    async def _reading_moves(self, rows: Sequence[Row]) -> None:
        """Check if reading records by id changes their last update. If so, they would be read forever.

        ``rows`` were read from the list before they were read by id.
        """
        name, table, moved = self._name, self._client.settings[self._name], []
        for row in rows[:_READ_AGAIN]:
            found = await self._detail(row.remote_id)
            if isinstance(found, RecordGone):
                return
            before, after = self._updated(table, row.decode()), self._updated(table, None, found.record)
            if before is None or after is None:
                return
            if after <= before:
                self._findings.prove(f"reading.{name}", "unchanged for a record that was read twice")
                return
            moved.append(row.remote_id)
        if len(moved) == _READ_AGAIN:
            key = table.fields["updated_at"][0].path[0]
            said = (
                f"reading {name} {' and '.join(moved)} by id changed their last update, so they are read "
                "forever"
            )
            cure = f"set volatile.{name} to their key {key}, and details.{name} to always"
            self._findings.ask(f"reading.{name}", f"{said}; {cure}", f"volatile.{name}", [key])

    def _updated(
        self, table: Resource, row: JsonObject | None, detail: JsonObject | None = None
    ) -> datetime | None:
        try:
            return FieldReader(table.entity, table.fields, row, detail).instant(
                "updated_at", self._client.times
            )
        except Permanent:
            return None

    async def _detail(self, remote_id: str) -> Detail | RecordGone:
        """Read a record by id. If a nested object of the answer has the id, adopt its path."""
        try:
            return await self._client.detail(self._name, remote_id)
        except Unreadable as error:
            answer = await self._answer(remote_id)
            if not (isinstance(answer, dict) and self._respell([answer])):
                path = self._inside(answer, remote_id)
                if not path:
                    raise
                key = f"unwrap.{self._name}"
                self._findings.adopt(key, f"by-id records are under {path} ({error})", key, path)
            return await self._client.detail(self._name, remote_id)

    def _respell(self, records: Iterable[JsonObject]) -> bool:
        """Adopt the spelling of keys in by-id records if it differs from rows. Return true if it
        was adopted."""
        case = layouts.detect_key_case(records, layouts.detail_keys(resources.DEFAULT[self._name].fields))
        current = self._client.settings.key_case
        if case in (None, "camel", current):
            return False
        key, said = f"key_case.{self._name}", f"keys of by-id records are spelled in {case} case"
        if current != "camel":
            self._findings.ask(key, f"{said}, those of rows in {current} case", "key_case", case)
            return False
        self._findings.adopt(key, said, "key_case", case)
        return self._client.settings.key_case == case

    async def _answer(self, remote_id: str) -> Any:
        call = self._client.settings[self._name].by_id
        if call is None:
            return None
        answer = await self._client.request(call.method, call.filled(id=remote_id), repeatable=True)
        try:
            return pages.decode_leniently(answer.utf8)
        except Unreadable:
            return None

    def _inside(self, answer: Any, remote_id: str) -> str | None:
        keys = [
            read.path[0] for read in self._client.settings[self._name].fields["id"] if read.source != "row"
        ]
        return layouts.find_record(
            answer, lambda record: any(str(record.get(key)) == remote_id for key in keys)
        )


def spread(rows: Sequence[Row], count: int) -> list[Row]:
    """Return up to ``count`` rows, spread over the list."""
    step = max(1, len(rows) // count)
    return list(rows[::step][:count])
