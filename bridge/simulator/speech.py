"""Rows and by-id records in the current dialect, made from RecordShapes."""

from itertools import islice
from typing import Any

from bridge.json_types import MutableObject
from bridge.simulator import recording
from bridge.simulator.dialects import Dialect, absence, candidate_records, dates, job_records, records, values
from bridge.simulator.dialects.lists import LIST_NAMES
from bridge.simulator.shapes import RecordShapes
from bridge.simulator.world import World

_CONTACT = ("email", "mobilePhone")
_NONE = recording.Skeletons()
_MOST_LOOKED_AT = 200


class Speech:
    """Shows records. While every switch has its default, it returns what ``shapes`` makes, unchanged.

    A record that is deliberately served in a wrong form (``raw``) is not changed.
    """

    def __init__(
        self,
        world: World,
        shapes: RecordShapes,
        dialect: Dialect,
        skeletons: recording.ListSkeletons | None = None,
    ) -> None:
        self._world, self._shapes, self._dialect = world, shapes, dialect
        self._skeletons = skeletons or {}
        self._known_keys: dict[tuple[str, bool], recording.KnownKeys] = {}
        self._known_in: dict[str, str] = {}

    @property
    def _is_plain(self) -> bool:
        return self._dialect.plain and not self._skeletons

    def row(self, entity: str, record_id: int, record: MutableObject) -> Any:
        """Return the record as in a list."""
        if self._is_plain or self._is_raw(entity, record_id, "row"):
            return self._shapes.row(entity, record_id, record)
        made = self._row(entity, record_id, record)
        return recording.fitted(self._of(entity).row, made, record_id, self._known(entity, by_id=False))

    def _row(self, entity: str, record_id: int, record: MutableObject) -> Any:
        dialect = self._dialect
        if entity == "user":
            return self._user(record_id, record)
        if dialect["row_shape"] == "nested":
            made = self._record(entity, record_id, record)
            return records.cased_record(dialect, made, by_id=False)
        made = self._with_email(entity, record, self._shapes.row(entity, record_id, record))
        made = self._in_dialect(entity, record_id, made, made, by_id=False)
        wrapped = records.row_wrapped(dialect, entity, self._finished(entity, made, by_id=False))
        return records.cased_record(dialect, wrapped, by_id=False)

    def record(self, entity: str, record_id: int, record: MutableObject) -> Any:
        """Return the record as in a by-id read."""
        if self._is_plain or self._is_raw(entity, record_id, "detail"):
            return self._shapes.detail(entity, record_id, record)
        made = self._cased(entity, record_id, record)
        made = recording.fitted(self._of(entity).record, made, record_id, self._known(entity, by_id=True))
        return records.cased_record(
            self._dialect, records.record_wrapped(self._dialect, entity, made), by_id=True
        )

    def status(self, status_id: int, shown: MutableObject) -> Any:
        """Return a placement status, already in this dialect, with the keys of its skeleton."""
        shown = values.with_ids(self._dialect, shown)
        return recording.fitted(self._skeletons.get("statuses", _NONE).row, shown, status_id)

    def _of(self, entity: str) -> recording.Skeletons:
        return self._skeletons.get(LIST_NAMES[entity], _NONE)

    def _known(self, entity: str, by_id: bool) -> recording.KnownKeys:
        """Return the keys that records can have in this dialect, from some of them."""
        skeletons = self._of(entity)
        if (skeletons.record if by_id else skeletons.row) is None:
            return {}
        spoken = self._dialect.spoken()
        if self._known_in != spoken:
            self._known_keys, self._known_in = {}, spoken
        if (entity, by_id) not in self._known_keys:
            show = self._cased if by_id else self._row
            live = self._world.live[entity]
            some = ((n, live.get(n)) for n in islice(live.ids(), _MOST_LOOKED_AT))
            shown = [show(entity, n, record) for n, record in some if record is not None]
            self._known_keys[entity, by_id] = recording.known_keys(shown)
        return self._known_keys[entity, by_id]

    def _cased(self, entity: str, record_id: int, record: MutableObject) -> Any:
        return records.cased_record(self._dialect, self._record(entity, record_id, record), by_id=True)

    def _is_raw(self, entity: str, record_id: int, kind: str) -> bool:
        return kind in self._world.raw.get((entity, record_id), {})

    def _record(self, entity: str, record_id: int, record: MutableObject) -> Any:
        row = self._shapes.row(entity, record_id, record)
        made = self._shapes.detail(entity, record_id, record)
        match self._dialect["record_shape"]:
            case "row":
                made = row
            case "flat":
                made = {**_flattened(made), **row}
        return self._finished(entity, self._in_dialect(entity, record_id, made, row, by_id=True), by_id=True)

    def _in_dialect(self, entity: str, record_id: int, made: Any, row: Any, by_id: bool) -> Any:
        """Return a record with this dialect's values and keys. ``row`` has what only rows have."""
        dialect = self._dialect
        if not isinstance(made, dict):
            return made
        gone = self._world.deleted_record(entity, record_id)
        made = absence.signed(dialect, made, gone["lastUpdatedDateTime"] if gone else None)
        made = self._valued(made, by_id)
        match entity:
            case "resource":
                made = candidate_records.tags_given(dialect, made, record_id)
                made = candidate_records.address_given(dialect, made)
                made = candidate_records.contact_given(
                    dialect, candidate_records.names_given(dialect, made), record_id
                )
            case "opportunity" if by_id:
                made = job_records.job_record(dialect, made, row)
                if dialect["record_shape"] in ("flat", "row"):
                    made = job_records.job_row(dialect, made)
            case "opportunity":
                made = job_records.job_row(dialect, made)
            case _:
                made = job_records.shape_application(dialect, made)
        return records.lookups_given(dialect, made) if by_id else made

    def _valued(self, made: MutableObject, by_id: bool) -> Any:
        dialect = self._dialect
        valued = values.with_values(dialect, made, by_id, dates.TIME_KEYS.__contains__)
        return dates.with_dates(dialect, valued, self._world.local.moment, by_id)

    def _finished(self, entity: str, made: Any, by_id: bool) -> Any:
        if not isinstance(made, dict):
            return made
        made = values.with_nulls(self._dialect, values.with_ids(self._dialect, made))
        made = records.times_given(self._dialect, made, by_id)
        return records.id_given(self._dialect, entity, made, by_id)

    def _user(self, record_id: int, record: MutableObject) -> Any:
        dialect = self._dialect
        made = self._valued(self._shapes.row("user", record_id, record), by_id=False)
        made = values.with_nulls(dialect, values.with_ids(dialect, job_records.user(dialect, made)))
        return records.cased_record(
            dialect, records.id_given(dialect, "user", made, by_id=False), by_id=False
        )

    def _with_email(self, entity: str, record: MutableObject, row: Any) -> Any:
        how = self._dialect["row_email"]
        if entity != "resource" or how == "absent" or not isinstance(row, dict):
            return row
        held = {key: record[key] for key in _CONTACT}
        return {**row, **held} if how == "email" else {**row, "contactDetails": held}


def _flattened(record: MutableObject) -> MutableObject:
    """Return a by-id record with its objects at one level; the row provides its own id."""
    found: MutableObject = {}
    for key, value in record.items():
        if key == "id":
            continue
        if isinstance(value, dict) and value.keys() == {"id", "name"}:
            found.update({f"{key}Id": value["id"], f"{key}Name": value["name"]})
        elif isinstance(value, dict):
            found.update(value)
        else:
            found[key] = value
    return found
