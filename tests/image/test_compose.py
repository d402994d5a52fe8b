"""The Compose file: what it sets are settings, and what it waits for can be waited for."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from bridge import config, sealing
from bridge.app import ROLES
from bridge.config import Secret
from bridge.simulator.options import BEARER_TOKEN
from tests.image.compose import FILE, SERVICES, environment
from tests.image.recipe import settings, stages
from tests.kafka_server import version


def test_the_variables_are_settings_that_the_bridge_accepts(tmp_path: Path) -> None:
    (tmp_path / "bridge.toml").touch()
    found = config.load_config(tmp_path / "bridge.toml", environment())
    assert found.kafka.bootstrap_servers == "kafka:9092"
    assert found.store.url == Secret("postgresql://bridge:bridge@postgres:5432/bridge")
    assert found.integration("demo").base_url == "http://simulator:8090"
    assert found.integration("demo").bearer_token == Secret(BEARER_TOKEN)
    assert found.sealing.key is not None
    assert sealing.Sealer(found.sealing.key)


def test_the_bridge_waits_until_the_others_are_well() -> None:
    waits = SERVICES["bridge"]["depends_on"]
    assert waits == {key: {"condition": "service_healthy"} for key in ("kafka", "postgres", "simulator")}
    for name in waits:
        own = "healthcheck" in SERVICES[name]
        assert own or settings(stages(), SERVICES[name]["build"]["target"]).healthcheck


def test_what_is_built_are_stages_of_the_dockerfile() -> None:
    targets = {s["build"]["target"] for s in SERVICES.values() if "build" in s}
    assert targets == {"bridge", "simulator"}
    assert targets <= stages().keys()


def test_the_bridge_has_all_roles() -> None:
    assert "command" not in SERVICES["bridge"]
    assert settings(stages(), "bridge").command == ["run"]
    assert len(ROLES) == 5


@pytest.mark.parametrize("name", ["bridge", "simulator"])
def test_our_containers_are_locked_in(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["tmpfs"] == ["/tmp"]  # noqa: S108 (in the container)
    assert service["cap_drop"] == ["ALL"]


def test_only_this_machine_reaches_it() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert published
    assert [port for port in published if not port.startswith("127.0.0.1:")] == []


def test_kafka_is_the_one_that_the_tests_run() -> None:
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{version()}"


def test_docker_compose_reads_it() -> None:
    if (
        shutil.which("docker") is None
        or subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode
    ):
        pytest.skip("no docker compose here")
    done = subprocess.run(
        ["docker", "compose", "--file", str(FILE), "config", "--format", "json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["services"]["bridge"]["environment"].keys() == environment().keys()
