"""However the other side behaves, a call ends by its deadline and its limit, and says why."""

import asyncio
import gzip
import time
import traceback
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.config import OutboundConfig
from bridge.errors import BridgeError, Permanent, Throttled, Transient
from bridge.outbound import CallFailure, ConnectionLimits, Downloaded, Outbound, PostResponse
from bridge.outbound.errors import BodyTooLarge, CallRefused, HostUnreachable, Unwell
from tests.flow.outbound_peers import (
    OK,
    Authority,
    Handler,
    Peer,
    answering,
    cutting,
    dripping,
    keeping_alive,
    names,
    peer,
    pouring,
    then_silence,
)
from tests.waiting import until

pytestmark = pytest.mark.timeout(20)

CONFIG = OutboundConfig(allow_http=True, allow_networks=("127.0.0.2/32",))
SECRET = "secret-path?signature=secret-query"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"


@pytest.fixture
async def outbound() -> AsyncIterator[Outbound]:
    async with Outbound(CONFIG) as made:
        yield made


def url(made: Peer) -> str:
    return f"http://127.0.0.2:{made.port}/{SECRET}"


async def download(outbound: Outbound, made: Peer, *, seconds: float = 10.0) -> Downloaded | BridgeError:
    try:
        return await outbound.download(url(made), max_bytes=100_000, deadline_seconds=seconds)
    except BridgeError as caught:
        error = caught
    assert "secret" not in "".join(traceback.format_exception(error))
    assert error.__context__ is None  # nor for whoever looks further than the traceback
    return error


async def post(outbound: Outbound, made: Peer, *, seconds: float = 10.0) -> PostResponse | CallFailure:
    outcome = await outbound.post(
        url(made), b'{"a":1}', {"webhook-id": "evt_1"}, timeout_seconds=seconds, max_response_bytes=1000
    )
    assert "secret" not in repr(outcome)
    return outcome


# --- what goes well ---------------------------------------------------------------------------------------


async def test_a_download_brings_the_content_and_its_type(outbound: Outbound) -> None:
    async with peer(answering(OK)) as made:
        assert await download(outbound, made) == Downloaded(content_type="text/plain", body=b"ok")
    request = made.requests[0].lower()
    assert request.startswith(f"get /{SECRET} http/1.1\r\n".encode())
    assert b"accept-encoding: identity\r\n" in request


async def test_a_post_brings_the_body_as_it_is_and_the_answer_as_a_value(outbound: Outbound) -> None:
    async with peer(answering(OK.replace(b"200 OK", b"503 Busy\r\nRetry-After: 7200"))) as made:
        found = await post(outbound, made)
    assert isinstance(found, PostResponse)
    assert (found.status, found.retry_after_seconds, found.body, found.complete) == (503, 7200.0, b"ok", True)
    assert made.requests[0].endswith(b'\r\n\r\n{"a":1}')
    assert b"webhook-id: evt_1\r\n" in made.requests[0]


async def test_posts_share_a_connection(outbound: Outbound) -> None:
    async with peer(keeping_alive()) as made:
        for _ in range(5):
            assert isinstance(await post(outbound, made), PostResponse)
        assert (made.connections, len(made.requests)) == (1, 5)


async def test_cookies_are_not_kept(outbound: Outbound) -> None:
    async with peer(keeping_alive(OK.replace(b"\r\n\r\n", b"\r\nSet-Cookie: a=b\r\n\r\n"))) as made:
        for _ in range(2):
            assert isinstance(await download(outbound, made), Downloaded)
        assert not any(b"cookie" in request.lower() for request in made.requests)


async def test_what_comes_compressed_unasked_is_unfolded(outbound: Outbound) -> None:
    members = gzip.compress(b"te") + gzip.compress(b"") + gzip.compress(b"xt")
    for encoding, packed in (
        (b"gzip", gzip.compress(b"text")),
        (b"x-gzip", members),
        (b"deflate", zlib.compress(b"text")),
    ):
        head = HEAD + b"Content-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (encoding, len(packed))
        async with peer(answering(head + packed)) as made:
            assert await download(outbound, made) == Downloaded(content_type="text/plain", body=b"text")


