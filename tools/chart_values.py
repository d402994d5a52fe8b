"""The values of the Helm chart as structs; ``tools.chart`` generates ``values.schema.json`` from them.

Values that are passed to Kubernetes unchanged (resources, affinity and the like) are objects of any form
here: Kubernetes validates them. The defaults are in ``values.yaml`` and are not repeated here.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from bridge.config import Positive

Object = dict[str, Any]
Objects = tuple[dict[str, Any], ...]
TextMap = dict[str, str]
Name = Annotated[str, Meta(min_length=1)]
Count = Annotated[int, Meta(ge=0)]
Port = Annotated[int, Meta(ge=1, le=65_535)]


class ValuesGroup(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel", omit_defaults=True
):
    """A group of values. Unknown values are refused."""


class Image(ValuesGroup, frozen=True, kw_only=True):
    """The image of every container. ``digest`` overrides ``tag``; the default is the chart's version."""

    repository: Name | None = None
    tag: str | None = None
    digest: Annotated[str, Meta(pattern="^(sha256:[0-9a-f]{64})?$")] | None = None
    pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = None
    pull_secrets: Objects | None = None


class Probes(ValuesGroup, frozen=True, kw_only=True):
    """Times and thresholds of the probes, in Kubernetes's format. The chart sets their addresses."""

    startup: Object | None = None
    liveness: Object | None = None
    readiness: Object | None = None


class DisruptionBudget(ValuesGroup, frozen=True, kw_only=True):
    """The number of pods that may be unavailable at once. ``minAvailable`` overrides ``maxUnavailable``."""

    enabled: bool | None = None
    max_unavailable: Count | str | None = None
    min_available: Count | str | None = None


class Autoscaling(ValuesGroup, frozen=True, kw_only=True):
    """A HorizontalPodAutoscaler. The two targets are percentages of the requests; ``metrics`` adds more."""

    enabled: bool | None = None
    min_replicas: Positive | None = None
    max_replicas: Positive | None = None
    target_cpu_percent: Positive | None = None
    target_memory_percent: Positive | None = None
    metrics: Objects | None = None
    behavior: Object | None = None


class Workload(ValuesGroup, frozen=True, kw_only=True):
    """A Deployment, or with ``stableNames`` a StatefulSet whose pods use their names in Kafka."""

    replicas: Count | None = None
    stable_names: bool | None = None
    resources: Object | None = None
    probes: Probes | None = None
    strategy: Object | None = None
    disruption_budget: DisruptionBudget | None = None
    autoscaling: Autoscaling | None = None
    pod_annotations: TextMap | None = None
    pod_labels: TextMap | None = None
    node_selector: TextMap | None = None
    tolerations: Objects | None = None
    affinity: Object | None = None
    topology_spread_constraints: Objects | None = None
    priority_class_name: str | None = None


class RoleWorkload(Workload, frozen=True, kw_only=True):
    """A role: whether it runs, and the properties of its pods if it has pods of its own."""

    enabled: bool | None = None


class Roles(ValuesGroup, frozen=True, kw_only=True):
    """The roles by name."""

    poller: RoleWorkload | None = None
    relay: RoleWorkload | None = None
    commands: RoleWorkload | None = None
    webhooks: RoleWorkload | None = None
    api: RoleWorkload | None = None


class MigrationJobValues(ValuesGroup, frozen=True, kw_only=True):
    """The Job that migrates the database schema before anything else is installed or upgraded."""

    enabled: bool | None = None
    resources: Object | None = None
    backoff_limit: Count | None = None
    active_deadline_seconds: Positive | None = None
    pod_annotations: TextMap | None = None


class ServiceAccount(ValuesGroup, frozen=True, kw_only=True):
    """The service account of the pods. They do not use the Kubernetes API, so no token is mounted."""

    create: bool | None = None
    name: str | None = None
    annotations: TextMap | None = None


class ServiceValues(ValuesGroup, frozen=True, kw_only=True):
    """The Service of the HTTP API."""

    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] | None = None
    port: Port | None = None
    annotations: TextMap | None = None


class IngressPath(ValuesGroup, frozen=True, kw_only=True):
    """A path of a host."""

    path: Name
    path_type: Literal["Exact", "Prefix", "ImplementationSpecific"] = "Prefix"


class IngressHost(ValuesGroup, frozen=True, kw_only=True):
    """A host of the Ingress."""

    host: Name
    paths: tuple[IngressPath, ...] = (IngressPath(path="/"),)


class Ingress(ValuesGroup, frozen=True, kw_only=True):
    """The Ingress of the HTTP API."""

    enabled: bool | None = None
    class_name: str | None = None
    annotations: TextMap | None = None
    hosts: tuple[IngressHost, ...] | None = None
    tls: Objects | None = None


class NetworkPolicy(ValuesGroup, frozen=True, kw_only=True):
    """The peers that may call the pods, and those that the pods may call. An empty list of peers allows
    all."""

    enabled: bool | None = None
    api_from: Objects | None = None
    metrics_from: Objects | None = None
    dns_to: Objects | None = None
    postgres_port: Port | None = None
    kafka_ports: tuple[Port, ...] | None = None
    http_ports: tuple[Port, ...] | None = None
    extra_ingress: Objects | None = None
    extra_egress: Objects | None = None


class ServiceMonitor(ValuesGroup, frozen=True, kw_only=True):
    """A ServiceMonitor for the Prometheus operator."""

    enabled: bool | None = None
    labels: TextMap | None = None
    interval: str | None = None
    scrape_timeout: str | None = None
    relabelings: Objects | None = None
    metric_relabelings: Objects | None = None


class Alerts(ValuesGroup, frozen=True, kw_only=True):
    """A PrometheusRule for the Prometheus operator."""

    enabled: bool | None = None
    labels: TextMap | None = None


class Pods(ValuesGroup, frozen=True, kw_only=True):
    """Properties of all pods. ``extraEnv`` and the volumes apply to every container, including the Job's."""

    annotations: TextMap | None = None
    labels: TextMap | None = None
    security_context: Object | None = None
    container_security_context: Object | None = None
    termination_grace_period_seconds: Positive | None = None
    api_pre_stop_seconds: Count | None = None
    extra_env: Objects | None = None
    extra_volumes: Objects | None = None
    extra_volume_mounts: Objects | None = None


class SecretRef(ValuesGroup, frozen=True, kw_only=True):
    """A key of an existing Secret."""

    name: Name
    key: Name


class ChartValues(ValuesGroup, frozen=True, kw_only=True):
    """All values of the chart. ``config`` and ``secretRefs`` come from the configuration's struct."""

    mode: Literal["roles", "one", "sidecar"] | None = None
    name_override: str | None = None
    fullname_override: str | None = None
    image: Image | None = None
    config: Object | None = None
    secret_refs: Object | None = None
    existing_secrets: tuple[Name, ...] | None = None
    roles: Roles | None = None
    one: Workload | None = None
    probes: Probes | None = None
    pods: Pods | None = None
    migration: MigrationJobValues | None = None
    service_account: ServiceAccount | None = None
    service: ServiceValues | None = None
    ingress: Ingress | None = None
    network_policy: NetworkPolicy | None = None
    service_monitor: ServiceMonitor | None = None
    alerts: Alerts | None = None
    # Helm itself passes this to a chart that another chart depends on.
    global_: Object | None = field(name="global", default=None)
