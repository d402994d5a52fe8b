"""Receivers that misbehave, at the wire: each has exactly the outcome that is specified."""

import asyncio
import gzip
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from aiohttp import web

from bridge.config import KafkaConfig
from tests.flow.outbound_peers import (
    Authority,
    Handler,
    Peer,
    answering,
    cutting,
    dripping,
    keeping_alive,
    peer,
    pouring,
    then_silence,
)
from tests.waiting import until
from tests.webhooks.installed import Delivering, delivering, settings
from tests.webhooks.receiving import Answer, Capture, Receiver, hanging, in_turn, status, taking

HEAD = b"HTTP/1.1 %d As It Is\r\n"
LENGTH = b"Content-Length: 2\r\n\r\nok"

# What the log and the delivery say after one attempt: state, status, error.
Outcome = tuple[str, int | None, str | None]


def plain(code: int) -> Handler:
    return answering(HEAD % code + LENGTH)


TAKEN: dict[str, tuple[Handler, int]] = {
    **{f"answers {code}": (plain(code), code) for code in (200, 201, 202, 299)},
    "answers 204": (answering(HEAD % 204 + b"\r\n"), 204),
    "a body that never ends": (pouring(HEAD % 200 + b"\r\n", b"x" * 65_536), 200),
    "a body that drips": (dripping(HEAD % 200 + b"\r\n", b"x"), 200),
    "a body that stops": (then_silence(HEAD % 200 + b"Content-Length: 9\r\n\r\nhalf"), 200),
    "a body that is cut": (cutting(HEAD % 200 + b"Content-Length: 9\r\n\r\nhalf"), 200),
    "a bomb": (
        answering(HEAD % 200 + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(bytes(10_000_000))), 200,
    ),
}  # fmt: skip

FAILED: dict[str, tuple[Handler, int | None, str]] = {
    **{f"answers {code}": (plain(code), code, "redirected") for code in (300, 305)},
    "answers 304": (answering(HEAD % 304 + b"\r\n"), 304, "redirected"),
    **{f"answers {code}": (plain(code), code, "client_error") for code in (400, 401, 403, 404, 408, 422)},
    **{f"answers {code}": (plain(code), code, "server_error") for code in (500, 502, 503, 504, 599)},
    "answers 429": (plain(429), 429, "throttled"),
    "an error without end": (pouring(HEAD % 500 + b"\r\n", b"x" * 65_536), 500, "server_error"),
    "no answer": (then_silence(b""), None, "timeout"),
    "half a status line": (then_silence(b"HTTP/1.1 20"), None, "timeout"),
    "headers that drip": (dripping(HEAD % 200, b"A: b\r\n"), None, "timeout"),
    "a reset": (cutting(b""), None, "connection_reset"),
    "a reset in the headers": (cutting(HEAD % 200), None, "connection_reset"),
    "closes without a word": (answering(b""), None, "connection_reset"),
    "another protocol": (answering(b"220 mail.example ESMTP\r\n"), None, "protocol_error"),
    "binary": (answering(bytes(range(256))), None, "protocol_error"),
    "a header without end": (answering(HEAD % 200 + b"A: " + b"x" * 100_000), None, "protocol_error"),
}  # fmt: skip


@pytest.fixture
async def patient(store_url: str, kafka_config: KafkaConfig, data_dir: Path) -> AsyncIterator[Delivering]:
    """A stage that tries again after ten minutes: each test sees one attempt."""
    made = settings(store_url, kafka_config, str(data_dir), retry_seconds=[600])
    async with delivering(made) as hooks:
        yield hooks


async def outcomes(hooks: Delivering, urls: dict[str, str]) -> dict[str, Outcome]:
    """What became of one event for each of ``urls``, by their names."""
    subscribed = {name: (await hooks.subscribe(url, timeout_seconds=1.0))[0] for name, url in urls.items()}
    hooks.start()
    await hooks.send()
    found: dict[str, Outcome] = {}

    async def all_tried() -> bool:
        for name, endpoint in subscribed.items():
            for one in await hooks.deliveries(endpoint):
                if one.attempts:
                    found[name] = (one.state, one.last_status, one.last_error)
        return len(found) == len(urls)

    await until(all_tried)
    await hooks.offsets_done()
    return found


@asynccontextmanager
async def peers(handlers: dict[str, Handler]) -> AsyncIterator[dict[str, Peer]]:
    async with AsyncExitStack() as stack:
        yield {
            name: await stack.enter_async_context(peer(handler, host="127.0.0.1"))
            for name, handler in handlers.items()
        }


async def test_what_counts_as_delivered(patient: Delivering) -> None:
    async with peers({name: handler for name, (handler, _) in TAKEN.items()}) as made:
        found = await outcomes(patient, {name: f"http://127.0.0.1:{p.port}/" for name, p in made.items()})
        assert {name: len(p.requests) for name, p in made.items()} == dict.fromkeys(TAKEN, 1)
    assert found == {name: ("delivered", code, None) for name, (_, code) in TAKEN.items()}


async def test_what_counts_as_failed(patient: Delivering) -> None:
    async with peers({name: handler for name, (handler, *_) in FAILED.items()}) as made:
        found = await outcomes(patient, {name: f"http://127.0.0.1:{p.port}/" for name, p in made.items()})
        assert {name: len(p.requests) for name, p in made.items()} == dict.fromkeys(FAILED, 1)
    assert found == {name: ("pending", code, error) for name, (_, code, error) in FAILED.items()}


async def _speaking_first(_: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD % 400 + LENGTH)
    await reader.read()


