"""What the command line's tables tell a person. The store's own functions fill them; no bridge runs."""

import base64
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import asdict
from pyroaring import BitMap64
from trackerrms_contracts import ids

from bridge.commands.runner import PURPOSE
from bridge.config import Secret
from bridge.sealing import Sealer
from bridge.store import delivery_log, holds, outbox, pending, scans
from bridge.store.api_tokens import ApiTokens
from bridge.store.database import Database
from bridge.store.delivery import Delivery, DeliveryAttempt, Event, Failed, Retry
from bridge.store.holds import Withheld
from bridge.store.outbox import OutboxRow
from bridge.store.scans import ScanProgress
from tests.flow.program import Ended, Program
from tests.flow.test_commandline import ACME

KEY = base64.b64encode(bytes(32)).decode()
SEALER = Sealer(Secret(KEY))
NOW = datetime.now(UTC)


@pytest.fixture
def program(store_url: str, tmp_path: Path) -> Program:
    """The program over a store of this test's own."""
    return Program(tmp_path, f'{ACME}[store]\nurl = "{store_url}"\n[sealing]\nkey = "{KEY}"\n')


@pytest.fixture
async def db(store_url: str) -> AsyncIterator[Database]:
    """The same store."""
    async with await Database.open(store_url, pool_size=2) as database:
        yield database


def cells(ended: Ended) -> list[list[str]]:
    """The rows of a table without its headings; a cell that is empty is left out, and how long ago is."""
    assert ended.code == 0, ended.err
    rows = re.sub(r"\d+ \w+ ago", "ago", ended.out).splitlines()[1:]
    return [re.split(r" {2,}", row.strip()) for row in rows]


# --- deletions and commands -------------------------------------------------------------------------------


async def test_deletions_that_wait_are_listed_and_decided_one_by_one(program: Program, db: Database) -> None:
    for resource in ("candidates", "jobs", "applications"):
        async with db.transaction() as tx:
            await holds.replace_hold(tx, "acme", resource, BitMap64(range(1200)), 2400)
    one, two, three = [str(held.id) for held in await holds.load_waiting_holds(db)]
    approved = await program("holds", "approve", one)
    discarded = await program("holds", "discard", two)
    listed = cells(await program("holds", "list"))
    assert approved.out == f"approved {one}: 1200 candidates of acme\n"
    assert discarded.out == f"discarded {two}: 1200 jobs of acme\n"
    assert [(row[:5], row[6]) for row in listed] == [
        ([one, "acme", "candidates", "deletions", "1,200"], "approved, in progress"),
        ([three, "acme", "applications", "deletions", "1,200"], "held"),
    ]


async def test_other_holds_say_what_was_seen_and_stay_when_they_are_discarded(
    program: Program, db: Database
) -> None:
    said = "`tagText` was in 100 % of 24 records read by id and is in none of the last 10"
    rows = Withheld(kind="missing_key", key="detail:tagText", row_ids=frozenset({7, 9}), evidence=said)
    async with db.transaction() as tx:
        opened = await holds.add_to_hold(tx, "acme", "candidates", rows)
        again = await holds.add_to_hold(
            tx, "acme", "candidates", Withheld(**{**asdict(rows), "row_ids": {9, 11}})
        )
    assert opened is not None
    assert again == (opened[0], False)
    number = str(opened[0])
    shown = (await program("status")).out
    assert f"candidates: 3 records are held back: {said}; none of it is published." in shown
    assert f"bridge holds approve {number}; if not: bridge holds discard {number}" in shown
    discarded = await program("holds", "discard", number)
    assert discarded.out == f"discarded {number}: detail:tagText: 3 candidates of acme\n"
    assert f"candidates: 3 records stay held back: {said}" in (await program("status")).out
    approved = json.loads((await program("holds", "approve", number, "--json")).out)
    assert [(one["id"], one["evidence"]) for one in approved] == [(opened[0], said)]


_COMMANDS = """
INSERT INTO commands (integration_id, command_id, type, content, position, state, step, tries, error_code,
                      history, result, received_at, finished_at)
VALUES ('acme', 'going', 'candidate.create', '', '', 'running', 'waiting', 2, NULL,
        '[{"at": "2026-11-30T09:00:00.25+00:00", "step": "find", "what": "no [answer]"}]', NULL, now(), NULL),
       ('acme', 'over', 'application.reject', '', '', 'failed', NULL, 1, 'PLATFORM.INPUT_INVALID',
        '[]', $1, now() - interval '9 min', now() - interval '3 min')
"""


