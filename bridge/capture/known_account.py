"""Check that a credential opens the account that an integration's records came from.

Ids count from 1 in every account: read with another account's token, each record would seem to have changed
into another. So on the first use of a credential, some records are compared with their snapshots.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from trackerrms_contracts.entities import STRUCTS, Model

from bridge.errors import Permanent
from bridge.hashing import Hasher, differing_fields
from bridge.runtime.account_ports import Recognized
from bridge.store import snapshots, tokens
from bridge.store.database import Database
from bridge.tracker.entity_set import EntitySet
from bridge.tracker.normalize import Normalizer

# Fields that differ between any two accounts and hardly ever change.
_PROOFS: Mapping[str, tuple[Model, frozenset[str]]] = {
    "jobs": (Model.JOB, frozenset({"name", "remote_created_at"})),
    "users": (Model.USER, frozenset({"email", "last_name"})),
}


class StoredAccount:
    """Implements ``bridge.runtime.account_ports.KnownAccount`` with the store's snapshots.

    ``normalizer`` returns the present normalizer of the account, as a new profile may be learned at any time.
    """

    def __init__(
        self, db: Database, integration_id: str, hasher: Hasher, normalizer: Callable[[], Normalizer]
    ) -> None:
        self._db = db
        self._integration_id = integration_id
        self._hasher = hasher
        self._normalizer = normalizer

    async def is_confirmed(self, origin: bytes) -> bool:
        """Report whether this is the last credential that opened the account."""
        return await tokens.is_confirmed(self._db, self._integration_id, origin)

    async def confirm(self, origin: bytes) -> None:
        """Remember that this credential opens the account."""
        await tokens.confirm(self._db, self._integration_id, origin)

    async def recognized(self, resource: str, rows: Sequence[Mapping[str, Any]]) -> Recognized:
        """Compare a list's rows with the snapshots."""
        model, proofs = _PROOFS[resource]
        records = {m.record.remote_id: m.record for row in rows for m in self._members(resource, row, model)}
        async with self._db.transaction() as tx:
            found = await snapshots.by_keys(tx, self._integration_id, [(model, one) for one in records])
        known = same = 0
        for snapshot in found:
            record = records[snapshot.remote_id]
            filled = {name for name in proofs if getattr(record, name) is not None}
            if snapshot.deleted or not filled:
                continue
            known += 1
            fields = self._hasher.record(record).fields
            same += bool(filled - set(differing_fields(STRUCTS[model], snapshot.fields, fields)))
        stored = await snapshots.count_some(self._db, self._integration_id, model)
        return Recognized(same_id=known, same=same, stored=stored)

    def _members(self, resource: str, row: Mapping[str, Any], model: Model) -> list[Any]:
        normalizer = self._normalizer()
        try:
            family: EntitySet = (
                normalizer.job(dict(row), None, None) if resource == "jobs" else normalizer.user(dict(row))
            )
        except Permanent:
            return []
        return [member for member in family.members if member.model is model]
