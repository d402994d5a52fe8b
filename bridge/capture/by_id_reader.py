"""Records read by id alone, without a row of any list."""

import asyncio
from collections.abc import Iterable
from datetime import timedelta

from bridge.capture import paging, versions
from bridge.capture.drift import MappedKeys
from bridge.capture.observations import Observation, Trouble
from bridge.capture.record_reader import Context
from bridge.clock import utc_now
from bridge.errors import Permanent
from bridge.json_types import JsonObject
from bridge.store.stored_records import RowState
from bridge.tracker.by_id import RecordGone
from bridge.tracker.client import Client
from bridge.tracker.entity_set import EntitySet
from bridge.tracker.normalize import Normalizer
from bridge.tracker.schema import ResourceName


class ByIdReader:
    """Reads and normalizes single records; holds no state between calls."""

    def __init__(self, client: Client, normalizer: Normalizer, *, parallel_reads: int) -> None:
        self._client = client
        self._normalizer = normalizer
        self._keys = {name: MappedKeys(resource) for name, resource in client.settings.resources.items()}
        self._slots = asyncio.Semaphore(parallel_reads)

    async def observe(self, context: Context, row_id: int) -> Observation | None:
        """The record as it is now; ``None`` where it is answered as gone, which a sweep has to prove.

        Without fingerprints: the next sight of its row reads it again, and finds nothing new. Raises the
        client's errors.
        """
        resource = context.resource
        async with self._slots:
            answer = await paging.detail(self._client, resource.name, str(row_id))
        if isinstance(answer, RecordGone):
            return None
        try:
            version = self._normalizer.version(resource.name, None, answer.record)
            if version is not None:
                now = utc_now() + timedelta(seconds=self._client.clock_skew_seconds or 0.0)
                version = versions.kept(version[0], now), version[1]
            found: EntitySet | Trouble = self._family(context, answer.record)
        except Permanent as error:
            version, found = None, Trouble(reason=str(error), path=_path(context, row_id))
        return Observation(
            source=RowState(
                row_id=row_id,
                quick=None,
                fingerprint=None,
                version=None if version is None else version[0],
                dating=self._normalizer.dating,
            ),
            latest=None if version is None else version[1],
            found=found,
            news=True,
            live=True,
            look=self._keys[resource.name].look(None, answer.record),
        )

    async def any_answers(self, resource: ResourceName, row_ids: Iterable[int]) -> bool:
        """As ``paging.any_answers``."""
        async with self._slots:
            return await paging.any_answers(self._client, resource, row_ids)

    def _family(self, context: Context, record: JsonObject) -> EntitySet:
        if context.resource.name == "applications":
            return self._normalizer.application(None, context.statuses, record)
        return self._normalizer.candidate(None, record)


def _path(context: Context, row_id: int) -> str:
    return (context.resource.by_id or context.resource.list).filled(id=str(row_id))
