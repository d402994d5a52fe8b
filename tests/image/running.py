"""The second half of the proof: the stages, run as containers. Started by ``tests.image.proof``.

It stands in network and mount namespaces of its own. PostgreSQL and the broker are the embedded ones of this
machine's environment: the image has none.
"""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from bridge import embedded
from tests.image import recipe, rooms
from tests.image.compose import environment
from tests.image.container import Container, loopback_up, within_seconds

SOCKET = ".s.PGSQL.5432"


def main(directory: Path) -> None:
    """Run the simulator and the bridge of the roots in ``directory``."""
    loopback_up()
    stages = recipe.stages()
    servers = directory / "servers"
    roots = {name: rooms.read_only(directory / name) for name in ("bridge", "simulator")}
    with embedded.postgres(servers) as url, embedded.kafka(servers) as broker:
        environ = compose_environment(broker)
        bind_socket(url, roots["bridge"])
        bridge = Container("bridge", roots["bridge"], recipe.settings(stages, "bridge"), environ)
        simulator = Container("simulator", roots["simulator"], recipe.settings(stages, "simulator"), {})
        speaks(bridge)
        is_locked_in(bridge)
        works(bridge, simulator, directory)


def compose_environment(broker: str) -> dict[str, str]:
    """The variables of the Compose file, with what has another address here."""
    return environment() | {
        "BRIDGE_STORE_URL": "postgresql://postgres:@/postgres?host=/tmp/postgres",
        "BRIDGE_KAFKA_BOOTSTRAP_SERVERS": broker,
        "BRIDGE_INTEGRATIONS_DEMO_BASE_URL": "http://127.0.0.1:8090",
    }


def bind_socket(url: str, root: Path) -> None:
    """The embedded PostgreSQL's socket, where the container can see it."""
    (source,) = parse_qs(urlsplit(url).query)["host"]
    place = root / "tmp" / "postgres"
    place.mkdir(mode=0o755)
    (place / SOCKET).touch()
    rooms.call("mount", "--bind", str(Path(source) / SOCKET), str(place / SOCKET))


def speaks(bridge: Container) -> None:
    """The entry point answers."""
    version = bridge.entry("--version")
    expect(re.fullmatch(r"bridge \d+\.\d+\.\d+\n", version.stdout), "bridge --version", version)
    told = bridge.entry("--help")
    expect(told.returncode == 0 and "migrate" in told.stdout, "bridge --help", told)
    print(f"    bridge --version: {version.stdout.strip()}; bridge --help: exit code 0")


def is_locked_in(bridge: Container) -> None:
    """No rights, no writing but to /tmp."""
    who = bridge.run("id")
    expect(who.stdout.startswith("uid=10001(bridge) gid=10001(bridge) groups=10001(bridge)"), "id", who)
    for place in ("/", "/opt/bridge", "/var/lib/trackerrms-bridge", "/etc"):
        tried = bridge.run("touch", f"{place}/written")
        expect("Read-only file system" in tried.stderr, f"writing to {place}", tried)
    expect(bridge.run("touch", "/tmp/written").returncode == 0, "writing to /tmp")  # noqa: S108 (inside)
    pip = bridge.run("python", "-m", "pip", "--version")
    expect("No module named pip" in pip.stderr, "pip is not there", pip)
    without = ["env", "-u", "BRIDGE_STORE_URL", "BRIDGE_DATA_DIR=/tmp/data"]
    unset = bridge.run(*without, "bridge", "migrate")
    expect(unset.returncode == 3 and "embedded" in unset.stderr, "no PostgreSQL in the image", unset)
    print(f"    {who.stdout.strip()}; the root is read-only, /tmp is not; no pip, no embedded servers")


def works(bridge: Container, simulator: Container, directory: Path) -> None:
    """The simulator and the bridge, by the image's own commands, until the account is read."""
    logs = {name: directory / f"{name}.log" for name in ("simulator", "bridge")}
    with simulator.started(logs["simulator"]):
        seconds = within_seconds(60, "the simulator is healthy", simulator.healthy, logs["simulator"])
        print(f"    simulator: HEALTHCHECK passes after {seconds:.1f} s")
        for expected in ("applied", "up to date"):
            migrated = bridge.entry("migrate")
            expect(migrated.returncode == 0 and expected in migrated.stdout, "bridge migrate", migrated)
        print(f"    bridge migrate: {migrated.stdout.strip()}")
        expect(not bridge.healthy(), "the HEALTHCHECK fails where nothing runs")
        with bridge.started(logs["bridge"]) as process:
            seconds = within_seconds(60, "the bridge is healthy", bridge.healthy, logs["bridge"])
            print(f"    bridge run: HEALTHCHECK passes after {seconds:.1f} s")
            seconds = within_seconds(120, "events are read", lambda: reads(bridge), logs["bridge"])
            print(f"    bridge tail: an event after {seconds:.1f} s more")
            status = bridge.entry("status", "--json")
            expect(status.returncode == 0 and json.loads(status.stdout), "bridge status", status)
            process.send_signal(signal.SIGTERM)
            code = process.wait(30)
            expect(code == 0, f"SIGTERM ends it with {code}")
        print("    SIGTERM: drained, exit code 0")


def reads(bridge: Container) -> bool:
    """Whether an event can be read from Kafka, by the image's own command."""
    command = ["timeout", "20", "bridge", "tail", "--from-beginning", "--limit", "1", "--json"]
    return '"specversion"' in bridge.run(*command).stdout


def expect(held: object, what: str, done: subprocess.CompletedProcess[str] | None = None) -> None:
    """End where it does not hold, with what was said."""
    if not held:
        said = f"\n{done.stdout[-1500:]}\n{done.stderr[-1500:]}" if done else ""
        raise SystemExit(f"does not hold: {what}{said}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
