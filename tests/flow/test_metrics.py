"""After the demo, which has all of the bridge at work, ``/metrics`` shows what is documented, and truly."""

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

import aiohttp
import msgspec
import pytest
from msgspec import Struct
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from trackerrms_contracts import topics
from trackerrms_contracts.commands import INPUTS
from trackerrms_contracts.entities import Model
from trackerrms_contracts.events import OPERATIONS, Cause, event_type

from bridge import app, config, kafka, metrics
from bridge.app import ROLES
from bridge.store import holds
from bridge.store.database import Database
from bridge.store.scans import ScanKind
from bridge.tracker import resources
from bridge.tracker.schema import ResourceName
from tests.flow.program import Program
from tests.waiting import patient, until


class Shown(Struct, frozen=True, kw_only=True):
    """What ``/metrics`` and ``/readyz`` said, and what there is to compare with it."""

    families: dict[str, Metric]
    ready: Any
    messages: list[dict[str, Any]]
    commands: list[Any]
    delivered: int
    requests_per_minute: int

    def value(self, sample: str, **labels: str) -> float:
        """The sum of the samples of that name with these labels."""
        return sum(
            found.value
            for family in self.families.values()
            for found in family.samples
            if found.name == sample and labels.items() <= found.labels.items()
        )

    def events(self) -> list[dict[str, Any]]:
        """Those of the messages that are events of records."""
        kinds = {event_type(model, operation) for model in Model for operation in OPERATIONS}
        return [one for one in self.messages if one["type"] in kinds]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """The demo is played once, and looked at while it goes on."""
    with asyncio.Runner() as runner:
        yield runner.run(_played(Program(tmp_path_factory.mktemp("demo"))))


async def _played(program: Program) -> Shown:
    async with program.running("demo", "--keep", "--seconds", str(patient(60))) as process:
        assert process.stdout is not None
        printed = (await process.stdout.readuntil(b"Press Ctrl-C to stop.")).decode().splitlines()
        path = Path(next(line for line in printed if "BRIDGE_CONFIG=" in line).partition("=")[2])
        url = next(line for line in printed if line.endswith("/metrics")).split()[1]
        settings = config.load_config(path, {})
        commands = await program("--config", str(path), "commands", "list", "--json")
        async with aiohttp.ClientSession() as http:

            async def rested() -> bool:
                async with http.get(url) as answer:
                    text = await answer.text()
                return "bridge_outbox_rows 0.0" in text and "bridge_deliveries_pending 0.0" in text

            await until(rested)
            async with http.get(url) as answer:
                families = list(text_string_to_metric_families(await answer.text()))
            async with http.get(url.replace("/metrics", "/readyz")) as answer:
                ready = await answer.json()
        messages = await _messages(settings)
        delivered = await _delivered(settings, families)
    return Shown(
        families={f.name: f for f in families},
        ready=ready,
        messages=messages,
        commands=commands.json,
        delivered=delivered,
        requests_per_minute=settings.integrations[0].requests_per_minute,
    )


async def _delivered(settings: config.Config, families: Sequence[Metric]) -> int:
    """How many deliveries the log knows, once it has those that were counted."""
    counted = next(f for f in families if f.name == "bridge_deliveries_attempted").samples[0].value
    found: list[int] = []
    async with await Database.open(app.store_url(settings), 1) as db:

        async def logged() -> bool:
            found[:] = [await db.fetchval("SELECT count(*) FROM webhook_attempts WHERE delivered")]
            return found[0] >= counted

        with contextlib.suppress(TimeoutError):
            await until(logged)
    return found[0]


async def _messages(settings: config.Config) -> list[dict[str, Any]]:
    """All that the relay has published."""
    prefix = settings.kafka.topic_prefix
    names = [*topics.all_events(prefix).values(), topics.command_results(prefix), topics.dead_letter(prefix)]
    async with kafka.Consumer(settings.kafka, names, start="beginning") as consumer:
        return [msgspec.json.decode(r.value or b"") for r in await consumer.read_to_end()]


def test_every_metric_of_the_documented_list_has_a_value(shown: Shown) -> None:
    samples = {
        f"{f.name}_total" if f.type == "counter" else f.name for f in shown.families.values() if f.samples
    }
    documented = {name for name, *_ in metrics.documented()}
    assert {n for n in samples if n.startswith("bridge_")} == documented, (
        "bridge/metrics.py: what counts belongs into COUNTED, and its series begin at 0; a LiveGauge belongs "
        "into STORE, and bridge/monitoring.py fills it"
    )


# The demo merges no records.
SELDOM = {"bridge_records_merged_total"}


def test_every_counter_and_histogram_has_counted(shown: Shown) -> None:
    silent = []
    for name, kind, *_ in metrics.documented():
        sample = {"counter": name, "histogram": f"{name}_count"}.get(kind)
        if sample is not None and sample not in SELDOM and shown.value(sample) == 0:
            silent.append(name)
    assert silent == [], (
        "the demo has all of the bridge at work, and these counted nothing: count where it happens; where "
        "the demo never does that, add them to SELDOM with the reason"
    )


def test_types_and_labels_are_those_documented(shown: Shown) -> None:
    for name, kind, labels, meaning in metrics.documented():
        family = shown.families[name.removesuffix("_total")]
        assert (family.type, family.documentation) == (kind, meaning)
        # Of a label that does not apply, Prometheus knows no empty value.
        assert all({*s.labels} - {"le"} == {*labels} for s in family.samples), name


