"""Declarations of every metric of the bridge. ``docs/metrics.md`` is generated from this module.

``REGISTRY`` has what the process itself counts; a process has one, however many bridges run in it. ``STORE``
lists what ``bridge.monitoring`` reads from the store for each scrape.
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

# The creation time of a counter has no use for operators, and would add a series for each counter.
disable_created_metrics()
REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)

RELAY_PUBLISHED = Counter(
    "bridge_relay_published", "Messages that the broker has acknowledged.", registry=REGISTRY
)
RELAY_BATCH = Histogram(
    "bridge_relay_batch_seconds", "Time to publish one batch to Kafka.", registry=REGISTRY
)
CHANGE_SECONDS = Histogram(
    "bridge_change_to_kafka_seconds",
    "Time from a record's last update in TrackerRMS (its clock, to the second) to the broker's "
    "acknowledgement of the created or updated event. First loads, resyncs and deletions are not counted. Of "
    "a large batch, only the first 100 messages are counted.",
    ("cause",),
    buckets=(1, 2.5, 5, 10, 15, 30, 60, 120, 300, 900, 3600, 14400),
    registry=REGISTRY,
)
RECORDS = Counter(
    "bridge_records_scanned",
    "List rows that polls and scans read from TrackerRMS. `changed`: new, or different from the last read. "
    "`unchanged`: skipped.",
    ("integration", "resource", "outcome"),
    registry=REGISTRY,
)
POLL_SECONDS = Histogram(
    "bridge_poll_seconds",
    "Duration of one complete poll of a resource.",
    ("integration", "resource"),
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900),
    registry=REGISTRY,
)
SCAN_SECONDS = Histogram(
    "bridge_scan_seconds",
    "Duration of one scan of a resource from its first page to its last, including restarts, by kind: "
    "`initial`, `sweep`, `resync` or `republish`.",
    ("integration", "resource", "kind"),
    buckets=(1, 10, 60, 300, 900, 1800, 3600, 7200, 14400, 43200, 86400),
    registry=REGISTRY,
)
MERGED = Counter(
    "bridge_records_merged",
    "Records deleted because a read by id returned another record: they were merged into that record.",
    ("integration", "resource"),
    registry=REGISTRY,
)
COMMANDS = Counter("bridge_commands_finished", "Finished commands.", ("type", "outcome"), registry=REGISTRY)
COMMAND_SECONDS = Histogram(
    "bridge_command_seconds",
    "Time from a command's arrival at the bridge to its end.",
    ("type",),
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 600),
    registry=REGISTRY,
)
DELIVERIES = Counter(
    "bridge_deliveries_attempted",
    "Delivery attempts, by outcome: the status class such as `2xx`, or the error that prevented a response.",
    ("outcome",),
    registry=REGISTRY,
)
BREAKERS = Gauge(
    "bridge_endpoints",
    "Endpoints that this process delivers to, by breaker state: `closed`; `open` after consecutive failures, "
    "with an occasional trial; `held` for as long as the endpoint asked to wait.",
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
# Create every series at the start: Prometheus sees no increase in a series that begins with its first
# failure.
for _type in INPUTS:
    for _outcome in ("succeeded", "failed", "unknown"):
        COMMANDS.labels(_type, _outcome)


def start_series(integration: str, resources: Iterable[str]) -> None:
    """Create an account's series at the start, so that an account that was never read is visible."""
    for resource in resources:
        POLL_SECONDS.labels(integration, resource)
        count_rows(integration, resource, 0, 0)


def count_rows(integration: str, resource: str, read: int, changed: int) -> None:
    """Count the rows of the pages that were read, and how many of the rows had changed."""
    RECORDS.labels(integration, resource, "changed").inc(changed)
    RECORDS.labels(integration, resource, "unchanged").inc(read - changed)


def show_breakers(states: Iterable[str]) -> None:
    """Set the number of this process's endpoints in each breaker state."""
    tally = Tally(states)
    for state in ("closed", "open", "held"):
        BREAKERS.labels(state).set(tally[state])


class LiveGauge(Struct, frozen=True, kw_only=True):
    """A gauge that is read for each scrape."""

    name: str
    meaning: str
    labels: tuple[str, ...] = ()


