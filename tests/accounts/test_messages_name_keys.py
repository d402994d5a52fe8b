"""Whatever a call is answered with, the message names the call, what was seen, and a key to set."""

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial
from typing import Any

import pytest

from bridge.clock import utc_now
from bridge.errors import BridgeError
from bridge.tracker import record_lookups, resources, writes
from bridge.tracker.client import Client
from bridge.tracker.errors import Unreadable
from bridge.tracker.profile_learning import Learner
from bridge.tracker.schema import ResourceName
from tests.flow.tracker_account import EXCHANGE, Account, account
from tests.rewriting import Proxy, Reply, Rewrite, rewriting

Ask = Callable[[Client], Awaitable[object]]
LOGIN = b"<form action=/logon><input name=p type='password'></form>Sesam7"
KEY = re.compile(
    r"\b(?:(?:paths|rows|actions|unwrap|fields|absence|token|writes)\.[a-z_]+|users_from|region|base_url|"
    r"bearer_token|api_key|oauth_refresh_token|keys under \[integrations\.tracker\.token\])"
)
TABLE = resources.DEFAULT

# The answer -> (how it is made, the words that say what was seen).
ANSWERS: Mapping[str, tuple[Rewrite, str]] = {
    "404": (lambda r: r.other(404), "404"),
    "404 as a web page": (lambda r: r.other(404, b"<html>Sesam7</html>", "text/html"), "404 with a web page"),
    "403": (lambda r: r.json({"message": "Sesam7"}, 403), "403"),
    "500": (lambda r: r.other(500, b"Sesam7"), "500"),
    "a web page": (lambda r: r.other(200, b"<!DOCTYPE html><p>Sesam7", "text/html"), "with a web page"),
    "a login page": (lambda r: r.other(200, LOGIN, "text/html"), "with a login page"),
    "a redirect to a login page": (
        lambda r: Reply(
            method=r.method, path=r.path, status=302, body=b"", headers={"Location": "/Account/Login?Sesam7"}
        ),
        "302, a redirect to a login page",
    ),
    "nothing": (lambda r: r.other(200), "empty"),
    "null": (lambda r: r.other(200, b"null"), "null"),
    "a bare string": (lambda r: r.json("Sesam7"), "text"),
    "a cut answer": (lambda r: r.other(200, b'{"opportunities": [{"secr'), "not JSON"),
}  # fmt: skip


def _listed(name: ResourceName, state: str | None, client: Client) -> Awaitable[object]:
    return client.pages(name, state=state)


async def _learned(name: ResourceName, client: Client) -> object:
    """Learn one list; its failure is what is said of it, or why another place was taken for it."""
    learned = await Learner(client, {}, "tracker").learn([name], utc_now())
    if name in learned.failures:
        raise learned.failures[name]
    (finding,) = [one for one in learned.profile.findings if one.assumption == f"paths.{name}"]
    raise Unreadable(finding.evidence)


def _by_id(name: ResourceName, client: Client) -> Awaitable[object]:
    return client.detail(name, "1")


def _reads() -> Iterator[tuple[str, str, Ask, dict[str, Any]]]:
    """(name, path, call, the tracker's settings)."""
    for name, resource in TABLE.resources.items():
        yield name, resource.list.path, partial(_listed, name, resource.states[0]), {}
        yield f"learning {name}", resource.list.path, partial(_learned, name), {}
        if resource.by_id is not None:
            path = resource.by_id.filled(id="1")
            yield f"{name} by id", path, partial(_by_id, name), {}
    widget = {"users_from": "widget"}
    yield "users by widget", TABLE.users_widget.path, lambda c: c.pages("users"), widget
    yield "documents", "/api/v1/Resource/1/Documents", lambda c: record_lookups.read_documents(c, "1"), {}
    yield (
        "document",
        "/api/v1/Resource/1/Document/2",
        lambda c: record_lookups.document_content(c, "1", "2"),
        {},
    )
    yield "exchange", EXCHANGE, lambda c: c.exchange(), {}


def _writes() -> Iterator[tuple[str, str, Ask, dict[str, Any]]]:
    person = {"first_name": "Ada", "email": "ada@example.com"}
    calls: dict[str, Ask] = {
        "create_candidate": lambda c: writes.create_candidate(c, person),
        "update_candidate": lambda c: writes.update_candidate(c, "1", {"title": "Welder"}),
        "find_person": lambda c: record_lookups.person_by_email(c, "ada@example.com"),
        "attach_document": lambda c: writes.attach_document(
            c, "1", filename="a.txt", document_type="general", content_base64="QQ=="
        ),
        "add_to_job": lambda c: writes.add_to_job(c, "1", "2"),
        "move_stage": lambda c: writes.move_stage(c, "1", "2"),
        "reject": lambda c: writes.reject(c, "1", "2", "too far"),
    }
    for name, call in calls.items():
        for via in TABLE.actions[name].choices:
            if via == "off":
                continue
            one = TABLE.actions[name].rest if via == "rest" else TABLE.actions[name].widget
            assert one is not None
            path = one.filled(job="1", candidate="2" if "shortlist" in one.path else "1", application="1")
            yield f"{name} by {via}", path, call, {"actions": {name: via}}


CALLS = [*_reads(), *_writes()]


async def _said(client: Client, ask: Ask) -> str:
    """What the call came to, in words."""
    try:
        return f"no error: {await ask(client)}"
    except BridgeError as error:
        return str(error)


@pytest.fixture
async def proxy() -> Any:
    """The way between client and simulator."""
    async with rewriting() as opened:
        yield opened


async def test_each_message_names_the_call_what_was_seen_and_a_key(
    store_url: str, proxy: Proxy, subtests: pytest.Subtests
) -> None:
    async with account(store_url) as acme:
        proxy.upstream = acme.url
        for name, path, ask, tracker in CALLS:
            for answer, (rewrite, seen) in ANSWERS.items():
                with subtests.test(f"{name}: {answer}"):
                    await _judge(acme, proxy, path, ask, tracker, rewrite, seen)


async def _judge(
    acme: Account, proxy: Proxy, path: str, ask: Ask, tracker: dict[str, Any], rewrite: Rewrite, seen: str
) -> None:
    async with acme.client(base_url=proxy.url, tracker=tracker) as client:
        proxy.rewrite = lambda reply: reply
        await client.statuses()
        proxy.rewrite = lambda reply: rewrite(reply) if reply.path == path else reply
        said = await _said(client, ask)
    if said.startswith("no error"):
        # No record of that id, no documents, or a write that is read back.
        assert seen in ("404", "404 with a web page", "empty"), said
        return
    assert path in said
    assert seen in said, said
    assert "a temporary error of TrackerRMS" in said or KEY.search(said), said
    assert "Sesam7" not in said
