"""Who is let in, how often, with what; and what everybody else hears."""

import asyncio
import base64
import socket
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from bridge.api.rate_limits import RequestLimiter
from bridge.api.stage import Api
from bridge.config import ApiConfig, Secret
from bridge.errors import EnvironmentFault, Transient
from bridge.sealing import Sealer
from bridge.store.api_tokens import ApiTokens
from bridge.store.database import Database
from tests.api.service import SEALER, URL, Client, Service, serving
from tests.waiting import patient, until

CREATE = {"url": URL, "owner": "acme"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/endpoints"),
        ("POST", "/v1/endpoints"),
        ("GET", f"/v1/endpoints/ep_{'1' * 24}"),
        ("GET", "/v1/openapi.json"),
        ("GET", "/"),
        ("GET", "/nothing/here"),
        ("POST", "/livez"),
        ("GET", "/livez/"),
        ("OPTIONS", "/v1/endpoints"),
    ],
)
async def test_without_a_token_nothing_answers(service: Service, method: str, path: str) -> None:
    said = await service.anybody(method, path)
    assert said.status == 401
    assert said.headers["WWW-Authenticate"].startswith("Bearer")
    assert "bridge tokens create" in said.detail


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
async def test_health_answers_everybody(service: Service, path: str) -> None:
    said = await service.anybody("GET", path)
    assert (said.status, said.json) == (200, {"status": "ok"})


@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer ", "Basic abc", "Bearer trb_" + "A" * 43, "Bearer é", "trb_x"]
)
async def test_a_token_that_is_none_lets_nobody_in(service: Service, given: str) -> None:
    assert (await service.anybody("GET", "/v1/endpoints", Authorization=given)).status == 401


async def test_a_revoked_token_lets_nobody_in(service: Service) -> None:
    token, text = await service.tokens.create(owner="acme")
    client = service.anybody.with_token(text)
    assert (await client("GET", "/v1/endpoints")).status == 200
    assert await service.tokens.revoke(token.id)
    assert (await client("GET", "/v1/endpoints")).status == 401
    assert not await service.tokens.revoke(token.id)


async def test_a_token_ends_when_it_was_meant_to(service: Service) -> None:
    for hours, status in ((1, 200), (-1, 401)):
        ends_at = datetime.now(UTC) + timedelta(hours=hours)
        _, text = await service.tokens.create(owner=None, expires_at=ends_at)
        assert (await service.anybody.with_token(text)("GET", "/v1/endpoints")).status == status


async def test_a_token_is_nowhere_in_the_database_and_needs_the_key(store_url: str) -> None:
    async with await Database.open(store_url) as db:
        _, text = await ApiTokens(db, SEALER).create(owner=None)
        row = str(await db.fetchval("SELECT t::text FROM api_tokens t"))
        assert text not in row
        assert text.removeprefix("trb_") not in row
        other = Sealer(Secret(base64.b64encode(bytes(31) + b"1").decode()))
        assert await ApiTokens(db, other).find(text) is None


async def test_when_a_token_was_used_is_noted(service: Service) -> None:
    before = (await service.tokens.list_())[0]
    await service.admin("GET", "/v1/endpoints")
    after = (await service.tokens.list_())[0]
    assert before.used_at is None
    assert after.used_at is not None


async def test_too_many_requests_are_told_when_to_come_again(store_url: str) -> None:
    async with serving(store_url, requests_per_minute=3) as service:
        said = [await service.admin("GET", "/v1/endpoints") for _ in range(4)]
        other = await (await service.of("acme"))("GET", "/v1/endpoints")
    assert [one.status for one in said] == [200, 200, 200, 429]
    assert 1 <= int(said[3].headers["Retry-After"]) <= 20
    assert other.status == 200


def test_a_bucket_fills_again_evenly() -> None:
    limiter = RequestLimiter(60)
    assert [limiter.seconds_to_wait("a", 0.0) for _ in range(61)] == [0] * 60 + [1]
    assert limiter.seconds_to_wait("a", 1.0) == 0
    assert limiter.seconds_to_wait("a", 1.0) == 1
    assert limiter.seconds_to_wait("b", 1.0) == 0


async def test_a_body_has_a_largest_size(admin: Client) -> None:
    said = await admin("POST", "/v1/endpoints", {**CREATE, "description": "x" * 70_000})
    assert said.status == 413
    assert "65,536" in said.detail


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        (b"", 400, "not JSON"),
        (b"{", 400, "not JSON"),
        (b"\xff", 400, "not JSON"),
        (b"[" * 60_000, 422, "Expected `object`"),
        (b"[]", 422, "Expected `object`"),
        (b"{}", 422, "url: must be given"),
        (b'{"url": 1}', 422, "url: Expected `str`"),
    ],
)
async def test_what_is_no_request_is_told_so(admin: Client, body: bytes, status: int, detail: str) -> None:
    said = await admin("POST", "/v1/endpoints", body)
    assert (said.status, detail in said.detail) == (status, True), said.body


