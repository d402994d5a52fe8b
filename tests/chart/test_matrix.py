"""helm and kubeconform find nothing against the chart, whatever is switched on in it."""

import itertools
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.chart.everything import everything
from tests.chart.rendering import KUBERNETES, LEAST, Helm, over

pytestmark = pytest.mark.timeout(1200)  # the first one may have to build helm or kubeconform
MODES = ("roles", "one", "sidecar")
WORKLOAD = {
    "replicas": 2,
    "strategy": {"type": "Recreate", "rollingUpdate": None},
    "disruptionBudget": {"minAvailable": "50%"},
    "podAnnotations": {"example.com/why": "because"},
    "podLabels": {"team": "hiring"},
    "nodeSelector": {"kubernetes.io/arch": "amd64"},
    "tolerations": [{"key": "bridge", "operator": "Exists", "effect": "NoSchedule"}],
    "affinity": {
        "podAntiAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {"weight": 1, "podAffinityTerm": {"topologyKey": "kubernetes.io/hostname"}}
            ]
        }
    },
    "topologySpreadConstraints": [
        {"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "ScheduleAnyway"}
    ],
    "priorityClassName": "high",
    "probes": {"liveness": {"periodSeconds": 30}},
}
SCALED = {
    "autoscaling": {
        "enabled": True,
        "targetMemoryPercent": 90,
        "metrics": [
            {
                "type": "Pods",
                "pods": {
                    "metric": {"name": "pending"},
                    "target": {"type": "AverageValue", "averageValue": "9"},
                },
            }
        ],
        "behavior": {"scaleDown": {"stabilizationWindowSeconds": 600}},
    }
}
STABLE = {"stableNames": True}
ROLES = ("poller", "relay", "commands", "webhooks", "api")


def every(workload: dict[str, Any]) -> dict[str, Any]:
    """The same for every workload, in every mode."""
    return {"roles": dict.fromkeys(ROLES, workload), "one": workload}


OPTIONS: dict[str, dict[str, Any]] = {
    "least": {},
    "workloads": every(WORKLOAD),
    "scaled": every(SCALED),
    "stable": every(over(WORKLOAD, STABLE)),
    "around": {
        "image": {"digest": f"sha256:{'0' * 64}", "pullSecrets": [{"name": "registry"}]},
        "ingress": {
            "enabled": True,
            "className": "nginx",
            "annotations": {"example.com/size": "64k"},
            "hosts": [{"host": "a.example", "paths": [{"path": "/v1", "pathType": "Exact"}]}],
            "tls": [{"hosts": ["a.example"], "secretName": "a-tls"}],
        },
        "networkPolicy": {
            "enabled": True,
            "metricsFrom": [{"namespaceSelector": {}}],
            "dnsTo": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}],
        },
        "alerts": {"enabled": True, "labels": {"release": "prometheus"}},
        "serviceMonitor": {
            "enabled": True,
            "labels": {"release": "prometheus"},
            "relabelings": [{"action": "labeldrop", "regex": "pod"}],
        },
        "service": {"type": "LoadBalancer", "port": 80, "annotations": {"example.com/internal": "true"}},
        "serviceAccount": {"annotations": {"example.com/role": "bridge"}},
        "pods": {
            "annotations": {"example.com/inject": "false"},
            "labels": {"team": "hiring"},
            "extraEnv": [{"name": "TZ", "value": "UTC"}],
            "extraVolumes": [{"name": "ca", "secret": {"secretName": "kafka-ca"}}],
            "extraVolumeMounts": [{"name": "ca", "mountPath": "/etc/kafka-ca", "readOnly": True}],
        },
    },
    "bare": {
        "migration": {"enabled": False},
        "serviceAccount": {"create": False},
        "nameOverride": "events",
        "roles": {"api": {"enabled": False}, "commands": {"enabled": False}},
        **every({"disruptionBudget": {"enabled": False}}),
    },
    "secrets": {
        "existingSecrets": ["one", "two"],
        "secretRefs": {"integrations": {"acme-uk": {"api_key": {"name": "acme", "key": "api"}}}},
    },
    "everything": {"config": everything()},
}


def values(mode: str, options: str) -> dict[str, Any]:
    """The values of one place in the matrix."""
    return over(LEAST, {"mode": mode, **OPTIONS[options]})


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("options", OPTIONS)
def test_helm_finds_nothing_to_mend(helm: Helm, mode: str, options: str) -> None:
    done = helm.run("lint", values(mode, options))
    assert done.returncode == 0, done.stdout
    assert "[WARNING]" not in done.stdout


@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_would_take_all_of_it(
    helm: Helm, kubeconform_program: Path, kubernetes_schemas: Path, tmp_path: Path, version: str
) -> None:
    for mode, options in itertools.product(MODES, OPTIONS):  # one call: it reads the schemas for a second
        made = tmp_path / "made" / f"{mode}-{options}.yaml"
        made.parent.mkdir(exist_ok=True)
        made.write_text(helm.text(values(mode, options)), encoding="utf-8")
    assert judged(kubeconform_program, kubernetes_schemas, version, tmp_path / "made") == ""


def test_the_judge_sees_a_mistake(
    helm: Helm, kubeconform_program: Path, kubernetes_schemas: Path, tmp_path: Path
) -> None:
    made = tmp_path / "made.yaml"
    made.write_text(helm.text().replace("replicas: 1", "replica: 1"), encoding="utf-8")
    said = judged(kubeconform_program, kubernetes_schemas, KUBERNETES[0], made)
    assert "Deployment" in said
    assert "replica" in said


def judged(program: Path, schemas: Path, version: str, manifests: Path) -> str:
    """What kubeconform has against the manifests; the Prometheus operator's kind has no schema here."""
    place = (
        f"{schemas}/{{{{ .NormalizedKubernetesVersion }}}}/{{{{ .ResourceKind }}}}{{{{ .KindSuffix }}}}.json"
    )
    command: list[str | Path] = [program, "-strict", "-kubernetes-version", version]
    command += ["-schema-location", place]
    done = subprocess.run(
        [*command, "-skip", "ServiceMonitor,PrometheusRule", manifests],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode == 0) == (done.stdout == ""), done.stderr
    return done.stdout
