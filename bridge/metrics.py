"""Every metric of the bridge, declared once. The table of ``docs/metrics.md`` is made from this module.

What the process counts itself is in ``REGISTRY``, one for the process however many bridges run in it. What
the store knows is declared in ``STORE`` and read when somebody asks, by ``bridge.monitoring``.
"""

from collections import Counter as Tally
from collections.abc import Iterable

from msgspec import Struct
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from trackerrms_contracts.commands import INPUTS

# When a counter began is no news, and would be a series beside each.
disable_created_metrics()
REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)

RELAY_PUBLISHED = Counter(
    "bridge_relay_published", "Messages that the broker acknowledged.", registry=REGISTRY
)
RELAY_BATCH = Histogram("bridge_relay_batch_seconds", "Publishing one batch to Kafka.", registry=REGISTRY)
CHANGE_SECONDS = Histogram(
    "bridge_change_to_kafka_seconds",
    "From a record's last update in TrackerRMS, by its clock and to the second, to the broker's "
    "acknowledgement: of created and updated events that such an update led to. Not of first loads, resyncs "
    "and deletions; of a large batch, of its first 100 messages.",
    ("cause",),
    buckets=(1, 2.5, 5, 10, 15, 30, 60, 120, 300, 900, 3600, 14400),
    registry=REGISTRY,
)
RECORDS = Counter(
    "bridge_records_scanned",
    "Rows of TrackerRMS's lists that were read, by polls and scans: `changed` since they were last seen, or "
    "new; or `unchanged` and passed over.",
    ("integration", "resource", "outcome"),
    registry=REGISTRY,
)
POLL_SECONDS = Histogram(
    "bridge_poll_seconds",
    "One complete poll of a resource.",
    ("integration", "resource"),
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900),
    registry=REGISTRY,
)
SCAN_SECONDS = Histogram(
    "bridge_scan_seconds",
    "One scan of a resource from its first page to its last, restarts in between included, by kind: "
    "`initial`, `sweep`, `resync` or `republish`.",
    ("integration", "resource", "kind"),
    buckets=(1, 10, 60, 300, 900, 1800, 3600, 7200, 14400, 43200, 86400),
    registry=REGISTRY,
)
MERGED = Counter(
    "bridge_records_merged",
    "Records deleted because by id another record is answered: they were merged into that one.",
    ("integration", "resource"),
    registry=REGISTRY,
)
COMMANDS = Counter("bridge_commands_finished", "Commands that ended.", ("type", "outcome"), registry=REGISTRY)
COMMAND_SECONDS = Histogram(
    "bridge_command_seconds",
    "From a command's arrival here to its end.",
    ("type",),
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 600),
    registry=REGISTRY,
)
DELIVERIES = Counter(
    "bridge_deliveries_attempted",
    "Attempts to deliver, by outcome: the status as `2xx` and so on, or what went wrong before one.",
    ("outcome",),
    registry=REGISTRY,
)
BREAKERS = Gauge(
    "bridge_endpoints",
    "Endpoints that this process delivers to, by breaker: `closed`; `open` after failures in a row, with a "
    "trial now and then; `held` as long as the endpoint asked for.",
    ("breaker",),
    registry=REGISTRY,
)
COUNTED = (
    RELAY_PUBLISHED,
    RELAY_BATCH,
    CHANGE_SECONDS,
    RECORDS,
    POLL_SECONDS,
    SCAN_SECONDS,
    MERGED,
    COMMANDS,
    COMMAND_SECONDS,
    DELIVERIES,
    BREAKERS,
)
# From the start: of a series that begins with its first failure, Prometheus sees no increase.
for _type in INPUTS:
    for _outcome in ("succeeded", "failed", "unknown"):
        COMMANDS.labels(_type, _outcome)


def start_series(integration: str, resources: Iterable[str]) -> None:
    """Show an account's series from the start: one that was never read must be seen not to be read."""
    for resource in resources:
        POLL_SECONDS.labels(integration, resource)
        count_rows(integration, resource, 0, 0)


def count_rows(integration: str, resource: str, read: int, changed: int) -> None:
    """Some pages of a list were read: so many rows, and so many of them had changed."""
    RECORDS.labels(integration, resource, "changed").inc(changed)
    RECORDS.labels(integration, resource, "unchanged").inc(read - changed)


def show_breakers(states: Iterable[str]) -> None:
    """How the breakers of this process's endpoints stand now."""
    tally = Tally(states)
    for state in ("closed", "open", "held"):
        BREAKERS.labels(state).set(tally[state])


class LiveGauge(Struct, frozen=True, kw_only=True):
    """A gauge that is read when somebody asks."""

    name: str
    meaning: str
    labels: tuple[str, ...] = ()


