"""Learns what ``updatedAfter`` does: if it filters, in which zone, and if it includes its boundary."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from bridge.errors import Permanent
from bridge.tracker.client import Client
from bridge.tracker.field_reader import FieldReader
from bridge.tracker.findings import Findings
from bridge.tracker.pages import Row
from bridge.tracker.schema import Resource, ResourceName

_MINUTE = timedelta(minutes=1)
_LOOK_BACK = (timedelta(days=1), timedelta(days=60))
_FAR = timedelta(days=3)
"""Longer than the clocks of two zones can differ."""
_LEAST_OFFSET = timedelta(minutes=15)


class UpdateFilter:
    """Queries one list with ``updatedAfter`` around the time of its newest record."""

    def __init__(self, client: Client, findings: Findings, name: ResourceName) -> None:
        self._client = client
        self._findings = findings
        self._name = name
        self._key = f"updated_after.{name}"

    async def learn(self, rows: Sequence[Row], state: str | None, now: datetime) -> None:
        """Learn what the filter does. ``rows`` are some of the list, ``now`` is the server's time."""
        newest = await self._newest(rows, state, now)
        if newest is None:
            self._findings.leave_open(self._key, "no record has a last update")
            return
        row, moment, latest = newest
        if await self._finds(row, state, latest + _FAR):
            said = f"updatedAfter three days later still lists {self._entity} {row.remote_id}: it is ignored"
            self._findings.ask(self._key, said, "updated_after")
            return
        offset = moment.astimezone(self._client.zone).utcoffset()
        if offset != now.astimezone(self._client.zone).utcoffset():
            self._findings.leave_open(self._key, "no record was updated since the clocks changed")
            return
        if latest - moment >= _LEAST_OFFSET:
            said = (
                "updates have a precision of one day: can't determine the zone in which updatedAfter compares"
            )
            self._findings.leave_open(self._key, said, "updated_after_zone")
        elif not offset:
            await self._boundary(row, state, moment, "the account's zone is at UTC now")
        elif await self._is_between(row, state, moment, latest):
            await self._boundary(row, state, moment, "it compares with local time")
        else:
            await self._other_zone(row, state, moment, latest)

    @property
    def _entity(self) -> str:
        return self._client.settings[self._name].entity

    async def _newest(
        self, rows: Sequence[Row], state: str | None, now: datetime
    ) -> tuple[Row, datetime, datetime] | None:
        for back in _LOOK_BACK:
            page = await self._client.pages(self._name, state=state, updated_after=now - back)
            if page.rows:
                return _newest(self._client, self._client.settings[self._name], page.rows)
        return _newest(self._client, self._client.settings[self._name], rows)

    async def _finds(self, row: Row, state: str | None, after: datetime) -> bool:
        page = await self._client.pages(self._name, state=state, updated_after=after)
        return any(one.remote_id == row.remote_id for one in page.rows)

    async def _is_between(self, row: Row, state: str | None, moment: datetime, latest: datetime) -> bool:
        return await self._finds(row, state, moment - _MINUTE) and not await self._finds(
            row, state, latest + _MINUTE
        )

    async def _boundary(self, row: Row, state: str | None, moment: datetime, clock: str) -> None:
        inclusive = await self._finds(row, state, moment)
        edge = "a record of exactly that second is listed" if inclusive else "it lists only later records"
        self._findings.prove(self._key, f"{clock}; {edge}")

    async def _other_zone(self, row: Row, state: str | None, moment: datetime, latest: datetime) -> None:
        before = self._client.settings
        other = "tenant" if before.updated_after_zone == "utc" else "utc"
        self._client.adopt(self._findings.with_setting("updated_after_zone", other))
        try:
            fits = await self._is_between(row, state, moment, latest)
        finally:
            self._client.adopt(before)
        if fits:
            said = f"updatedAfter compares with {'UTC' if other == 'utc' else 'local time'}"
            self._findings.adopt(self._key, said, "updated_after_zone", other)
        else:
            said = (
                f"updatedAfter finds {self._entity} {row.remote_id} neither by local time nor by UTC; "
                "time_zone may be wrong"
            )
            self._findings.ask(self._key, said, "updated_after_zone")


def _newest(client: Client, table: Resource, rows: Sequence[Row]) -> tuple[Row, datetime, datetime] | None:
    """Return the row that was updated last, with the earliest and the latest moment that its time
    may mean."""
    dated = [(row, *moments) for row in rows if (moments := _updated_at(client, table, row)) is not None]
    return max(dated, key=lambda one: one[1], default=None)


def _updated_at(client: Client, table: Resource, row: Row) -> tuple[datetime, datetime] | None:
    try:
        return FieldReader(table.entity, table.fields, row.decode(), None).instants(
            "updated_at", client.times
        )
    except Permanent:
        return None
