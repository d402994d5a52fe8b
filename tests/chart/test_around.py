"""What stands around the pods: the migration, scaling, the network, and names in Kafka."""

from typing import Any

import pytest

from tests.chart.rendering import RUNNING, Helm, Manifest, containers, named, of_kind, pods

pytestmark = pytest.mark.timeout(1200)  # the first one may have to build helm
NAME = "bridge-trackerrms-bridge"
HOOK = "helm.sh/hook"


def ports(rules: list[Manifest]) -> set[tuple[int, str]]:
    """The (port, protocol) pairs that rules let through."""
    return {(port["port"], port["protocol"]) for rule in rules for port in rule.get("ports", ())}


def test_the_migration_goes_first_and_brings_what_it_needs(helm: Helm) -> None:
    manifests = helm({"networkPolicy": {"enabled": True}})
    hooks = {
        (m["kind"], m["metadata"]["name"]): m["metadata"]["annotations"]
        for m in manifests
        if HOOK in m["metadata"].get("annotations", {})
    }
    kinds = ("ConfigMap", "Secret", "ServiceAccount", "NetworkPolicy", "Job")
    assert hooks.keys() == {(kind, f"{NAME}-migrate") for kind in kinds}
    assert {a[HOOK] for a in hooks.values()} == {"pre-install,pre-upgrade"}
    job = hooks.pop(("Job", f"{NAME}-migrate"))
    assert all(int(a["helm.sh/hook-weight"]) < int(job["helm.sh/hook-weight"]) for a in hooks.values())


def test_the_migration_stands_on_nothing_that_comes_after_it(helm: Helm) -> None:
    manifests = helm()
    (spec,) = [t["spec"] for name, t in pods(manifests) if name.endswith("-migrate")]
    (container,) = spec["containers"]
    assert container["args"] == ["migrate"]
    used = {
        ("ServiceAccount", spec["serviceAccountName"]),
        *(("ConfigMap", v["configMap"]["name"]) for v in spec["volumes"] if "configMap" in v),
        *(("Secret", e["secretRef"]["name"]) for e in container["envFrom"]),
    }
    assert {HOOK in named(manifests, *one)["metadata"]["annotations"] for one in used} == {True}


def test_the_migrations_copies_are_the_real_thing(helm: Helm) -> None:
    manifests = helm()
    for kind in ("ConfigMap", "Secret"):
        assert named(manifests, kind, f"{NAME}-migrate")["data"] == named(manifests, kind, NAME)["data"]


def test_without_a_migration_there_is_no_trace_of_it(helm: Helm) -> None:
    manifests = helm({"migration": {"enabled": False}, "networkPolicy": {"enabled": True}})
    assert [m["metadata"]["name"] for m in manifests if "migrate" in m["metadata"]["name"]] == []


def test_an_account_of_ones_own_is_used_by_all(helm: Helm) -> None:
    manifests = helm({"serviceAccount": {"create": False, "name": "theirs"}})
    assert of_kind(manifests, "ServiceAccount") == []
    assert {t["spec"]["serviceAccountName"] for _, t in pods(manifests)} == {"theirs"}


@pytest.mark.parametrize("stable", [False, True])
def test_an_autoscaler_owns_the_replicas(helm: Helm, stable: bool) -> None:
    scaled = {"stableNames": stable, "autoscaling": {"enabled": True, "maxReplicas": 9}}
    manifests = helm({"roles": {"webhooks": scaled}})
    (scaler,) = of_kind(manifests, "HorizontalPodAutoscaler")
    target = scaler["spec"]["scaleTargetRef"]
    assert target["kind"] == ("StatefulSet" if stable else "Deployment")
    assert "replicas" not in named(manifests, target["kind"], target["name"])["spec"]
    assert scaler["spec"]["maxReplicas"] == 9
    assert scaler["spec"]["metrics"][0]["resource"]["name"] == "cpu"


def test_a_budget_never_blocks_a_single_pod(helm: Helm) -> None:
    for budget in of_kind(helm(), "PodDisruptionBudget"):
        assert budget["spec"]["maxUnavailable"] == 1


