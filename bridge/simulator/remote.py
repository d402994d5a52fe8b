"""A client for the simulator's control paths: makes changes and reads the truth."""

from types import TracebackType
from typing import Any, Self

import aiohttp
import msgspec

from bridge.json_types import MutableObject


class Remote:
    """The control paths of the simulator at ``url``. Use as ``async with Remote(url) as remote``.

    A refused request raises ``aiohttp.ClientResponseError``.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(self.url, raise_for_status=True)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.close()

    @property
    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("enter the remote before using it")
        return self._session

    async def change(self, op: str, entity: str, record_id: int | None = None, **fields: Any) -> int:
        """Make one change. Return the record's id."""
        body = {"op": op, "entity": entity, **fields}
        if record_id is not None:
            body["id"] = record_id
        async with self._open.post("/__change", json=body) as answer:
            found: MutableObject = await answer.json()
        return int(found["id"])

    async def truth(self, model: str) -> dict[str, MutableObject]:
        """Return the existing unified records of a model, by remote id."""
        lines = await self._lines("/__truth", {"model": model})
        return {line["remote_id"]: line["record"] for line in lines}

    async def journal(self, after: int) -> list[MutableObject]:
        """Return the changes numbered above ``after``: ``{"n","at","op","model","remote_id"}``."""
        return await self._lines("/__journal", {"after": str(after)})

    async def record(self, entity: str, record_id: int | str) -> MutableObject:
        """Return a record as the simulator stores it, under its own names."""
        params = {"entity": entity, "id": str(record_id)}
        async with self._open.get("/__records", params=params) as answer:
            found: MutableObject = await answer.json()
        return found

    async def documents(self) -> list[MutableObject]:
        """Return the attached documents:
        ``{"candidate","documentId","filename","documentType","size","sha256"}``."""
        return await self._lines("/__documents", {})

    async def quirk(self, name: str, on: bool) -> None:
        """Switch a quirk."""
        await self._open.post("/__quirks", json={name: on})

    async def dialect(self, values: MutableObject) -> None:
        """Set switches of the dialect by name."""
        await self._open.post("/__dialect", json=values)

    async def fault(self, path: str, kind: str, **more: Any) -> None:
        """Plan a fault."""
        await self._open.post("/__faults", json={"path": path, "kind": kind, **more})

    async def calls(self) -> MutableObject:
        """Return the requests received so far: ``{"total","max_in_60_seconds","by_status","by_path"}``."""
        async with self._open.get("/__calls") as answer:
            found: MutableObject = await answer.json()
        return found

    async def _lines(self, path: str, params: dict[str, str]) -> list[MutableObject]:
        async with self._open.get(path, params=params) as answer:
            return [msgspec.json.decode(line) for line in (await answer.read()).splitlines()]
