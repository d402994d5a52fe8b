"""What the chart makes of values: the manifests, and what a container of them gives to the bridge."""

import base64
import copy
import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from bridge import config
from bridge.config import Config

CHART = Path(__file__).parents[2] / "helm" / "trackerrms-bridge"
# helm built by `go install` does not know which Kubernetes it stands for.
KUBERNETES = ("1.30.0", "1.37.0")
SEALING_KEY = base64.b64encode(bytes(32)).decode()
Manifest = dict[str, Any]

# The least that the chart takes.
LEAST: dict[str, Any] = {
    "config": {
        "store": {"url": "postgresql://bridge:hidden@db.example:5432/bridge"},
        "kafka": {"bootstrap_servers": "kafka-1.example:9092,kafka-2.example:9094"},
        "sealing": {"key": SEALING_KEY},
        "integrations": [{"id": "acme-uk", "region": "uk", "bearer_token": "hidden too"}],
    }
}
RUNNING = ("Deployment", "StatefulSet")


def over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """``above`` laid over ``below``, table by table, as Helm lays values."""
    made = copy.deepcopy(dict(below))
    for key, value in above.items():
        both = isinstance(value, Mapping) and isinstance(made.get(key), Mapping)
        made[key] = over(made[key], value) if both else copy.deepcopy(value)
    return made


class Helm:
    """``helm(values)`` renders the chart; the release is called ``bridge``, the name that hurts most."""

    def __init__(self, program: Path, directory: Path) -> None:
        self._program = program
        self._directory = directory

    def __call__(self, values: Mapping[str, Any] | None = None) -> list[Manifest]:
        """The manifests that ``values``, laid over the least, make."""
        return [m for m in yaml.safe_load_all(self.text(values)) if m]

    def text(self, values: Mapping[str, Any] | None = None) -> str:
        """The same as one text."""
        done = self.run("template", over(LEAST, values or {}))
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refusal(self, values: Mapping[str, Any], below: Mapping[str, Any] = LEAST) -> str:
        """What helm says against ``values``."""
        done = self.run("template", over(below, values))
        assert done.returncode != 0
        return done.stderr

    def run(self, command: str, values: Mapping[str, Any]) -> subprocess.CompletedProcess[str]:
        """helm itself, with exactly these values."""
        file = self._directory / "values.json"
        file.write_text(json.dumps(values), encoding="utf-8")
        release = ["bridge"] if command == "template" else []
        arguments = [command, *release, str(CHART), "--values", str(file), "--kube-version", KUBERNETES[-1]]
        # Its own directories: whatever a person has set up for their helm is no part of the test.
        environ = {f"HELM_{one}_HOME": str(self._directory) for one in ("CACHE", "CONFIG", "DATA")}
        return subprocess.run(
            [self._program, *arguments], capture_output=True, text=True, check=False, env=environ
        )


def of_kind(manifests: list[Manifest], *kinds: str) -> list[Manifest]:
    """Those of these kinds."""
    return [m for m in manifests if m["kind"] in kinds]


def named(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    """The one of this kind and name."""
    (found,) = [m for m in of_kind(manifests, kind) if m["metadata"]["name"] == name]
    return found


def pods(manifests: list[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """(name of the workload, template of its pods), the Job among them."""
    for manifest in of_kind(manifests, *RUNNING, "Job"):
        yield manifest["metadata"]["name"], manifest["spec"]["template"]


def containers(manifests: list[Manifest]) -> Iterator[tuple[str, Manifest, Manifest]]:
    """(workload/container, the container, the pod's spec)."""
    for name, template in pods(manifests):
        for container in template["spec"]["containers"]:
            yield f"{name}/{container['name']}", container, template["spec"]


def environment(
    container: Manifest, manifests: list[Manifest], existing: Mapping[str, Mapping[str, str]] | None = None
) -> dict[str, str]:
    """The variables that the container starts with; ``existing`` are Secrets of the cluster."""
    secrets = {m["metadata"]["name"]: _decoded(m) for m in of_kind(manifests, "Secret")} | dict(
        existing or {}
    )
    found: dict[str, str] = {}
    for source in container.get("envFrom", ()):
        found |= secrets[source["secretRef"]["name"]]
    for one in container["env"]:
        match one:
            case {"name": name, "value": value}:
                found[name] = value
            case {"name": name, "valueFrom": {"secretKeyRef": ref}}:
                found[name] = secrets[ref["name"]][ref["key"]]
            case {"name": name, "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}:
                found[name] = "the-pods-name"
            case _:
                raise AssertionError(f"what is {one}?")
    return found


def _decoded(secret: Manifest) -> dict[str, str]:
    return {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}


def loaded(
    container: Manifest,
    pod: Manifest,
    manifests: list[Manifest],
    directory: Path,
    existing: Mapping[str, Mapping[str, str]] | None = None,
) -> Config:
    """The configuration that ``bridge`` has in this container, read from what is mounted and set there."""
    (volume,) = [v for v in pod["volumes"] if v["name"] == "config"]
    (mount,) = [m for m in container["volumeMounts"] if m["name"] == "config"]
    environ = environment(container, manifests, existing)
    file = Path(environ["BRIDGE_CONFIG"]).relative_to(mount["mountPath"])
    text = named(manifests, "ConfigMap", volume["configMap"]["name"])["data"][str(file)]
    (directory / file).write_text(text, encoding="utf-8")
    return config.load_config(directory / file, environ)