KNOWN = {
    "integration": {"demo", ""},
    "resource": set(get_args(ResourceName)),
    "cause": set(get_args(Cause)),
    "kind": {*get_args(ScanKind), *holds.KINDS},
    "code": {metrics.NOTHING},
    "type": set(INPUTS),
    "role": set(ROLES),
    "breaker": {"closed", "open", "held"},
    "stage": {*ROLES, "poller:demo", "monitoring", "watch"},
    "field": {
        metrics.NOTHING,
        "outcome",
        *(name for table in resources.DEFAULT.resources.values() for name in table.fields),
    },
}
OUTCOMES = {
    "bridge_records_scanned": {"changed", "unchanged"},
    "bridge_commands_finished": {"succeeded", "failed", "unknown"},
    "bridge_deliveries_attempted": {"2xx"},
}


def test_no_label_has_values_without_bound(shown: Shown) -> None:
    for name, family in shown.families.items():
        if not name.startswith("bridge_"):
            continue
        for sample in family.samples:
            for label, value in sample.labels.items():
                if label == "le":
                    continue
                allowed = OUTCOMES[name] if label == "outcome" else KNOWN[label]
                assert value in allowed, (name, label, value)


def test_all_that_lies_on_kafka_was_counted_once(shown: Shown) -> None:
    assert shown.value("bridge_relay_published_total") == len(shown.messages)
    assert shown.value("bridge_outbox_rows") == 0


def test_changes_are_timed_and_first_loads_are_not(shown: Shown) -> None:
    timed = [
        one["data"]["cause"]
        for one in shown.events()
        if one["data"]["record"].get("remote_updated_at")
        and (one["type"].endswith("created") or "remote_updated_at" in one["data"]["changed_fields"])
    ]
    assert timed.count("initial") > 50
    for cause in ("poll", "sweep", "command"):
        counted = shown.value("bridge_change_to_kafka_seconds_count", cause=cause)
        assert counted == timed.count(cause), cause
    assert shown.value("bridge_change_to_kafka_seconds_count") == len(timed) - timed.count("initial")
    # The demo's changes are seconds old; its records were last updated long before it began.
    assert shown.value("bridge_change_to_kafka_seconds_bucket", cause="poll", le="60.0") == timed.count(
        "poll"
    )


def test_rows_that_moved_are_told_from_those_that_did_not(shown: Shown) -> None:
    for resource, model in (("candidates", "candidate"), ("jobs", "job"), ("applications", "application")):
        events = [one for one in shown.events() if one["type"] == f"{model}.created"]
        changed = shown.value("bridge_records_scanned_total", resource=resource, outcome="changed")
        unchanged = shown.value("bridge_records_scanned_total", resource=resource, outcome="unchanged")
        assert changed >= len(events) > 0
        assert unchanged > 0
        # The demo adds a status, after which every application is read anew: those moved by design.
        if resource != "applications":
            assert unchanged > changed - len(events)
        assert shown.value("bridge_scan_seconds_count", resource=resource, kind="initial") == 1
        assert shown.value("bridge_scan_seconds_count", resource=resource, kind="sweep") > 0
        assert shown.value("bridge_poll_seconds_count", resource=resource) > 0


def test_commands_are_counted_by_type_and_outcome(shown: Shown) -> None:
    ended = [(one["type"], one["state"]) for one in shown.commands]
    assert len(ended) == shown.value("bridge_commands_finished_total") > 0
    for kind, state in set(ended):
        counted = shown.value("bridge_commands_finished_total", type=kind, outcome=state)
        assert counted == ended.count((kind, state))
        assert shown.value("bridge_command_seconds_count", type=kind) > 0
    # What never happened is 0, not absent: its first time is an increase.
    assert shown.value("bridge_commands_finished_total", outcome="failed") == 0
    failed = [
        s for s in shown.families["bridge_commands_finished"].samples if s.labels["outcome"] == "failed"
    ]
    assert {s.labels["type"] for s in failed} == set(INPUTS)


def test_deliveries_and_their_endpoint_are_told(shown: Shown) -> None:
    assert shown.value("bridge_deliveries_attempted_total", outcome="2xx") == shown.delivered > 0
    assert shown.value("bridge_deliveries_pending") == 0
    assert shown.value("bridge_deliveries_pending_oldest_seconds") == 0
    states = {s: shown.value("bridge_endpoints", breaker=s) for s in ("closed", "open", "held")}
    assert states == {"closed": 1, "open": 0, "held": 0}


def test_each_lease_has_its_holder(shown: Shown) -> None:
    for role in ("poller", "relay", "commands", "webhooks"):
        assert shown.value("bridge_lease_holders", role=role) == 1, role
    assert shown.ready["leases"]["poller:demo"] == shown.ready["leases"]["relay"] == "held"


def test_the_budget_and_the_token_are_those_of_the_account(shown: Shown) -> None:
    used, left = shown.value("bridge_budget_used_requests"), shown.value("bridge_budget_left_requests")
    assert (used > 0, used + left) == (True, shown.requests_per_minute)
    assert 0 < shown.value("bridge_token_expires_seconds") <= 8 * 86_400
    assert 0 <= shown.value("bridge_scan_age_seconds", resource="candidates") < 60


def test_the_demo_is_ready_and_says_so(shown: Shown) -> None:
    assert (shown.ready["status"], shown.ready["missing"]) == ("ok", [])
    assert shown.ready["trackerrms"] == {"demo": "ok"}
    assert set(shown.ready["stages"].values()) == {"running"}
