"""The wheels, installed where nothing else is, work without the checkout."""

import asyncio
import contextlib
import importlib.metadata
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from tests.package.conftest import ROOT, Environment
from tests.waiting import patient, until

CLEAN = {k: v for k, v in os.environ.items() if not k.startswith(("BRIDGE_", "PYTHON", "VIRTUAL_ENV"))}
CONSUMER = """
import trackerrms_contracts.codec
from trackerrms_contracts import entities, events, ids, topics


def title_of(value: bytes) -> str | None:
    decoder = trackerrms_contracts.codec.event_decoder(entities.Model.CANDIDATE)
    event: events.Event[entities.Candidate] = decoder.decode(value)
    reveal_type(event.data.record.title)
    return event.data.record.title


print(topics.events(entities.Model.CANDIDATE), ids.entity_id("acme", entities.Model.CANDIDATE, "131"))
"""
IMPORT_ALL = """
import importlib, pkgutil, sys
import trackerrms_contracts
for module in pkgutil.iter_modules(trackerrms_contracts.__path__):
    importlib.import_module("trackerrms_contracts." + module.name)
print(trackerrms_contracts.__file__)
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""
DOCUMENTS = """
import json
from importlib import resources
import trackerrms_contracts
files = resources.files(trackerrms_contracts)
for document in [files / "asyncapi.json", files / "openapi.json", *(files / "schema").iterdir()]:
    json.loads(document.read_bytes())
    print(document.name)