async def test_only_json_is_taken(admin: Client) -> None:
    said = await admin("POST", "/v1/endpoints", CREATE, Content_Type="text/plain")
    assert said.status == 415
    assert "application/json" in said.detail


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [
        ("/v1/endpoints?limit=0", 422, "limit: Expected `int` >= 1"),
        ("/v1/endpoints?limit=many", 422, "limit: Expected `int`"),
        ("/v1/endpoints?limits=3", 422, "limits: there is no such field"),
        ("/v1/endpoints?limit=3&limit=4", 400, "given twice"),
        ("/v1/endpoints?cursor=zzz", 422, "cursor: give next_cursor"),
        ("/v1/deliveries?until=null", 422, "until: Invalid RFC3339"),
        ("/v1/deliveries?since=1700000000", 422, "since: Invalid RFC3339"),
        ("/v1/endpoints?owner=%00", 422, "owner: letters"),
        ("/v1/endpoints/ep_1", 404, "no such endpoint"),
        ("/v1/endpoints/%00", 404, "no such endpoint"),
        ("/v1/nothing", 404, "/v1/openapi.json"),
    ],
)
async def test_an_address_that_is_wrong_is_told_so(
    admin: Client, path: str, status: int, detail: str
) -> None:
    said = await admin("GET", path)
    assert (said.status, detail in said.detail) == (status, True), said.body


async def test_another_method_is_told_which_there_are(admin: Client) -> None:
    said = await admin("PUT", "/v1/endpoints")
    assert (said.status, said.headers["Allow"]) == (405, "GET, POST")


async def test_a_request_keeps_the_id_it_came_with(admin: Client) -> None:
    assert (await admin("GET", "/v1/endpoints", X_Request_Id="abc-1")).headers["X-Request-Id"] == "abc-1"
    for odd in ("a b", "x" * 65, "é"):
        given = (await admin("GET", "/v1/endpoints", X_Request_Id=odd)).headers["X-Request-Id"]
        assert given.startswith("req_")


async def test_answers_are_not_for_caches(admin: Client) -> None:
    assert (await admin("GET", "/v1/endpoints")).headers["Cache-Control"] == "no-store"


async def test_without_the_store_it_says_that_it_is_not_ready(service: Service) -> None:
    await service.parts.db.close()
    ready = await service.anybody("GET", "/readyz")
    alive = await service.anybody("GET", "/livez")
    asked = await service.admin("GET", "/v1/endpoints")
    assert (ready.status, ready.json) == (503, {"status": "unavailable"})
    assert alive.status == 200
    assert (asked.status, asked.headers["Retry-After"]) == (503, "5")
    assert "look first" in asked.detail


async def test_it_says_that_a_stage_of_its_process_is_stuck(service: Service) -> None:
    stuck = msgspec.structs.replace(service.parts, silent_seconds=0.05)
    stuck.roster.enter("relay")
    async with Api(stuck, ApiConfig(listen="127.0.0.1:0")).serving() as url:

        async def is_said() -> bool:
            said = await service.anybody.at(url)("GET", "/livez")
            return (said.status, said.json) == (503, {"status": "unavailable"})

        await until(is_said)


# --- the stage --------------------------------------------------------------------------------------------


async def test_a_second_process_stands_by_for_the_port(service: Service) -> None:
    port = int(service.anybody.url.rpartition(":")[2])
    second = Api(service.parts, ApiConfig(listen=f"127.0.0.1:{port}"))
    with pytest.raises(Transient, match="this one is on standby"):
        await second.run(asyncio.Event())


async def test_an_address_of_another_machine_is_a_fault_of_the_surroundings(service: Service) -> None:
    elsewhere = Api(service.parts, ApiConfig(listen="192.0.2.1:0"))
    with pytest.raises(EnvironmentFault, match=r"^api\.listen"):
        await elsewhere.run(asyncio.Event())


async def test_it_ends_when_it_is_told_to(service: Service) -> None:
    stop = asyncio.Event()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    running = asyncio.create_task(Api(service.parts, ApiConfig(listen=f"127.0.0.1:{port}")).run(stop))
    client = service.anybody.at(f"http://127.0.0.1:{port}")

    async def answers() -> bool:
        try:
            return (await client("GET", "/livez")).status == 200
        except OSError:
            return False

    await until(answers)
    stop.set()
    await asyncio.wait_for(running, patient(10))
    assert not await answers()


async def test_a_fault_of_the_installation_is_told_by_its_request_id_alone(service: Service) -> None:
    await service.parts.db.execute("ALTER TABLE endpoints RENAME TO elsewhere")
    said = await service.admin("GET", "/v1/endpoints")
    assert said.status == 500
    assert said.json["request_id"] == said.headers["X-Request-Id"]
    assert "endpoints" not in said.detail
    assert (await service.anybody("GET", "/livez")).status == 200
