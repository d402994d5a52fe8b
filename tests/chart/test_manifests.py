"""What the manifests say, whatever the mode: read as Kubernetes would."""

import inspect
from typing import Any

import pytest
import yaml

from bridge.app import ROLES
from bridge.config import Config
from bridge.runtime import supervisor
from tests import pages
from tests.chart.rendering import RUNNING, Helm, Manifest, containers, named, of_kind, pods

pytestmark = pytest.mark.timeout(1200)  # the first one may have to build helm
NAME = "bridge-trackerrms-bridge"
ALL_ON: dict[str, Any] = {
    "networkPolicy": {"enabled": True},
    "serviceMonitor": {"enabled": True},
    "ingress": {"enabled": True, "hosts": [{"host": "bridge.example"}]},
}


# What goes wrong with an account: it never worked, records are parked, a person must decide (deletions, mass
# changes, drift), its answers look wrong.
_OF_AN_ACCOUNT = {
    "BridgeAccountDown": "bridge_account_up",
    "BridgeRecordsParked": "bridge_records_parked",
    "BridgeHolds": "bridge_holds",
    "BridgeAccountRemarks": "bridge_account_remarks",
}


@pytest.fixture(params=["roles", "one", "sidecar"])
def mode(request: pytest.FixtureRequest) -> str:
    """Each mode in turn."""
    return str(request.param)


@pytest.fixture
def manifests(helm: Helm, mode: str) -> list[Manifest]:
    """With everything switched on."""
    return helm({"mode": mode, **ALL_ON})


def roles_of(container: Manifest) -> tuple[str, ...]:
    """The roles that the container's arguments choose."""
    assert container["args"][0] == "run"
    return tuple(one.removeprefix("--only=") for one in container["args"][1:]) or ROLES


def test_each_role_has_a_deployment_of_its_own(helm: Helm) -> None:
    found = {name: roles_of(c) for name, c, _ in containers(helm()) if not name.endswith("/migrate")}
    assert found == {f"{NAME}-{role}/{role}": (role,) for role in ROLES}


def test_one_deployment_has_all_roles(helm: Helm) -> None:
    found = {name: roles_of(c) for name, c, _ in containers(helm({"mode": "one"})) if "migrate" not in name}
    assert found == {f"{NAME}-all/bridge": ROLES}


def test_one_deployment_has_the_roles_that_are_enabled(helm: Helm) -> None:
    values = {"mode": "one", "roles": {"api": {"enabled": False}, "webhooks": {"enabled": False}}}
    (found,) = [roles_of(c) for name, c, _ in containers(helm(values)) if "migrate" not in name]
    assert found == ("poller", "relay", "commands")


def test_the_webhooks_are_a_sidecar_of_the_poller(helm: Helm) -> None:
    manifests = helm({"mode": "sidecar"})
    found = {name: roles_of(c) for name, c, _ in containers(manifests) if "migrate" not in name}
    assert found == {
        **{f"{NAME}-{role}/{role}": (role,) for role in ROLES if role != "webhooks"},
        f"{NAME}-poller/webhooks": ("webhooks",),
    }


def test_a_role_that_is_off_has_nothing(helm: Helm) -> None:
    manifests = helm({"roles": {"relay": {"enabled": False}}})
    assert [m["metadata"]["name"] for m in manifests if m["metadata"]["name"].endswith("-relay")] == []


def test_containers_are_locked_in(manifests: list[Manifest]) -> None:
    for name, container, pod in containers(manifests):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == 10001
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert {"name": "tmp", "mountPath": "/tmp"} in container["volumeMounts"]  # noqa: S108 (in the pod)
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False  # a Service "bridge" would make BRIDGE_PORT, no setting


def test_containers_say_what_they_need(manifests: list[Manifest]) -> None:
    for name, container, _ in containers(manifests):
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}, name
        assert container["resources"]["limits"].keys() == {"memory"}, name


def test_containers_are_probed_where_they_answer(manifests: list[Manifest]) -> None:
    for name, container, pod in containers(manifests):
        if name.endswith("/migrate"):
            continue
        ports = {p["name"]: p["containerPort"] for p in container["ports"]}
        (monitoring,) = [port for name, port in ports.items() if name.endswith("metrics")]
        asked = {
            kind: (container[kind]["httpGet"]["path"], container[kind]["httpGet"]["port"])
            for kind in ("startupProbe", "livenessProbe", "readinessProbe")
        }
        assert asked == {
            "startupProbe": ("/livez", monitoring),
            "livenessProbe": ("/livez", monitoring),
            # A Service sends requests to what is ready: the API answers them while Kafka is away.
            "readinessProbe": ("/readyz", ports.get("api", monitoring)),
        }, name
        variables = {e["name"]: e.get("value") for e in container["env"]}
        listen = variables.get("BRIDGE_MONITORING_LISTEN") or Config().monitoring.listen
        assert monitoring == int(listen.rpartition(":")[2])
        numbers = [p["containerPort"] for c in pod["containers"] for p in c["ports"]]
        assert len(numbers) == len(set(numbers)), "the containers of a pod share one address"