async def test_commands_are_listed_with_how_far_they_are_and_how_they_ended(
    program: Program, db: Database
) -> None:
    await db.execute(_COMMANDS, SEALER.seal(PURPOSE, b'{"type": "application.reject.failed"}'))
    assert cells(await program("commands", "list")) == [
        ["going", "acme", "candidate.create", "running waiting", "2", "ago"],
        ["over", "acme", "application.reject", "failed PLATFORM.INPUT_INVALID", "1", "ago", "6 min"],
    ]
    going, over = await program("commands", "show", "going"), await program("commands", "show", "over")
    whole = await program("commands", "show", "over", "--result")
    assert "running at waiting" in going.out
    assert re.search(r"UTC, 2 tries\n", going.out)
    assert re.search(r"09:00:00\.250 +find +no \[answer\]", going.out)
    assert re.search(r"UTC, 1 try, 6 min\n", over.out)
    assert "application.reject.failed" not in over.out
    assert '"type": "application.reject.failed"' in whole.out


# --- deliveries -------------------------------------------------------------------------------------------


def event(number: int, kind: str) -> Event:
    subject = ids.entity_id("acme", "candidate", str(number))
    return Event(
        event_id=ids.event_id(subject, 1), event_type=kind, subject=subject, integration_id="acme",
        topic=None, partition=None, offset=None, at=NOW,
    )  # fmt: skip


def attempt(status: int | None, error: str | None = None, said: bytes | None = None) -> DeliveryAttempt:
    return DeliveryAttempt(
        at=NOW, status=status, error=error, reason=None if said is None else "answered [500]", elapsed_ms=12,
        response=None if said is None else SEALER.seal(delivery_log.RESPONSE_PURPOSE, said), signed_with="v1",
    )  # fmt: skip


@pytest.fixture
async def told(db: Database) -> list[str]:
    """The ids of deliveries to ``ep_1``: one made, one given up, one pending whose address was not found."""
    made, lost, late = [
        Delivery(id=ids.delivery_id("ep_1", what.event_id), endpoint_id="ep_1", event=what, body=b"{}")
        for what in (event(1, "job.created"), event(2, "job.updated"), event(3, "job.deleted"))
    ]
    refused, unknown = attempt(500, "server_error", said=b"[oh] no"), attempt(None, "dns")
    failed = Failed(error="server_error", attempt=refused)
    again = Retry(attempt=unknown, after_seconds=3600)
    async with db.transaction() as tx:
        await delivery_log.append_attempts(tx, [(made, attempt(204)), (lost, refused), (late, unknown)])
        await pending.add_pending(tx, SEALER, [(lost, failed), (late, again)])
    return [made.id, lost.id, late.id]


async def test_deliveries_are_listed_with_what_became_of_them(program: Program, told: list[str]) -> None:
    made, lost, late = told
    rows = {row[0]: row for row in cells(await program("deliveries", "list"))}
    assert rows.keys() == set(told)
    assert rows[made][1:5] == ["ep_1", "job.created", "delivered", "1"]
    assert rows[lost][1:5] == ["ep_1", "job.updated", "failed", "1"]
    assert (rows[made][-1], rows[lost][-1], rows[late][-1]) == ("204", "500", "dns")
    state, again = rows[late][3].rsplit(" ", 1)
    assert state == "pending retry at"
    assert (
        timedelta(hours=1) <= datetime.fromisoformat(again) - NOW + timedelta(seconds=1) < timedelta(hours=2)
    )


async def test_deliveries_are_listed_by_state_event_time_and_number(
    program: Program, told: list[str]
) -> None:
    made, lost, late = told
    for options, expected in [
        (("--state", "failed"), {lost}),
        (("--event", "job.deleted"), {late}),
        (("--since", "1h", "--endpoint", "ep_1"), {made, lost, late}),
        (("--state", "delivered", "--limit", "1"), {made}),
    ]:
        assert {row[0] for row in cells(await program("deliveries", "list", *options))} == expected, options
    none = await program("deliveries", "list", "--endpoint", "ep_2")
    refused = await program("deliveries", "list", "--state", "lost")
    assert (none.code, none.out) == (0, "No deliveries.\n")
    assert (refused.code, refused.err) == (
        2, "bridge: --state lost: no such state; use one of delivered, pending, failed\n",
    )  # fmt: skip


async def test_a_delivery_is_shown_with_what_the_receiver_said(program: Program, told: list[str]) -> None:
    _, lost, late = told
    answered, unanswered = [await program("deliveries", "show", one) for one in (lost, late)]
    assert re.search(r" 500 +12 ms +v1 +answered \[500\] +\[oh\] no", answered.out)
    assert re.search(r" dns +12 ms +v1", unanswered.out)
    unknown = await program("deliveries", "resend", "dl_1")
    assert (unknown.code, "no delivery has the id 'dl_1'; bridge deliveries list" in unknown.err) == (2, True)


