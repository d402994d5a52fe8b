"""Records that are listed and look as if they were deleted: said, for whether they are is for a person."""

from collections import Counter

from bridge.json_types import JsonObject
from bridge.store import remarks
from bridge.store.database import Database
from bridge.tracker import answers
from bridge.tracker.schema import Resource

_ORDINARY = {
    "users": frozenset({"active"}),
    "jobs": frozenset({"active"}),
    "applications": frozenset({"activerecord"}),
}
"""Keys that TrackerRMS is known to have there, with ``n`` in many a record that is not deleted."""
_REMEMBERED = 1000


class SoftDeletes:
    """What one integration's rows and by-id records say that may mean deleted, while no setting tells."""

    def __init__(self, integration_id: str, db: Database) -> None:
        self._id = integration_id
        self._db = db
        self._found: dict[str, Counter[str]] = {}
        self._telling: dict[tuple[str, ...], bool] = {}
        """Whether any of a record's keys may tell: records of one kind have the same ones."""

    def look(self, resource: Resource, record: JsonObject) -> None:
        """Count what a record says."""
        if resource.deleted is not None:
            return
        names = tuple(record)
        telling = self._telling.get(names)
        if telling is None:
            if len(self._telling) >= _REMEMBERED:
                self._telling.clear()
            telling = self._telling[names] = any(answers.may_say_deleted(name) for name in names)
        if telling:
            ordinary = _ORDINARY.get(resource.name, frozenset())
            said = {key: value for key, value in record.items() if answers.plain_key(key) not in ordinary}
            self._found.setdefault(resource.name, Counter()).update(answers.soft_flags(said))

    async def forget_answered(self, resource: Resource) -> None:
        """Forget the remark where a setting has answered it."""
        if resource.deleted is not None:
            await remarks.clear(self._db, self._id, resource.name, answers.DELETED_FLAGS)

    async def remark(self, resource: Resource) -> None:
        """Say what was counted since."""
        found = self._found.pop(resource.name, None)
        if found:
            rule, count = found.most_common(1)[0]
            text = (
                f"records that are listed say {rule}, and are published as they are. If that means deleted, "
                f'set in [integrations.tracker.deleted] {resource.name} = "{rule}", else {resource.name} = []'
            )
            await remarks.add_remark(self._db, self._id, resource.name, answers.DELETED_FLAGS, text, count)
