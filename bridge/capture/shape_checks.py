"""Checks of the shape of records: those that lack a key that nearly all had are held or believed.

A single record may lack a key that others have. If every record of an account lacks it, the account has
changed. So before a record without such a key is believed, others that had it are read. If they can't be read
there is no verdict, and nothing is derived from the missing key.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence

import msgspec

from bridge.capture import drift, healing, paging
from bridge.capture.drift import Look, MappedKeys
from bridge.capture.observations import Missing, Observation
from bridge.capture.paging import Pages
from bridge.json_types import JsonObject
from bridge.store import habits, row_states
from bridge.store.database import Database
from bridge.store.habits import Habits
from bridge.store.holds import Hold
from bridge.tracker.client import Client
from bridge.tracker.schema import Resource

_BELIEVED_SECONDS = 15.0


class ShapeChecks:
    """Checks the keys of one integration's records. ``clock`` must be monotonic."""

    def __init__(
        self,
        integration_id: str,
        db: Database,
        client: Client,
        pages: Pages,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._id = integration_id
        self._db = db
        self._client = client
        self._pages = pages
        self._clock = clock
        self._keys = {name: MappedKeys(resource) for name, resource in client.settings.resources.items()}
        self._gone: dict[tuple[str, str], tuple[float, str]] = {}
        """By (resource, key): until when the key counts as gone, and the evidence."""
        self._looked_at: dict[str, float] = {}

    async def sift(
        self, resource: Resource, state: str | None, observations: Sequence[Observation]
    ) -> tuple[Observation, ...]:
        """Return the observations. Those that lack a key that nearly all had are marked, unless others have
        it.

        Raises ``Throttled`` and the errors of reading a page.
        """
        keys = self._keys[resource.name]
        if not any(o.look is not None and o.look.lacking for o in observations):
            return tuple(observations)
        now = await habits.load_habits(self._db, self._id, resource.name)
        always = keys.nearly_always(now.keys)
        lacking = {o.source.row_id: o.look.lacking & always for o in observations if o.look is not None}
        suspects = {row_id: bits for row_id, bits in lacking.items() if bits}
        if not suspects:
            return tuple(observations)
        gone = await self._gone_keys(resource, state, keys, now, suspects)
        return tuple(_marked(o, keys, suspects.get(o.source.row_id, 0), gone) for o in observations)

    async def lacks(self, resource: Resource, rows: Iterable[JsonObject]) -> bool:
        """Report whether most of these rows lack a key that nearly all had.

        For rows that are read without being stored: the table of placement statuses.
        """
        keys = self._keys[resource.name]
        looks = [keys.look(row, None) for row in rows]
        now = await habits.load_habits(self._db, self._id, resource.name)
        return any(
            drift.verdict(name, now.keys[name], 0, _answers(keys, name, looks)).gone
            for name in keys.named(keys.nearly_always(now.keys))
        )

    async def look_again(self, resource: Resource, state: str | None, held: Sequence[Hold]) -> None:
        """Heal the holds of missing keys that are back."""
        missing = [h for h in held if h.resource == resource.name and h.kind == "missing_key"]
        waits = [h for h in missing if h.state in ("held", "discarded")]
        if not waits or self._clock() - self._looked_at.get(resource.name, -1e9) < _BELIEVED_SECONDS:
            return
        self._looked_at[resource.name] = self._clock()
        keys = self._keys[resource.name]
        looks = await self._controls(resource, state, keys, {h.key for h in waits}, frozenset())
        now = await habits.load_habits(self._db, self._id, resource.name)
        back = [h for h in waits if h.key in now.keys and self._is_back(keys, h, now, looks)]
        for hold in back:
            self._gone.pop((resource.name, hold.key), None)
            async with self._db.transaction() as tx:
                await healing.heal_hold(tx, hold)

    def forget(self, resource: str, key: str) -> None:
        """Forget the verdict on a key, after a person approved that it is gone."""
        self._gone.pop((resource, key), None)

    def _is_back(self, keys: MappedKeys, hold: Hold, now: Habits, looks: Sequence[Look]) -> bool:
        found = drift.verdict(hold.key, now.keys[hold.key], 0, _answers(keys, hold.key, looks))
        return found.gone is False

    async def _gone_keys(
        self, resource: Resource, state: str | None, keys: MappedKeys, now: Habits, suspects: dict[int, int]
    ) -> dict[str, str]:
        """Return the keys that are or may be gone, each with the evidence; blank while there is too
        little."""
        found: dict[str, str] = {}
        unsure: list[str] = []
        for name in keys.named(drift.together(suspects.values())):
            until, evidence = self._gone.get((resource.name, name), (0.0, ""))
            if self._clock() < until:
                found[name] = evidence
            else:
                unsure.append(name)
        looks = await self._controls(resource, state, keys, unsure, suspects.keys()) if unsure else []
        for name in unsure:
            bit = 1 << keys.names.index(name)
            lacking = sum(1 for bits in suspects.values() if bits & bit)
            verdict = drift.verdict(name, now.keys[name], lacking, _answers(keys, name, looks))
            if verdict.gone is not False:
                found[name] = verdict.evidence
            if verdict.gone:
                self._gone[resource.name, name] = (self._clock() + _BELIEVED_SECONDS, verdict.evidence)
        return found

    async def _controls(
        self,
        resource: Resource,
        state: str | None,
        keys: MappedKeys,
        names: Iterable[str],
        besides: Iterable[int],
    ) -> list[Look]:
        """Read other records: some by id for the keys of details, a first page for the keys of rows."""
        wanted, these = {name.partition(":")[0] for name in names}, frozenset(besides)
        looks: list[Look] = []
        if "detail" in wanted and resource.by_id is not None:
            row_ids = await row_states.some_live(
                self._db, self._id, resource.name, list(these), drift.CONTROLS
            )
            records = await asyncio.gather(
                *(paging.record_if_readable(self._client, resource.name, str(row_id)) for row_id in row_ids)
            )
            looks += [keys.look(None, record) for record in records if record is not None]
        if "row" in wanted:
            run = await self._pages.run(self._pages.begin(resource), resource, state, 1, 1)
            rows = [row for page in run.pages for row in page.rows if int(row.remote_id) not in these]
            looks += [keys.look(row.decode(), None) for row in rows]
        return looks


def _answers(keys: MappedKeys, name: str, looks: Iterable[Look]) -> list[bool]:
    bit = 1 << keys.names.index(name) if name in keys.names else 0
    return [bool(one.present & bit) for one in looks if one.asked & bit]


def _marked(observation: Observation, keys: MappedKeys, lacking: int, gone: dict[str, str]) -> Observation:
    missing = tuple(Missing(key=name, evidence=gone[name]) for name in keys.named(lacking) if name in gone)
    return msgspec.structs.replace(observation, missing=missing) if missing else observation