async def test_a_connection_they_closed_in_the_meantime_is_replaced(outbound: Outbound) -> None:
    # Two requests a connection: the third meets a connection that ends with it, unanswered.
    async def handler(made: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            await made.request(reader)
            writer.write(OK)
        await made.request(reader)

    async with peer(handler) as made:
        assert [type(await post(outbound, made)) for _ in range(3)] == [PostResponse] * 3
        assert made.connections == 2


async def test_a_fresh_connection_that_closes_is_not_tried_again(outbound: Outbound) -> None:
    async with peer(cutting(b"")) as made:
        found = await post(outbound, made)
    assert isinstance(found, CallFailure)
    assert (found.kind, made.connections) == ("connection_reset", 1)


# --- what goes wrong --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind", "retry"),
    [
        (400, CallRefused, Permanent),
        (403, CallRefused, Permanent),
        (404, CallRefused, Permanent),
        (410, CallRefused, Permanent),
        (408, Unwell, Transient),
        (425, Unwell, Transient),
        (500, Unwell, Transient),
        (503, Unwell, Transient),
    ],
)
async def test_a_status_says_whether_to_try_again(
    outbound: Outbound, status: int, kind: type[Exception], retry: type[Exception]
) -> None:
    async with peer(answering(OK.replace(b"200", str(status).encode()))) as made:
        found = await download(outbound, made)
    assert isinstance(found, kind)
    assert isinstance(found, retry)
    assert str(status) in str(found)


async def test_429_carries_how_long(outbound: Outbound) -> None:
    async with peer(answering(OK.replace(b"200 OK", b"429 Slow\r\nRetry-After: 30"))) as made:
        found = await download(outbound, made)
    assert isinstance(found, Throttled)
    assert found.retry_after_seconds == 30.0


SLOW = {
    "no answer": then_silence(b""),
    "half a status line": then_silence(b"HTTP/1.1 20"),
    "headers without end": then_silence(HEAD),
    "headers that drip": dripping(HEAD, b"A: b\r\n"),
    "informational answers that drip": dripping(b"", b"HTTP/1.1 102 Processing\r\n\r\n"),
}


@pytest.mark.parametrize("name", SLOW)
async def test_slow_headers_end_at_the_deadline(outbound: Outbound, name: str) -> None:
    async with peer(SLOW[name]) as made:
        started = time.monotonic()
        found = await post(outbound, made, seconds=0.3)
        error = await download(outbound, made, seconds=0.3)
        assert time.monotonic() - started < 2.0
    assert isinstance(found, CallFailure)
    assert isinstance(error, HostUnreachable)
    assert (found.kind, error.kind) == ("timeout", "timeout")
    assert "waiting for the response" in found.reason


