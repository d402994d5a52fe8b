"""Every key of the configuration can be reached from the values, and no secret is where all can read it."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from bridge import config
from bridge.config import Config, Secret
from bridge.environment import variable_name
from tests.chart.everything import everything
from tests.chart.rendering import Helm, containers, environment, loaded, of_kind
from tools import reference
from tools.chart import secret_keys

pytestmark = pytest.mark.timeout(1200)  # the first one may have to build helm
MODES = ("roles", "one", "sidecar")


def flat(whole: Config) -> dict[str, Any]:
    """Key → value, of the first integration for those of integrations; ``base_url`` is the second's."""
    found: dict[str, Any] = {}
    for key, _, _ in reference.list_settings():
        first, _, rest = key.partition(".")
        owner = whole.integrations[rest == "base_url"] if first == "integrations" else getattr(whole, first)
        found[key] = getattr(owner, rest) if rest else owner
    return found


def secrets() -> dict[str, str]:
    """Variable → value, of every secret in ``everything()``."""
    values, keys = everything(), secret_keys()
    of_integrations = keys.pop("integrations")
    found = {f"BRIDGE_{s}_{k}".upper(): values[s][k] for s, names in keys.items() for k in names}
    for one in values["integrations"]:
        name = variable_name(one["id"])
        found |= {f"BRIDGE_INTEGRATIONS_{name}_{k.upper()}": one[k] for k in of_integrations}
    return found


def test_every_key_is_given_another_value_than_its_default() -> None:
    made = flat(config.parse_config(everything()))
    same = [key for key, _, default in reference.list_settings() if made[key] == default]
    assert same == []


@pytest.mark.parametrize("mode", MODES)
def test_every_key_arrives_in_every_container(helm: Helm, tmp_path: Path, mode: str) -> None:
    manifests = helm({"mode": mode, "config": everything()})
    wanted = config.parse_config(everything())
    for name, container, pod in containers(manifests):
        got = loaded(container, pod, manifests, tmp_path)
        if name.endswith("poller/webhooks"):  # the second container of a pod has the next port
            assert got.monitoring.listen == "monitoring.example:9001"
            got = msgspec.structs.replace(got, monitoring=wanted.monitoring)
        assert got == wanted, name


def test_every_secret_can_come_from_a_key_of_a_secret_that_exists(helm: Helm, tmp_path: Path) -> None:
    values = everything()
    references: dict[str, Any] = {"integrations": {}}
    held: dict[str, str] = {}
    for slice_name, keys in secret_keys().items():
        owners = values["integrations"] if slice_name == "integrations" else [values[slice_name]]
        for owner in owners:
            place = (
                references["integrations"].setdefault(owner["id"], {})
                if slice_name == "integrations"
                else references.setdefault(slice_name, {})
            )
            for key in keys:
                held[f"key-{len(held)}"] = owner.pop(key)
                place[key] = {"name": "theirs", "key": f"key-{len(held) - 1}"}
    # What LEAST says inline is taken back: null removes a value.
    values |= {"store": {**values["store"], "url": None}, "sealing": {"key": None}}
    manifests = helm({"config": values, "secretRefs": references})
    assert of_kind(manifests, "Secret") == []
    for name, container, pod in containers(manifests):
        got = loaded(container, pod, manifests, tmp_path, {"theirs": held})
        assert got == config.parse_config(everything()), name


def test_every_secret_can_come_as_a_variable_from_a_secret_that_exists(helm: Helm, tmp_path: Path) -> None:
    values = everything()
    for slice_name, keys in secret_keys().items():
        owners = values["integrations"] if slice_name == "integrations" else [values[slice_name]]
        for owner in owners:
            owner.update(dict.fromkeys(keys))
    manifests = helm({"config": values, "existingSecrets": ["theirs"]})
    assert of_kind(manifests, "Secret") == []
    for _, container, pod in containers(manifests):
        assert loaded(container, pod, manifests, tmp_path, {"theirs": secrets()}) == config.parse_config(
            everything()
        )


def test_no_secret_is_outside_of_a_secret(helm: Helm) -> None:
    manifests = helm({"config": everything(), "networkPolicy": {"enabled": True}})
    open_to_all = repr([m for m in manifests if m["kind"] != "Secret"])
    assert [value for value in secrets().values() if value in open_to_all] == []
    assert "another kafka.sasl_username" in open_to_all  # what is no secret is seen, so the search works
    for _, container, _ in containers(manifests):
        assert secrets().items() <= environment(container, manifests).items()


def test_the_secret_keys_are_those_of_the_struct() -> None:
    made = flat(config.parse_config(everything()))
    keys = {f"{name}.{key}" for name, names in secret_keys().items() for key in names}
    assert keys == {key for key, value in made.items() if isinstance(value, Secret)}


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"config": {"kafka": {"partitons": 3}}}, "partitons"),
        ({"config": {"kafka": {"partitions": 0}}}, "partitions"),
        ({"config": {"kafak": {}}}, "kafak"),
        ({"config": {"integrations": [{"id": "acme", "regoin": "uk"}]}}, "regoin"),
        ({"secretRefs": {"kafka": {"partitions": {"name": "a", "key": "b"}}}}, "partitions"),
        ({"replicas": 3}, "replicas"),
        ({"roles": {"poler": {}}}, "poler"),
        ({"mode": "both"}, "mode"),
    ],
)
def test_what_can_not_be_set_is_refused_by_its_name(helm: Helm, values: dict[str, Any], named: str) -> None:
    assert named in helm.refusal(values)