def test_kafka_knows_pods_by_name_only_where_names_last(helm: Helm) -> None:
    manifests = helm({"roles": {"commands": {"stableNames": True, "replicas": 3}}})
    assert [m["metadata"]["name"] for m in of_kind(manifests, "StatefulSet")] == [f"{NAME}-commands"]
    for name, container, _ in containers(manifests):
        given = {e["name"]: e for e in container["env"]}.get("BRIDGE_KAFKA_GROUP_INSTANCE_ID")
        expected = {"fieldRef": {"fieldPath": "metadata.name"}} if "/commands" in name else None
        assert (given and given["valueFrom"]) == expected, name
    governing = named(manifests, "StatefulSet", f"{NAME}-commands")["spec"]["serviceName"]
    assert named(manifests, "Service", governing)["spec"]["clusterIP"] == "None"


@pytest.mark.parametrize("mode", ["roles", "one", "sidecar"])
def test_the_network_policy_lets_out_what_is_needed_and_in_what_is_served(helm: Helm, mode: str) -> None:
    manifests = helm({"mode": mode, "networkPolicy": {"enabled": True}})
    policy = named(manifests, "NetworkPolicy", NAME)["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert ports(policy["egress"]) == {
        *((53, "UDP"), (53, "TCP")),
        *((5432, "TCP"), (9092, "TCP"), (9094, "TCP"), (443, "TCP")),
    }
    served = {
        (port["containerPort"], "TCP") for _, c, _ in containers(manifests) for port in c.get("ports", ())
    }
    assert ports(policy["ingress"]) == served
    migration = named(manifests, "NetworkPolicy", f"{NAME}-migrate")["spec"]
    assert ports(migration["egress"]) == {(53, "UDP"), (53, "TCP"), (5432, "TCP")}


def test_the_network_policy_follows_the_configuration(helm: Helm) -> None:
    integrations = [
        {"id": "a", "base_url": "http://tracker.example:8090", "bearer_token": "x"},
        {"id": "b", "base_url": "https://other.example", "bearer_token": "x"},
    ]
    manifests = helm(
        {
            "config": {"integrations": integrations, "outbound": {"allow_http": True}},
            "networkPolicy": {
                "enabled": True,
                "kafkaPorts": [9093],
                "postgresPort": 6432,
                "extraEgress": [{"ports": [{"port": 8443, "protocol": "TCP"}]}],
                "apiFrom": [{"podSelector": {"matchLabels": {"app": "gateway"}}}],
            },
        }
    )
    policy = named(manifests, "NetworkPolicy", NAME)["spec"]
    let_out = {port for port, _ in ports(policy["egress"])}
    assert let_out == {53, 6432, 9093, 443, 80, 8090, 8443}
    (api,) = [rule for rule in policy["ingress"] if {"port": 8420, "protocol": "TCP"} in rule["ports"]]
    assert api["from"] == [{"podSelector": {"matchLabels": {"app": "gateway"}}}]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"config": {"sealing": {"key": None}}}, "sealing.key"),
        ({"config": {"store": {"url": None}}}, "store.url"),
        ({"config": {"kafka": {"bootstrap_servers": None}}}, "kafka.bootstrap_servers"),
        ({"config": {"integrations": []}}, "config.integrations"),
        ({"config": {"monitoring": {"listen": "0.0.0.0:0"}}}, "config.monitoring.listen"),
        ({"config": {"api": {"listen": "0.0.0.0:8421"}}}, "config.monitoring.listen"),
        ({"secretRefs": {"integrations": {"acme": {"api_key": {"name": "a", "key": "b"}}}}}, "acme"),
        ({"mode": "sidecar", "roles": {"poller": {"enabled": False}}}, "sidecar"),
        (
            {"config": {"kafka": {"group_instance_id": "x"}}, "roles": {"commands": {"replicas": 2}}},
            "kafka.group_instance_id",
        ),
        ({"ingress": {"enabled": True}}, "ingress.hosts"),
    ],
)
def test_what_would_fail_in_the_cluster_is_refused_with_a_reason(
    helm: Helm, values: dict[str, Any], said: str
) -> None:
    assert said in helm.refusal(values)


def test_the_bridge_and_the_chart_know_the_same_kinds_of_pods(helm: Helm) -> None:
    assert {m["kind"] for m in helm() if m["kind"] in RUNNING} == {"Deployment"}