async def test_what_is_not_even_reached(patient: Delivering, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        async with (
            peer(_speaking_first, host="127.0.0.1") as http,
            peer(keeping_alive(), host="127.0.0.1", tls=authority.server("127.0.0.1")) as untrusted,
        ):
            found = await outcomes(
                patient,
                {
                    "refuses": f"http://127.0.0.1:{closed.getsockname()[1]}/",
                    "unknown": "http://nobody.invalid/",
                    "no TLS": f"https://127.0.0.1:{http.port}/",
                    "an untrusted certificate": f"https://127.0.0.1:{untrusted.port}/",
                    "private": "http://10.0.0.1/",
                    "metadata": "http://169.254.169.254/",
                    "a number": "http://2130706433/",
                },
            )
    assert {name: (status, error) for name, (_, status, error) in found.items()} == {
        "refuses": (None, "connection_refused"),
        "unknown": (None, "dns_error"),
        "no TLS": (None, "tls_error"),
        "an untrusted certificate": (None, "tls_error"),
        "private": (None, "address_refused"),
        "metadata": (None, "address_refused"),
        "a number": (None, "bad_url"),
    }
    assert {state for state, *_ in found.values()} == {"pending"}


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
async def test_a_redirect_fails_and_is_not_followed(patient: Delivering, code: int) -> None:
    async with Receiver() as elsewhere, Receiver(status(code, Location=elsewhere.url)) as receiver:
        assert await outcomes(patient, {"it": receiver.url}) == {"it": ("pending", code, "redirected")}
        assert elsewhere.captures == []


async def test_410_disables_the_endpoint_and_what_it_missed_is_pending(hooks: Delivering) -> None:
    async with Receiver(status(410)) as receiver:
        endpoint, _ = await hooks.subscribe(receiver)
        hooks.start()
        await hooks.send()
        delivery = await hooks.one(endpoint, "pending")
        assert (delivery.last_status, delivery.last_error) == (410, "gone")
        row = await hooks.db.fetchrow("SELECT enabled, disabled_reason FROM endpoints")
        assert tuple(row or ()) == (False, "410")
        receiver.answer = taking
        async with hooks.db.transaction() as tx:
            await tx.execute("UPDATE endpoints SET enabled = true")
        await hooks.one(endpoint, "delivered", attempts=2)


def pausing(code: int, seconds: int, *, date: bool) -> Answer:
    async def answer(capture: Capture) -> web.StreamResponse:
        now = datetime.now(UTC)
        said = format_datetime(now + timedelta(seconds=seconds), usegmt=True) if date else str(seconds)
        headers = {"Retry-After": said, "Date": format_datetime(now, usegmt=True)}
        return web.Response(status=code, headers=headers)

    return answer


@pytest.mark.parametrize(("code", "date"), [(429, False), (429, True), (503, False), (503, True)])
async def test_retry_after_holds_everything_for_at_least_so_long(
    hooks: Delivering, code: int, date: bool
) -> None:
    async with Receiver(in_turn(pausing(code, 2, date=date), taking)) as receiver:
        await hooks.subscribe(receiver)
        hooks.start()
        await hooks.send()
        await until(lambda: bool(receiver.captures))
        await hooks.send(5)
        await hooks.offsets_done()
        await until(lambda: len(receiver.captures) == 7)
        first, *later = [capture.at for capture in receiver.captures]
        assert min(later) - first >= timedelta(seconds=2)
        assert receiver.captures[0].headers["webhook-timestamp"] != max(
            c.headers["webhook-timestamp"] for c in receiver.captures
        )


async def test_a_receiver_that_hangs_holds_back_neither_the_offset_nor_the_others(hooks: Delivering) -> None:
    async with Receiver(hanging()) as dead, Receiver() as well:
        stuck, _ = await hooks.subscribe(dead, timeout_seconds=60)
        await hooks.subscribe(well)
        hooks.start()
        sent = await hooks.send(200)
        await until(lambda: well.ids == set(sent))
        await hooks.offsets_done()
        states = {d.state for d in await hooks.deliveries(stuck)}
        assert states == {"pending"}
        assert len(await hooks.deliveries(stuck)) == 200
        assert len(dead.captures) <= 4


async def test_a_fan_out_to_a_hundred(hooks: Delivering) -> None:
    async with Receiver() as receiver:
        for _ in range(100):
            await hooks.subscribe(receiver)
        hooks.start()
        sent = await hooks.send(20)
        # What takes longer than its deadline is delivered once more.
        await until(lambda: len(receiver.captures) >= 2000, 60)
        await hooks.offsets_done()
        times = Counter(capture.event_id for capture in receiver.captures)
        assert times.keys() == set(sent)
        assert min(times.values()) >= 100


async def test_a_rate_limit_holds_back_nobody_else(hooks: Delivering) -> None:
    async with Receiver() as slow, Receiver() as well:
        await hooks.subscribe(slow, rate_limit_per_second=20)
        await hooks.subscribe(well)
        hooks.start()
        sent = await hooks.send(100)
        await until(lambda: well.ids == set(sent))
        await hooks.offsets_done()
        await until(lambda: slow.ids == set(sent))
        times = sorted(capture.at for capture in slow.captures)
        seconds = (times[-1] - times[0]).total_seconds()
        assert len(times) - 1 <= 20 * seconds + 20 + 1


async def test_the_excerpt_of_an_answer_is_cut_and_sealed(patient: Delivering) -> None:
    async with Receiver(lambda _: _long()) as receiver:
        endpoint, _ = await patient.subscribe(receiver)
        patient.start()
        await patient.send()
        delivery = await patient.one(endpoint, "pending")
        [attempt] = await patient.attempts(delivery)
        assert attempt.response_excerpt == "secret " * 292 + "secr"
        raw = await patient.db.fetchval("SELECT response FROM webhook_attempts")
        assert b"secret" not in raw


async def _long() -> web.StreamResponse:
    return web.Response(status=500, text="secret " * 1000)