STAGE_SILENT = LiveGauge(
    name="bridge_stage_last_beat_seconds",
    meaning="Since a stage last gave a sign of life.",
    labels=("stage",),
)
STORE_UP = LiveGauge(
    name="bridge_store_up", meaning="1 when the store could be read for this answer, else 0."
)
OUTBOX_ROWS = LiveGauge(name="bridge_outbox_rows", meaning="Messages that wait for Kafka; counts to 10,000.")
OUTBOX_OLDEST = LiveGauge(
    name="bridge_outbox_oldest_seconds", meaning="How long the first of them has waited; 0 when none does."
)
SCAN_AGE = LiveGauge(
    name="bridge_scan_age_seconds",
    meaning="Since the end of the last complete scan.",
    labels=("integration", "resource"),
)
BUDGET_USED = LiveGauge(
    name="bridge_budget_used_requests", meaning="Granted in the last minute.", labels=("integration",)
)
BUDGET_LEFT = LiveGauge(
    name="bridge_budget_left_requests", meaning="Left of a minute's budget.", labels=("integration",)
)
ACCOUNT_UP = LiveGauge(
    name="bridge_account_up",
    meaning="1 while every resource's last poll succeeded; 0 while one fails, or none has succeeded yet.",
    labels=("integration",),
)
ACCOUNT_PAUSED = LiveGauge(
    name="bridge_account_paused_seconds",
    meaning="Until the account is called again, after TrackerRMS asked for patience; 0 while it is called.",
    labels=("integration",),
)
PARKED = LiveGauge(
    name="bridge_records_parked",
    meaning="Records that could not be processed and wait to become readable; counts to 10,000.",
    labels=("integration", "resource"),
)
HOLDS = LiveGauge(
    name="bridge_holds",
    meaning="Holds that wait for a person, or were approved and are not done, by kind: `deletions`, "
    "`derived_deletions`, `emptied_field` or `missing_key`.",
    labels=("integration", "resource", "kind"),
)
UNLISTED = LiveGauge(
    name="bridge_unlisted_records",
    meaning="Records that are in no list and are read by id all the same: kept, and not seen to change.",
    labels=("integration", "resource"),
)
NOTHING = "none"
"""The label of a series that is 0: there is nothing to tell of that resource, and it is known."""
REMARKS = LiveGauge(
    name="bridge_account_remarks",
    meaning="How often the account's answers looked wrong in a way that is no failure, and still do: "
    "`bridge status` has the text and what to set. The code `none` is 0.",
    labels=("integration", "resource", "code"),
)
GAPS = LiveGauge(
    name="bridge_gap_records",
    meaning="Records with a value in this field that can't be read without a guess, and is left out; counts "
    "to 10,000. `bridge status` says why. The field `none` is 0.",
    labels=("integration", "resource", "field"),
)
PENDING = LiveGauge(
    name="bridge_deliveries_pending",
    meaning="Deliveries that are pending; counts to 10,000.",
)
PENDING_OLDEST = LiveGauge(
    name="bridge_deliveries_pending_oldest_seconds",
    meaning="Since the oldest of them was first due; 0 when none is pending.",
)
LEASE_HOLDERS = LiveGauge(
    name="bridge_lease_holders",
    meaning="Processes that hold a lease of this role now: 1 or 0 of a poller and the relay; of commands and "
    "webhooks as many as work.",
    labels=("role", "integration"),
)
TOKEN_EXPIRES = LiveGauge(
    name="bridge_token_expires_seconds",
    meaning="Until TrackerRMS's JWT expires, which is exchanged anew an hour before; below 0 once it has, 0 "
    "before the first exchange, `+Inf` where TrackerRMS does not say. Nothing tells when a bearer token or a "
    "refresh token does.",
    labels=("integration",),
)
STORE = (
    OUTBOX_ROWS,
    OUTBOX_OLDEST,
    SCAN_AGE,
    BUDGET_USED,
    BUDGET_LEFT,
    ACCOUNT_UP,
    ACCOUNT_PAUSED,
    PARKED,
    HOLDS,
    UNLISTED,
    REMARKS,
    GAPS,
    PENDING,
    PENDING_OLDEST,
    LEASE_HOLDERS,
    TOKEN_EXPIRES,
)
READ = (STAGE_SILENT, STORE_UP, *STORE)


def documented() -> list[tuple[str, str, tuple[str, ...], str]]:
    """(name, type, labels, meaning) of every metric of ours, as ``docs/metrics.md`` has them."""
    found: list[tuple[str, str, tuple[str, ...], str]] = []
    for counted in COUNTED:
        family = next(iter(counted.describe()))
        name = f"{family.name}_total" if family.type == "counter" else family.name
        found.append((name, family.type, counted._labelnames, family.documentation))
    return found + [(one.name, "gauge", one.labels, one.meaning) for one in READ]


class GaugeSample(Struct, frozen=True, kw_only=True):
    """One value of a gauge, with its labels' values in their order."""

    of: LiveGauge
    value: float
    labels: tuple[str, ...] = ()


class _Samples(Collector):
    def __init__(self, samples: Iterable[GaugeSample]) -> None:
        self._samples = samples

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """The gauges, each with its samples."""
        families = {one.name: GaugeMetricFamily(one.name, one.meaning, labels=one.labels) for one in READ}
        for sample in self._samples:
            families[sample.of.name].add_metric(sample.labels, sample.value)
        return families.values()


def exposition(samples: Iterable[GaugeSample]) -> bytes:
    """What ``/metrics`` answers: what was counted, and ``samples``."""
    # A registry of this answer's own: no value of another bridge, or of a minute ago, is left over.
    asked = CollectorRegistry()
    asked.register(_Samples(samples))
    return generate_latest(REGISTRY) + generate_latest(asked)