async def test_recoveries_are_listed_with_what_they_found(program: Program) -> None:
    made = await program("endpoints", "create", "https://example.com/", "--json")
    endpoint_id = made.json["endpoint"]["id"]
    nothing = await program("deliveries", "recoveries", endpoint_id)
    await program("deliveries", "recover", endpoint_id, "--since", "2026-11-01", "--until", "2026-11-02")
    (row,) = cells(await program("deliveries", "recoveries", endpoint_id))
    assert (nothing.code, nothing.out) == (0, "No recoveries.\n")
    assert row[1:] == ["2026-11-01T00:00:00+00:00", "2026-11-02T00:00:00+00:00", "waiting", "0", "0"]


# --- tokens -----------------------------------------------------------------------------------------------


async def test_tokens_are_listed_with_whom_they_are_for_and_whether_they_hold(
    program: Program, db: Database
) -> None:
    tokens = ApiTokens(db, SEALER)
    empty = await program("tokens", "list")
    made = await program("tokens", "create", "--admin", "--description", "[ops]")
    _, used = await tokens.create(owner="acme", expires_at=datetime(2999, 1, 2, tzinfo=UTC))
    await tokens.create(owner="acme", expires_at=NOW - timedelta(minutes=30))
    revoked, _ = await tokens.create(owner="globex")
    await tokens.find(used)
    first, again = [await program("tokens", "revoke", revoked.id) for _ in range(2)]
    rows = [row[1:] for row in cells(await program("tokens", "list"))]
    assert empty.out == "No tokens. Create one with: bridge tokens create --admin\n"
    assert re.match(r"trb_\S+\ntok_\S+, for all endpoints. It is not shown again.\n", made.out)
    assert [first.out, again.out] == [f"revoked {revoked.id}\n", f"{revoked.id} was already revoked\n"]
    assert rows == [
        ["admin", "valid", "ago", "never", "[ops]"],
        ["acme", "until 2999-01-02", "ago", "ago"],
        ["acme", "expired ago", "ago", "never"],
        ["globex", "revoked ago", "ago", "never"],
    ]


async def test_a_token_is_for_an_owner_whose_name_is_one(program: Program) -> None:
    ended = await program("tokens", "create", "--owner", "a b")
    assert (ended.code, ended.err) == (
        2, "bridge: --owner: letters, digits, '.', '_' and '-', at most 63\n",
    )  # fmt: skip


# --- status -----------------------------------------------------------------------------------------------


async def test_status_tells_of_scans_that_go_on_or_failed_and_of_what_waits(
    program: Program, db: Database
) -> None:
    async with db.transaction() as tx:
        going = await scans.start_scan(tx, "acme", "candidates", "initial")
        await scans.advance_scan(tx, going.id, page(rows=250, known=1000))
        flawed = await scans.start_scan(tx, "acme", "jobs", "sweep")
        await scans.finish_scan(tx, flawed, "the list [shrank]")
        complete = await scans.start_scan(tx, "acme", "applications", "sweep")
        await scans.finish_scan(tx, complete, None)
        held_id = await holds.replace_hold(tx, "acme", "applications", BitMap64([1, 2]), 4)
        await outbox.append(tx, [OutboxRow(topic="t", key=b"k", value=b"v") for _ in range(3)])
    await holds.decide_hold(db, held_id, "approved")
    status = (await program("status")).out
    assert re.search(r"candidates +first load [█░]{8} \d+%, >?\d+ m?(s|in) left", status)
    # When it was proved stands in the row of a resource whose scan was complete, and in no other.
    assert re.search(r"^applications .* \d+ m?s ago *$", status, re.MULTILINE)
    assert status.count(" ago") == 1
    assert "jobs: the last scan proved no deletion: the list [shrank]\n" in status
    assert "applications: 2 approved deletions are being carried out\n" in status
    assert re.search(r"Outbox  3 waiting, the oldest for \d+ m?s; 0 sent", status)
    assert "no relay: start bridge run" in status


def page(rows: int, known: int) -> ScanProgress:
    """A page that was read, of a list of ``known`` rows."""
    return ScanProgress(
        segment=0, first_page=1, last_page=1, next_segment=0, next_page=2, pages_known=None, rows_known=known,
        seen=BitMap64(range(rows)), ghosts=0, changed=rows, calls=rows, flaw=None,
    )  # fmt: skip