STAGE_SILENT = LiveGauge(
    name="bridge_stage_last_beat_seconds",
    meaning="Time since the stage's last heartbeat.",
    labels=("stage",),
)
STORE_UP = LiveGauge(name="bridge_store_up", meaning="1 if this scrape could read the store, else 0.")
OUTBOX_ROWS = LiveGauge(
    name="bridge_outbox_rows", meaning="Messages that wait to be published to Kafka; counted up to 10,000."
)
OUTBOX_OLDEST = LiveGauge(
    name="bridge_outbox_oldest_seconds",
    meaning="How long the oldest of these messages has waited; 0 when none waits.",
)
SCAN_AGE = LiveGauge(
    name="bridge_scan_age_seconds",
    meaning="Time since the last complete scan ended.",
    labels=("integration", "resource"),
)
BUDGET_USED = LiveGauge(
    name="bridge_budget_used_requests",
    meaning="Requests granted in the last minute.",
    labels=("integration",),
)
BUDGET_LEFT = LiveGauge(
    name="bridge_budget_left_requests",
    meaning="Requests left in the budget of one minute.",
    labels=("integration",),
)
ACCOUNT_UP = LiveGauge(
    name="bridge_account_up",
    meaning="1 while the last poll of every resource succeeded; 0 while one fails, or before the first "
    "success.",
    labels=("integration",),
)
ACCOUNT_PAUSED = LiveGauge(
    name="bridge_account_paused_seconds",
    meaning="Time until the account is called again, after TrackerRMS asked to wait; 0 while it is called.",
    labels=("integration",),
)
PARKED = LiveGauge(
    name="bridge_records_parked",
    meaning="Records that could not be processed and wait until they become readable; counted up to 10,000.",
    labels=("integration", "resource"),
)
HOLDS = LiveGauge(
    name="bridge_holds",
    meaning="Holds that wait for a decision, or are approved and not finished, by kind: `deletions`, "
    "`derived_deletions`, `emptied_field` or `missing_key`.",
    labels=("integration", "resource", "kind"),
)
UNLISTED = LiveGauge(
    name="bridge_unlisted_records",
    meaning="Records that can be read by id but are in no list. They are kept; their changes are not seen.",
    labels=("integration", "resource"),
)
NOTHING = "none"
"""Label value of a series with the value 0: it shows that the resource is known and has nothing to report."""
REMARKS = LiveGauge(
    name="bridge_account_remarks",
    meaning="How often the account's answers still look wrong in a way that is not a failure. `bridge "
    "status` shows the text and the key to set. The code `none` is always 0.",
    labels=("integration", "resource", "code"),
)
GAPS = LiveGauge(
    name="bridge_gap_records",
    meaning="Records with a value in this field that can't be read without a guess and is left out; counted "
    "up to 10,000. `bridge status` shows the reason. The field `none` is always 0.",
    labels=("integration", "resource", "field"),
)
PENDING = LiveGauge(
    name="bridge_deliveries_pending",
    meaning="Pending deliveries; counted up to 10,000.",
)
PENDING_OLDEST = LiveGauge(
    name="bridge_deliveries_pending_oldest_seconds",
    meaning="Time since the oldest pending delivery was first due; 0 when none is pending.",
)
LEASE_HOLDERS = LiveGauge(
    name="bridge_lease_holders",
    meaning="Processes that hold a lease of this role: 0 or 1 for a poller and the relay; for commands and "
    "webhooks, as many as work.",
    labels=("role", "integration"),
)
TOKEN_EXPIRES = LiveGauge(
    name="bridge_token_expires_seconds",
    meaning="Time until TrackerRMS's JWT expires. It is exchanged one hour before. Below 0 after expiry, 0 "
    "before the first exchange, `+Inf` if TrackerRMS gives no expiry. The expiry of a bearer token or a "
    "refresh token is unknown.",
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
    """Return (name, type, labels, meaning) of every metric, for ``docs/metrics.md``."""
    found: list[tuple[str, str, tuple[str, ...], str]] = []
    for counted in COUNTED:
        family = next(iter(counted.describe()))
        name = f"{family.name}_total" if family.type == "counter" else family.name
        found.append((name, family.type, counted._labelnames, family.documentation))
    return found + [(one.name, "gauge", one.labels, one.meaning) for one in READ]


class GaugeSample(Struct, frozen=True, kw_only=True):
    """A value of a gauge, with the values of its labels in order."""

    of: LiveGauge
    value: float
    labels: tuple[str, ...] = ()


class _Samples(Collector):
    def __init__(self, samples: Iterable[GaugeSample]) -> None:
        self._samples = samples

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Return the gauges, each with its samples."""
        families = {one.name: GaugeMetricFamily(one.name, one.meaning, labels=one.labels) for one in READ}
        for sample in self._samples:
            families[sample.of.name].add_metric(sample.labels, sample.value)
        return families.values()


def exposition(samples: Iterable[GaugeSample]) -> bytes:
    """Return the body of ``/metrics``: the process's own counts, and ``samples``."""
    # A new registry for each scrape: no value of another bridge, or of an earlier scrape, remains.
    asked = CollectorRegistry()
    asked.register(_Samples(samples))
    return generate_latest(REGISTRY) + generate_latest(asked)