def test_selectors_match_their_own_pods_alone(manifests: list[Manifest]) -> None:
    labels = {name: template["metadata"]["labels"] for name, template in pods(manifests)}

    def chosen(selector: dict[str, str]) -> set[str]:
        return {name for name, has in labels.items() if selector.items() <= has.items()}

    for manifest in of_kind(manifests, *RUNNING, "PodDisruptionBudget"):
        name = manifest["metadata"]["name"]
        assert chosen(manifest["spec"]["selector"]["matchLabels"]) == {name}
    running = {m["metadata"]["name"] for m in of_kind(manifests, *RUNNING)}
    assert chosen(named(manifests, "Service", f"{NAME}-pods")["spec"]["selector"]) == running
    (policy,) = [m for m in of_kind(manifests, "NetworkPolicy") if m["metadata"]["name"] == NAME]
    assert chosen(policy["spec"]["podSelector"]["matchLabels"]) == running


def test_the_service_leads_to_the_api(manifests: list[Manifest]) -> None:
    service = named(manifests, "Service", NAME)["spec"]
    (serving,) = [
        (template["metadata"]["labels"], container)
        for _, template in pods(manifests)
        for container in template["spec"]["containers"]
        if "args" in container and "migrate" not in container["args"] and "api" in roles_of(container)
    ]
    labels, container = serving
    assert service["selector"].items() <= labels.items()
    (port,) = service["ports"]
    assert {"name": port["targetPort"], "containerPort": 8420} in container["ports"]
    (rule,) = of_kind(manifests, "Ingress")[0]["spec"]["rules"]
    backend = rule["http"]["paths"][0]["backend"]["service"]
    assert backend == {"name": NAME, "port": {"name": port["name"]}}


def test_prometheus_finds_every_container(manifests: list[Manifest]) -> None:
    (monitor,) = of_kind(manifests, "ServiceMonitor")
    service = named(manifests, "Service", f"{NAME}-pods")
    selector = monitor["spec"]["selector"]["matchLabels"]
    assert selector.items() <= service["metadata"]["labels"].items()
    assert not selector.items() <= named(manifests, "Service", NAME)["metadata"]["labels"].items()
    scraped = {e["port"] for e in monitor["spec"]["endpoints"]}
    targets = {p["targetPort"] for p in service["spec"]["ports"] if p["name"] in scraped}
    ports = {p["name"] for _, c, _ in containers(manifests) for p in c.get("ports", ()) if p["name"] != "api"}
    assert targets == ports


def test_the_alert_rules_are_those_of_the_page_and_off_unless_asked_for(helm: Helm) -> None:
    assert of_kind(helm(), "PrometheusRule") == []
    (rule,) = of_kind(helm({"alerts": {"enabled": True, "labels": {"release": "x"}}}), "PrometheusRule")
    assert rule["metadata"]["labels"]["release"] == "x"
    (shown,) = pages.blocks("docs/metrics.md", "yaml")
    assert rule["spec"] == yaml.safe_load(shown)
    told = {one["alert"]: one["expr"] for group in rule["spec"]["groups"] for one in group["rules"]}
    for alert, metric in _OF_AN_ACCOUNT.items():
        assert metric in told[alert]


def test_a_pod_has_time_to_drain(manifests: list[Manifest]) -> None:
    drain = inspect.signature(supervisor.supervise).parameters["drain_seconds"].default
    for name, container, pod in containers(manifests):
        if name.endswith("/migrate"):
            continue
        before = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        assert pod["terminationGracePeriodSeconds"] >= before + drain + 10, name
        assert (before > 0) == ("api" in roles_of(container)), name


def test_what_is_changed_restarts_the_pods(helm: Helm) -> None:
    def sums(values: dict[str, Any]) -> dict[str, str]:
        (template,) = [t for n, t in pods(helm(values)) if n.endswith("-relay")]
        found = template["metadata"]["annotations"]
        return {key: value for key, value in found.items() if key.startswith("checksum/")}

    before = sums({})
    of_config = sums({"config": {"capture": {"poll_seconds": 7}}})
    of_secret = sums({"config": {"store": {"url": "postgresql://other"}}})
    assert of_config["checksum/config"] != before["checksum/config"]
    assert of_secret["checksum/secret"] != before["checksum/secret"]