"""
IMPORTABLE = """
import importlib.util, sys
print(*[name for name in sys.argv[1:] if importlib.util.find_spec(name)])
"""


def ran(*command: str | Path, cwd: Path) -> str:
    """What a program printed; it must end well."""
    ended = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=CLEAN, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


# --- the program ------------------------------------------------------------------------------------------


def test_what_is_installed_fits_together(installed: Environment) -> None:
    assert "No broken requirements" in installed.pip("check")


def test_it_tells_its_version(installed: Environment, tmp_path: Path) -> None:
    version = importlib.metadata.version("trackerrms-bridge")
    assert ran(installed.bridge, "--version", cwd=tmp_path) == f"bridge {version}\n"


def test_it_is_not_the_checkout_that_runs(installed: Environment, tmp_path: Path) -> None:
    found = ran(installed.python, "-c", "import bridge; print(bridge.__file__)", cwd=tmp_path)
    assert str(ROOT) not in found
    assert "site-packages" in found


def test_nothing_else_of_the_checkout_can_be_imported(installed: Environment, tmp_path: Path) -> None:
    names = ("bridge", "trackerrms_contracts", "contracts", "tools", "tests")
    assert ran(installed.python, "-c", IMPORTABLE, *names, cwd=tmp_path) == "bridge trackerrms_contracts\n"


def test_it_helps(installed: Environment, tmp_path: Path) -> None:
    assert "Usage: bridge check" in ran(installed.bridge, "check", "--help", cwd=tmp_path)


async def test_it_reads_a_simulated_account_into_its_own_kafka(installed: Environment, outside: Path) -> None:
    """With the bridge.toml that ``bridge simulate`` prints, ``bridge run`` and ``bridge tail``."""
    size = ["--candidates", "12", "--jobs", "3", "--applications", "6", "--users", "2"]
    directory = outside / "bridge"
    directory.mkdir()
    async with running(installed, directory, "simulate", "--port", "0", *size) as simulator:
        assert simulator.stdout is not None
        said = (await asyncio.wait_for(simulator.stdout.readuntil(b"Ctrl-C"), patient(30))).decode()
        configuration = re.search(r"^\[\[integrations\]\]\n.*?\n\n", said, re.MULTILINE | re.DOTALL)
        assert configuration
        (directory / "bridge.toml").write_text(configuration[0])
        async with running(installed, directory, "run"):
            lines = await tailed(installed, directory, 12)
    assert {json.loads(line)["type"] for line in lines} == {"candidate.created"}
    assert len(lines) == 12


async def tailed(installed: Environment, directory: Path, count: int) -> list[bytes]:
    """So many candidates' events, once there is a Kafka to read them from."""
    command = ["tail", "--model", "candidate", "--from-beginning", "--limit", str(count), "--json"]
    printed = b""

    async def ended_well() -> bool:
        nonlocal printed
        process = await asyncio.create_subprocess_exec(
            str(installed.bridge), *command,
            cwd=directory, env=CLEAN, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        printed, _ = await process.communicate()
        return process.returncode == 0

    await until(ended_well, 60)
    return printed.splitlines()


@contextlib.asynccontextmanager
async def running(
    installed: Environment, directory: Path, *arguments: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """The program, while the block lasts; then a signal ends it well."""
    with (directory / f"{arguments[0]}.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            str(installed.bridge), *arguments,
            cwd=directory, env=CLEAN, stdout=asyncio.subprocess.PIPE, stderr=log,
        )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.communicate(), patient(30))
    assert process.returncode == 0, (directory / f"{arguments[0]}.log").read_text()


# --- contracts alone --------------------------------------------------------------------------------------


def test_contracts_need_msgspec_alone(contracts_only: Environment, tmp_path: Path) -> None:
    listed = json.loads(contracts_only.pip("list", "--format", "json"))
    assert {package["name"] for package in listed} == {"msgspec", "trackerrms-contracts"}
    assert "No broken requirements" in contracts_only.pip("check")
    where, modules = ran(contracts_only.python, "-c", IMPORT_ALL, cwd=tmp_path).splitlines()
    assert "site-packages" in where
    others = set(modules.split()) - sys.stdlib_module_names
    assert {name for name in others if not name.startswith(("_", "sitecustomize"))} == {
        "msgspec",
        "trackerrms_contracts",
    }


def test_contracts_bring_nothing_of_the_bridge(contracts_only: Environment, tmp_path: Path) -> None:
    names = ("trackerrms_contracts", "bridge", "contracts", "tools", "tests")
    assert ran(contracts_only.python, "-c", IMPORTABLE, *names, cwd=tmp_path) == "trackerrms_contracts\n"
    assert list(contracts_only.python.parent.glob("bridge*")) == []


def test_contracts_bring_their_documents(contracts_only: Environment, tmp_path: Path) -> None:
    names = ran(contracts_only.python, "-c", DOCUMENTS, cwd=tmp_path).split()
    package = ROOT / "contracts" / "trackerrms_contracts"
    assert sorted(names) == sorted(path.name for path in package.rglob("*.json"))
    assert len(names) > 20


def test_contracts_pull_in_nothing_else_where_all_is_installed(
    installed: Environment, tmp_path: Path
) -> None:
    modules = ran(installed.python, "-c", IMPORT_ALL, cwd=tmp_path).splitlines()[1].split()
    assert not {"aiohttp", "aiokafka", "asyncpg", "bridge", "orjson", "asyncio"} & set(modules)


def test_contracts_are_typed(contracts_only: Environment, tmp_path: Path) -> None:
    script, cache = tmp_path / "consumer.py", tmp_path / "cache"
    script.write_text(CONSUMER)
    mypy: list[str | Path] = [sys.executable, "-m", "mypy", "--strict"]
    mypy += ["--config-file", os.devnull, "--cache-dir", cache]
    told = ran(*mypy, "--python-executable", contracts_only.python, script.name, cwd=tmp_path)
    assert 'Revealed type is "str | None"' in told.replace("builtins.", "")
    script.write_text(CONSUMER.replace("    reveal_type(event.data.record.title)\n", ""))
    assert ran(contracts_only.python, script.name, cwd=tmp_path).startswith("trackerrms.candidates.v1 ")


def test_a_wrong_use_of_contracts_is_found(contracts_only: Environment, tmp_path: Path) -> None:
    script = tmp_path / "consumer.py"
    script.write_text("from trackerrms_contracts import topics\n\ntopic: int = topics.commands()\n")
    mypy = [sys.executable, "-m", "mypy", "--strict", "--config-file", os.devnull, "--cache-dir", os.devnull]
    command = [*mypy, "--python-executable", str(contracts_only.python), script.name]
    ended = subprocess.run(command, cwd=tmp_path, env=CLEAN, capture_output=True, text=True, check=False)
    assert 'expression has type "str", variable has type "int"' in ended.stdout