SLOW_BODIES = {
    "no body": then_silence(HEAD + b"Content-Length: 10\r\n\r\n"),
    "half a body": then_silence(HEAD + b"Content-Length: 10\r\n\r\nhalf"),
    "a body that drips": dripping(HEAD + b"Content-Length: 1000\r\n\r\n", b"x"),
    "chunks that drip": dripping(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
}


@pytest.mark.parametrize("name", SLOW_BODIES)
async def test_slow_bodies_end_at_the_deadline(outbound: Outbound, name: str) -> None:
    async with peer(SLOW_BODIES[name]) as made:
        started = time.monotonic()
        found = await post(outbound, made, seconds=0.3)
        error = await download(outbound, made, seconds=0.3)
        assert time.monotonic() - started < 2.0
    assert isinstance(found, PostResponse)  # the status had been given
    assert (found.status, found.complete) == (200, False)
    assert isinstance(error, HostUnreachable)
    assert error.kind == "timeout"


ZEROS = zlib.compressobj(9, wbits=31).compress(b"\0" * 200_000_000)  # 200 kB or so
ENDLESS = {
    "plain": pouring(HEAD + b"\r\n", b"x" * 65536),
    "chunked": pouring(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"x" * 65536 + b"\r\n"),
    "a deflate stream of empty blocks": pouring(
        HEAD + b"Content-Encoding: deflate\r\n\r\n\x78\x9c", b"\0\0\0\xff\xff" * 1000
    ),
}


@pytest.mark.parametrize("name", ENDLESS)
async def test_endless_bodies_end_at_the_limit(outbound: Outbound, name: str) -> None:
    async with peer(ENDLESS[name]) as made:
        assert isinstance(await download(outbound, made), BodyTooLarge)
        found = await post(outbound, made)
    assert isinstance(found, PostResponse)
    assert not found.complete
    assert len(found.body) <= 1000


async def test_a_gzip_bomb_unfolds_no_further_than_the_limit(outbound: Outbound) -> None:
    head = HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(ZEROS)
    async with peer(answering(head + ZEROS)) as made:
        tracemalloc.start()
        found = await post(outbound, made)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert isinstance(found, PostResponse)
    assert (found.body, found.complete) == (b"\0" * 1000, False)
    assert peak < 5_000_000


async def test_a_bomb_smaller_than_the_limit_is_too_large_all_the_same(outbound: Outbound) -> None:
    bomb = gzip.compress(b"\0" * 10_000_000)
    head = HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    async with peer(answering(head + bomb)) as made:
        assert isinstance(await download(outbound, made), BodyTooLarge)


async def test_a_content_length_over_the_limit_is_enough(outbound: Outbound) -> None:
    async with peer(then_silence(HEAD + b"Content-Length: 100001\r\n\r\n")) as made:
        assert isinstance(await download(outbound, made), BodyTooLarge)


async def test_a_body_may_be_as_long_as_the_limit(outbound: Outbound) -> None:
    async with peer(answering(HEAD + b"Content-Length: 100000\r\n\r\n" + b"x" * 100_000)) as made:
        found = await download(outbound, made)
    assert isinstance(found, Downloaded)
    assert len(found.body) == 100_000


async def test_what_follows_a_too_short_content_length_answers_nobody(outbound: Outbound) -> None:
    async with peer(keeping_alive(OK + OK.replace(b"200 OK", b"418 Smuggled"))) as made:
        for _ in range(5):
            assert isinstance(await download(outbound, made), Downloaded)


GZIP = HEAD + b"Content-Encoding: gzip\r\n\r\n"
BROKEN_BODIES = {
    "a cut body": (cutting(HEAD + b"Content-Length: 10\r\n\r\nhalf"), "connection_reset"),
    "a short body": (answering(HEAD + b"Content-Length: 10\r\n\r\nhalf"), "connection_reset"),
    "cut chunks": (answering(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhe"), "connection_reset"),
    "no gzip": (answering(GZIP + b"half"), "protocol_error"),
    "half of a gzip": (answering(GZIP + gzip.compress(b"x")[:-4]), "protocol_error"),
    "a gzip of empty pieces": (answering(GZIP + gzip.compress(b"") * 2000), "protocol_error"),
    "an encoding not asked for": (answering(HEAD + b"Content-Encoding: br\r\n\r\nhalf"), "protocol_error"),
}


@pytest.mark.parametrize("name", BROKEN_BODIES)
async def test_a_broken_body_fails_a_download_and_not_a_post(outbound: Outbound, name: str) -> None:
    handler, kind = BROKEN_BODIES[name]
    async with peer(handler) as made:
        error = await download(outbound, made)
        found = await post(outbound, made)
    assert isinstance(error, HostUnreachable)
    assert error.kind == kind
    assert isinstance(found, PostResponse)
    assert (found.status, found.complete) == (200, False)


GARBAGE = {
    "HTTP/2 frames": b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64\x00\x04\x00\x01\x00\x00",
    "another protocol": b"220 mail.example ESMTP\r\n",
    "binary": bytes(range(256)),
    "a huge header": b"HTTP/1.1 200 OK\r\nA: " + b"x" * 100_000 + b"\r\n\r\n",
    "a huge status line": b"HTTP/1.1 200 " + b"x" * 100_000 + b"\r\n\r\n",
    "many headers": b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 10_000 + b"\r\n",
    "a bad header": b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nok",
    "a negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nok",
}


@pytest.mark.parametrize("name", GARBAGE)
async def test_what_is_no_http_is_a_protocol_error(outbound: Outbound, name: str) -> None:
    async with peer(answering(GARBAGE[name])) as made:
        error = await download(outbound, made)
        found = await post(outbound, made)
    assert isinstance(error, HostUnreachable)
    assert isinstance(found, CallFailure)
    assert (found.kind, error.kind) == ("protocol_error", "protocol_error")


@pytest.mark.parametrize("handler", [cutting(b""), answering(b""), cutting(b"HTTP/1.1 20")])
async def test_a_connection_that_is_cut_is_a_reset(outbound: Outbound, handler: Handler) -> None:
    async with peer(handler) as made:
        error = await download(outbound, made)
        found = await post(outbound, made)
    assert isinstance(error, HostUnreachable)
    assert isinstance(found, CallFailure)
    assert (found.kind, error.kind) == ("connection_reset", "connection_reset")


async def test_a_refused_connection_is_told_from_others(outbound: Outbound) -> None:
    async with peer(keeping_alive()) as made:
        pass
    error, found = await download(outbound, made), await post(outbound, made)
    assert isinstance(error, HostUnreachable)
    assert isinstance(found, CallFailure)
    assert (found.kind, error.kind) == ("connection_refused", "connection_refused")


async def test_waiting_for_our_own_connections_is_not_the_others_fault() -> None:
    limits = ConnectionLimits(per_host=1)
    async with peer(then_silence(b"")) as made, Outbound(CONFIG, limits=limits) as outbound:
        first = asyncio.create_task(post(outbound, made))
        await until(lambda: bool(made.requests))
        found = await post(outbound, made, seconds=0.2)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
    assert isinstance(found, CallFailure)
    assert (found.kind, len(made.requests)) == ("busy", 1)


async def test_a_header_that_would_be_two_is_not_sent(outbound: Outbound) -> None:
    found = await outbound.post(
        "http://127.0.0.2:9/", b"", {"A": "b\r\nC: d"}, timeout_seconds=1, max_response_bytes=1
    )
    assert isinstance(found, CallFailure)
    assert found.kind == "bad_header"


# --- TLS --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "days", "trusted", "said"),
    [
        ("there.test", 1, True, None),
        ("there.test", 1, False, "unable to get local issuer certificate"),
        ("there.test", -1, True, "certificate has expired"),
        ("elsewhere.test", 1, True, "certificate is not valid for 'there.test'"),
    ],
)
async def test_certificates_are_verified(
    tmp_path: Path, host: str, days: int, trusted: bool, said: str | None
) -> None:
    authority = Authority(tmp_path)
    tls = authority.trusting() if trusted else None
    async with (
        peer(keeping_alive(), tls=authority.server(host, days=days)) as made,
        names(there=[["127.0.0.2"]]) as dns,
        Outbound(CONFIG, lookup=dns.lookup, tls=tls) as outbound,
    ):
        found = await outbound.post(
            f"https://there.test:{made.port}/", b"", {}, timeout_seconds=10, max_response_bytes=10
        )
    if said is None:
        assert isinstance(found, PostResponse)
    else:
        assert isinstance(found, CallFailure)
        assert (found.kind, made.requests) == ("tls_error", [])
        assert said in found.reason


async def test_plain_http_where_tls_should_be_is_a_tls_error(outbound: Outbound) -> None:
    async def handler(made: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with peer(handler) as made:
        found = await outbound.post(
            f"https://127.0.0.2:{made.port}/", b"", {}, timeout_seconds=10, max_response_bytes=10
        )
    assert isinstance(found, CallFailure)
    assert found.kind == "tls_error"
