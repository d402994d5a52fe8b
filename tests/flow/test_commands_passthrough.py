"""Passthrough: the caller's own call, to the integration's own host and nowhere else, credentials added."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from aiohttp import web

from bridge.simulator.options import API_KEY, BEARER_TOKEN
from tests.commanding import code, ending
from tests.databases import Databases
from tests.flow.commanded import Bench, calm, commanded, message, warnings
from tests.flow.outbound_peers import answering, peer

pytestmark = pytest.mark.asyncio(loop_scope="module")

PNG = b"\x89PNG\r\n\x1a\n\x00\xff"
LATIN = "Grüße".encode("latin-1")
BODIES = {"/png": PNG, "/text": "Grüße".encode(), "/latin": LATIN, "/broken": b'{"a":'}
LARGEST = 5_000_000
PART = {"name": "b", "data": ""}


class Recorder:
    """A host that tells what it was sent, in place of TrackerRMS's."""

    def __init__(self) -> None:
        self.url = ""
        self.paths: list[str] = []
        """What was asked for, but for the bridge's own exchange of its token."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """By path."""
        own_exchange = request.path == "/api/Auth/ExchangeToken" and await request.read()
        if not own_exchange:
            self.paths.append(request.path_qs)
        match request.path:
            case _ if own_exchange:
                return web.json_response({"token": "the-jwt", "expiration": "2099-01-01T00:00:00Z"})
            case "/redirect":
                raise web.HTTPFound(f"{self.url}/echo")
            case path if path in BODIES:
                return web.Response(body=BODIES[path], content_type=request.query["type"])
            case "/nothing":
                return web.Response(status=204)
            case "/teapot":
                return web.json_response({"short": "stout"}, status=418, headers={"X-Tea": "Assam"})
            case "/large":
                return web.Response(body=b"x" * int(request.query["bytes"]), content_type="text/plain")
            case path if "echo" in path:
                return web.json_response(await _echo(request))
        return web.Response(status=404)


async def _echo(request: web.Request) -> dict[str, Any]:
    found: dict[str, Any] = {
        "method": request.method,
        "path": request.path_qs,
        "headers": {name.lower(): value for name, value in request.headers.items()},
    }
    if request.content_type.startswith("multipart/"):
        form = await request.post()
        found["form"] = {
            name: value
            if isinstance(value, str)
            else {
                "name": value.filename,
                "type": value.content_type,
                "data": base64.b64encode(value.file.read()).decode(),
            }
            for name, value in form.items()
            if not isinstance(value, bytes | bytearray)
        }
    else:
        found["body"] = (await request.read()).decode()
    return found


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def recorder() -> AsyncIterator[Recorder]:
    made, application = Recorder(), web.Application(client_max_size=1 << 24)
    application.router.add_route("*", "/{path:.*}", made.answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def recording(databases: Databases, kafka_bootstrap: str, recorder: Recorder) -> AsyncIterator[Bench]:
    """A bridge whose TrackerRMS is the recorder."""
    async with commanded(
        databases, kafka_bootstrap, start=False, integration={"base_url": recorder.url}
    ) as made:
        made.bridge.start()
        yield made


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def bench(databases: Databases, kafka_bootstrap: str) -> AsyncIterator[Bench]:
    async with commanded(databases, kafka_bootstrap) as made:
        yield made


async def _ask(bench: Bench, method: str, path: str, **more: Any) -> dict[str, Any]:
    """The answer, of a call that was made."""
    result = await bench.caller.run("passthrough.request", {"method": method, "path": path} | more)
    assert ending(result) == "succeeded", result
    return dict(result["data"]["result"])


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "PUT", "DELETE"])
async def test_a_call_is_made_as_it_is_given_with_the_credentials_added(
    recording: Bench, method: str
) -> None:
    answer = await _ask(
        recording, method, "/api/v1/echo/Ä?a=1", params={"b": "2 3"},
        headers={"X-Mine": "yes", "Authorization": "Bearer stolen", "Host": "evil.example"},
    )  # fmt: skip
    told = answer["data"]
    assert (told["method"], told["path"]) == (method, "/api/v1/echo/%C3%84?a=1&b=2+3")
    assert told["headers"]["x-mine"] == "yes"
    assert told["headers"]["authorization"] == "Bearer the-jwt"
    assert told["headers"]["host"].startswith("127.0.0.1:")


@pytest.mark.parametrize(
    ("data", "body"),
    [({"a": [1, None]}, '{"a":[1,null]}'), ([1], "[1]"), ("<xml/>", "<xml/>"), (False, "false")],
)
async def test_data_goes_as_json_and_a_string_as_it_stands(recording: Bench, data: Any, body: str) -> None:
    assert (await _ask(recording, "POST", "/echo", data=data))["data"]["body"] == body


async def test_the_content_type_is_the_callers(recording: Bench) -> None:
    answer = await _ask(recording, "POST", "/echo", data="<x/>", headers={"content-type": "text/xml"})
    assert answer["data"]["headers"]["content-type"] == "text/xml"


async def test_a_form_carries_text_and_files_by_data_and_by_address(recording: Bench) -> None:
    served = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 3\r\n\r\npng"
    async with peer(answering(served)) as server:
        parts = [
            {"name": "title", "value": "Grüße"},
            {"name": "cv", "value": {"name": "cv.pdf", "data": "Y3Y=", "content_type": "application/pdf"}},
            {"name": "photo", "value": {"name": "me.png", "data_url": f"http://127.0.0.2:{server.port}/"}},
        ]
        answer = await _ask(recording, "POST", "/echo", multipart_form_data=parts)
    assert answer["data"]["form"] == {
        "title": "Grüße",
        "cv": {"name": "cv.pdf", "type": "application/pdf", "data": "Y3Y="},
        "photo": {"name": "me.png", "type": "image/png", "data": "cG5n"},
    }


@pytest.mark.parametrize(
    ("path", "as_base64", "data"),
    [
        ("/png?type=image/png", False, base64.b64encode(PNG).decode()),
        ("/png?type=image/png", True, base64.b64encode(PNG).decode()),
        ("/text?type=text/plain", False, "Grüße"),
        ("/text?type=text/plain", True, base64.b64encode("Grüße".encode()).decode()),
        ("/latin?type=text/plain", False, base64.b64encode(LATIN).decode()),
        ("/latin?type=application/json", False, base64.b64encode(LATIN).decode()),
        ("/broken?type=application/json", False, '{"a":'),
        ("/teapot", True, base64.b64encode(b'{"short": "stout"}').decode()),
        ("/nothing", False, None),
    ],
)
async def test_an_answer_that_is_no_text_comes_in_base64(
    recording: Bench, path: str, as_base64: bool, data: Any
) -> None:
    answer = await _ask(recording, "GET", path, response_as_base64=as_base64)
    assert answer["data"] == data


async def test_a_status_that_is_no_success_is_told_as_it_is(recording: Bench, recorder: Recorder) -> None:
    answer = await _ask(recording, "POST", "/teapot")
    assert (answer["status"], answer["headers"]["x-tea"]) == (418, "Assam")
    assert (answer["data"], answer["url"]) == ({"short": "stout"}, f"{recorder.url}/teapot")


async def test_a_redirect_is_refused(recording: Bench, recorder: Recorder) -> None:
    result = await recording.caller.run("passthrough.request", {"method": "GET", "path": "/redirect"})
    assert (code(result), "redirect" in message(result)) == ("REMOTE.UNKNOWN_HTTP_ERROR", True)
    assert recorder.paths[-1] != "/echo"


async def test_an_answer_is_told_up_to_its_cap(recording: Bench) -> None:
    for size in (LARGEST, LARGEST + 1):
        data = {"method": "GET", "path": "/large", "params": {"bytes": str(size)}}
        result = await recording.caller.run("passthrough.request", data)
        assert code(result) == (None if size == LARGEST else "REMOTE.UNKNOWN_HTTP_ERROR")


async def test_an_answer_too_large_for_the_topic_is_left_out_and_that_is_said(
    databases: Databases, kafka_bootstrap: str, recorder: Recorder
) -> None:
    small = {"max_message_bytes": 100_000}
    async with commanded(
        databases, kafka_bootstrap, integration={"base_url": recorder.url}, kafka_=small
    ) as made:
        for size, warned in ((90_000, 0), (100_000, 1)):
            data = {"method": "POST", "path": "/large", "params": {"bytes": str(size)}}
            result = await made.caller.run("passthrough.request", data)
            assert ending(result) == "succeeded"
            assert ("kafka.max_message_bytes" in str(warnings(result))) == bool(warned)
            assert (result["data"]["result"] is None) == bool(warned)


@pytest.mark.parametrize(
    "path",
    [
        "//{other}/echo", "/\\{other}/echo", "/%5C{other}/echo", "/%5c%5c{other}/echo", "/%2F{other}/echo",
        "/%2f%2f{other}/echo", "/%252F{other}/echo", "/x/../echo", "/%2e%2e/{other}/echo", "/./echo",
        "/x/%252e%252e/echo", "/x//echo", "/echo\r\nHost: {other}", "/echo%0d%0aHost: {other}", "/echo\x00",
        "http://{other}/echo", "@{other}/echo", "{other}/echo", ".{other}/echo", ":80@{other}/echo", "",
        "/api/Auth/ExchangeToken", "/API/auth/exchangetoken/", "/api/%41uth/Exchange%54oken", "/oAuth2/Token",
        "/api/%2541uth/ExchangeToken", "/api/x/../Auth/ExchangeToken", "/api/Auth/ExchangeToken?x=1",
        "/api/x/%2e%2e/Auth/ExchangeToken", "/api%2FAuth%2FExchangeToken", "/api/Auth/ExchangeToken#x",
        "/api/Auth//ExchangeToken", "/api/Auth/ExchangeToken.", "/api/Auth/ExchangeToken%20",
        "/api/Auth;x=1/ExchangeToken;y", "/api/Auth\\ExchangeToken", "/api/%25252525252541uth/ExchangeToken",
    ],
)  # fmt: skip
async def test_a_path_that_leads_elsewhere_or_ends_the_token_is_refused(
    recording: Bench, recorder: Recorder, path: str
) -> None:
    async with peer(answering(b"")) as other:
        before = len([p for p in recorder.paths if "echo" in p or "change" in p.lower() or "oAuth" in p])
        data = {"method": "POST", "path": path.format(other=f"127.0.0.2:{other.port}")}
        result = await recording.caller.run("passthrough.request", data)
        assert code(result) == "PLATFORM.INPUT_INVALID", result
        assert other.connections == 0
    assert len([p for p in recorder.paths if "echo" in p or "change" in p.lower() or "oAuth" in p]) == before


@pytest.mark.parametrize("path", ["/@{other}/echo", "/x@{other}:80/echo", "/echo?u=http://{other}/"])
async def test_a_path_that_only_looks_like_another_host_goes_to_our_own(
    recording: Bench, recorder: Recorder, path: str
) -> None:
    async with peer(answering(b"")) as other:
        await _ask(recording, "GET", path.format(other=f"127.0.0.2:{other.port}"))
        assert other.connections == 0


@pytest.mark.parametrize(
    "more",
    [
        {"headers": {"X": "a\r\nY: b"}}, {"headers": {"X Y": "a"}}, {"headers": {"X:": "a"}},
        {"multipart_form_data": [{"name": "a\r\nb", "value": "x"}]},
        {"multipart_form_data": [{"name": "a", "value": {"name": "b\r\nc", "data": ""}}]},
        {"multipart_form_data": [{"name": "a", "value": PART | {"content_type": "a/b\r\nX: y"}}]},
        {"multipart_form_data": [{"name": "a", "value": {"name": "b", "data": "%"}}]},
        {"multipart_form_data": [{"name": "a", "value": {"name": "b"}}]},
        {"multipart_form_data": [{"name": "a", "value": "x"}], "data": {}},
    ],
    ids=str,
)  # fmt: skip
async def test_what_would_break_out_of_its_place_is_refused(recording: Bench, more: dict[str, Any]) -> None:
    data = {"method": "POST", "path": "/echo"} | more
    result = await recording.caller.run("passthrough.request", data)
    assert code(result) == "PLATFORM.INPUT_INVALID", result
    assert message(result).startswith(next(iter(more)))


async def test_a_widget_path_goes_to_the_widget_api_with_what_it_takes(
    bench: Bench, recording: Bench
) -> None:
    data: dict[str, Any] = {"trackerrms": {"checkLogon": {}}}
    answer = await _ask(bench, "POST", "/api/widget/checkLogon", data=data)
    assert (answer["status"], answer["data"]["status"]) == (200, 0)
    told = (await _ask(recording, "POST", "/API/widget/echo", data=data))["data"]
    assert told["headers"]["authorization"] == f"Bearer {BEARER_TOKEN}"


async def test_a_record_is_read_changed_and_deleted(bench: Bench) -> None:
    candidate = await bench.remote.change("create", "resource", surname="Passed", jobTitle="Baker")
    path = f"/api/v1/Resource/{candidate}"
    assert (await _ask(bench, "GET", path))["data"]["jobTitle"] == "Baker"
    assert (await _ask(bench, "PATCH", path, data={"jobTitle": "Potter"}))["status"] == 200
    assert (await bench.stored("resource", str(candidate)))["jobTitle"] == "Potter"
    assert (await _ask(bench, "DELETE", path))["data"]["success"]
    assert (await _ask(bench, "GET", path))["status"] == 204


@pytest.mark.parametrize("kind", ["cut", "status"])
async def test_a_write_whose_answer_is_lost_is_unknown_and_never_sent_again(bench: Bench, kind: str) -> None:
    await bench.remote.fault("/api/v1/Resourc[e]", kind, method="POST", effect=True, times=None)
    name = bench.someone()["last_name"]
    data = {"method": "POST", "path": "/api/v1/Resource", "data": {"surname": name}}
    result = await bench.caller.run("passthrough.request", data)
    await calm(bench)
    found = await bench.remote.truth("candidate")
    assert len([one for one in found.values() if one["last_name"] == name]) == 1
    if kind == "cut":
        assert (ending(result), code(result)) == ("unknown", "REMOTE.UNKNOWN_HTTP_ERROR")
    else:
        assert result["data"]["result"]["status"] == 500


async def test_a_write_that_was_not_taken_is_sent_again(bench: Bench) -> None:
    fault = {"method": "POST", "status": 429, "retry_after": 0, "times": 3}
    await bench.remote.fault("/api/v1/Resourc[e]", "status", **fault)
    name = bench.someone()["last_name"]
    answer = await _ask(bench, "POST", "/api/v1/Resource", data={"surname": name})
    assert answer["status"] == 201
    found = await bench.remote.truth("candidate")
    assert len([one for one in found.values() if one["last_name"] == name]) == 1


async def test_a_form_whose_file_can_not_be_had_yet_is_sent_later(recording: Bench) -> None:
    answers = [
        b"HTTP/1.1 503 Not yet\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\npng",
    ]
    async with peer(answering(*answers)) as server:
        part = {"name": "f", "value": {"name": "f.png", "data_url": f"http://127.0.0.2:{server.port}/"}}
        answer = await _ask(recording, "POST", "/echo", multipart_form_data=[part])
    assert answer["data"]["form"]["f"]["data"] == "cG5n"


async def test_a_read_whose_answer_is_lost_is_made_again(bench: Bench) -> None:
    path = f"/api/v1/Opportunity/{await bench.job()}"
    await bench.remote.fault(path, "cut", method="GET")
    assert (await _ask(bench, "GET", path))["status"] == 200


async def test_credentials_of_the_widget_api_go_into_the_envelope(
    databases: Databases, kafka_bootstrap: str, recorder: Recorder
) -> None:
    settings = {"base_url": recorder.url, "api_key": API_KEY}
    async with commanded(databases, kafka_bootstrap, integration=settings) as made:
        data = {"trackerrms": {"echo": {"credentials": {"apikey": "stolen"}, "x": 1}}}
        told = (await _ask(made, "POST", "/api/widget/echo", data=data))["data"]
    assert msgspec.json.decode(told["body"]) == {
        "trackerrms": {"echo": {"credentials": {"apikey": API_KEY}, "x": 1}}
    }
    assert "authorization" not in told["headers"]
