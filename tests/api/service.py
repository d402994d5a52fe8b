"""The HTTP API on a port of its own, over a database of the test's own, and a client with a token."""

import base64
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import msgspec

from bridge.api.calls import ApiDependencies
from bridge.api.stage import Api
from bridge.config import ApiConfig, OutboundConfig, Secret
from bridge.outbound import targets
from bridge.sealing import Sealer
from bridge.store.api_tokens import ApiTokens
from bridge.store.database import Database

SEALER = Sealer(Secret(base64.b64encode(bytes(32)).decode()))
URL = "https://example.com/hooks"


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What the API answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body."""
        return msgspec.json.decode(self.body)

    @property
    def detail(self) -> str:
        """What the problem document says."""
        assert self.headers["Content-Type"] == "application/problem+json"
        assert self.json["status"] == self.status
        assert self.json["request_id"] == self.headers["X-Request-Id"]
        return str(self.json["detail"])


class Client:
    """``await client("POST", "/v1/endpoints", {…})``, with one token or none."""

    def __init__(self, session: aiohttp.ClientSession, url: str, token: str | None) -> None:
        self._session = session
        self.url = url
        self.token = token

    async def __call__(self, method: str, path: str, json: Any = None, **headers: str) -> Said:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token is not None:
            given.setdefault("Authorization", f"Bearer {self.token}")
        body = None
        if json is not None:
            given.setdefault("Content-Type", "application/json")
            body = json if isinstance(json, bytes) else msgspec.json.encode(json)
        async with self._session.request(method, self.url + path, data=body, headers=given) as response:
            return Said(status=response.status, headers=response.headers.copy(), body=await response.read())

    async def endpoint(self, **fields: Any) -> Any:
        """A new endpoint."""
        said = await self("POST", "/v1/endpoints", {"url": URL, **fields})
        assert said.status == 201, said.body
        return said.json["endpoint"]

    def with_token(self, token: str | None) -> "Client":
        """The same service with another token."""
        return Client(self._session, self.url, token)

    def at(self, url: str) -> "Client":
        """The same client for another address."""
        return Client(self._session, url, self.token)


class Service:
    """The running API: ``admin`` may do all, ``of("acme")`` what that owner may."""

    def __init__(self, parts: ApiDependencies, anybody: Client, admin: Client) -> None:
        self.parts = parts
        self.tokens = parts.tokens
        self.anybody = anybody
        self.admin = admin

    async def of(self, owner: str) -> Client:
        """A client whose token is bound to ``owner``."""
        return self.anybody.with_token((await self.tokens.create(owner=owner))[1])


@contextlib.asynccontextmanager
async def serving(
    store_url: str, requests_per_minute: int = 60_000, outbound: OutboundConfig | None = None
) -> AsyncIterator[Service]:
    """The API runs while the block lasts."""
    rules = targets.rules(outbound or OutboundConfig())
    async with await Database.open(store_url, pool_size=8) as db:
        tokens = ApiTokens(db, SEALER)
        parts = ApiDependencies(
            db=db,
            sealer=SEALER,
            tokens=tokens,
            judge=lambda url: targets.parse_target(url, rules),
            integrations=("acme", "globex"),
        )
        api = Api(parts, ApiConfig(listen="127.0.0.1:0"), requests_per_minute=requests_per_minute)
        async with api.serving() as url, aiohttp.ClientSession() as session:
            anybody = Client(session, url, None)
            yield Service(parts, anybody, anybody.with_token((await tokens.create(owner=None))[1]))
