"""Detection of listed records that may be marked deleted. They are remarked on, for a person to decide."""

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
"""Keys that TrackerRMS is known to have, with ``n`` in many records that are not deleted."""
_REMEMBERED = 1000


class SoftDeletes:
    """Fields of one integration's records that may mean deleted, for resources without such a setting."""

    def __init__(self, integration_id: str, db: Database) -> None:
        self._id = integration_id
        self._db = db
        self._found: dict[str, Counter[str]] = {}
        self._telling: dict[tuple[str, ...], bool] = {}
        """By the keys of a record: true if any of them may mean deleted. Most records share their keys."""

    def look(self, resource: Resource, record: JsonObject) -> None:
        """Count the fields of a record that may mean deleted."""
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
        """Clear the remark if a setting has answered it."""
        if resource.deleted is not None:
            await remarks.clear(self._db, self._id, resource.name, answers.DELETED_FLAGS)

    async def remark(self, resource: Resource) -> None:
        """Write the remark on what was counted since the last call."""
        found = self._found.pop(resource.name, None)
        if found:
            rule, count = found.most_common(1)[0]
            text = (
                f"some listed records have {rule}, and are published unchanged. If that means deleted, set "
                f'in [integrations.tracker.deleted] {resource.name} = "{rule}", else {resource.name} = []'
            )
            await remarks.add_remark(self._db, self._id, resource.name, answers.DELETED_FLAGS, text, count)
