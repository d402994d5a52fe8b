"""What can be said of the image without building it. `make image-proof` runs its steps in a clean root."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.committed import stale
from tests.image.recipe import ROOT, Stage, context, copied, lineage, settings, stages

STAGES = stages()
FINAL = list(STAGES)[-1]
RUNTIME = ("bridge", "simulator")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
OURS = "trackerrms-contracts"  # built from the checkout, so in no lock file
LOCKS = ("requirements-image.lock", "requirements-image-simulator.lock", "requirements-build.lock")
runtime = pytest.mark.parametrize("name", RUNTIME)


def pins(name: str) -> dict[str, str]:
    """Package → the line that pins it, with its marker."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return {re.split(r"[=@ ]", line)[0]: line for line in lines if re.match(r"[a-z0-9]", line)}


def commands(stage: Stage) -> list[str]:
    """What the stage runs."""
    return [step.value for step in stage.steps if step.instruction == "RUN"]


def test_what_is_built_by_default_is_the_bridge() -> None:
    assert FINAL == "bridge"


def test_the_base_is_slim_and_pinned() -> None:
    bases = {stage.base for stage in STAGES.values()} - STAGES.keys()
    (base,) = bases
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-[a-z]+", base)


def test_everything_that_is_copied_is_in_the_context() -> None:
    given = {str(file) for file in context()}
    for stage in STAGES.values():
        for step in stage.steps:
            if step.instruction == "COPY" and copied(step)[0] is None:
                for source in copied(step)[1]:
                    assert any(f == source or f.startswith(source.rstrip("/") + "/") for f in given), source


def test_nothing_else_is_in_the_context() -> None:
    tops = {file.parts[0] for file in context()}
    used = {
        source.rstrip("/")
        for stage in STAGES.values()
        for step in stage.steps
        if step.instruction == "COPY" and copied(step)[0] is None
        for source in copied(step)[1]
    }
    assert tops == used
    assert [f for f in context() if "__pycache__" in f.parts or f.suffix == ".pyc"] == []


def test_the_whole_package_is_in_the_context() -> None:
    given = set(context())
    sources = [p.relative_to(ROOT) for top in ("bridge", "contracts") for p in (ROOT / top).rglob("*.py")]
    assert [str(p) for p in sources if p not in given] == []
    assert Path("contracts/trackerrms_contracts/openapi.json") in given


@runtime
def test_it_runs_as_a_user_without_rights(name: str) -> None:
    assert settings(STAGES, name).user == "10001:10001"


@runtime
def test_it_is_watched_and_labeled(name: str) -> None:
    made = settings(STAGES, name)
    assert made.healthcheck[:2] == ["python", "-c"]
    compile(made.healthcheck[2], "healthcheck", "exec")
    assert made.labels["org.opencontainers.image.licenses"] == PROJECT["license"]
    assert made.labels["org.opencontainers.image.title"]


def test_its_version_is_the_packages() -> None:
    labels = settings(STAGES, FINAL).labels
    assert labels["org.opencontainers.image.version"] == PROJECT["version"]
    assert labels["org.opencontainers.image.description"] == PROJECT["description"]


def test_one_image_for_every_role() -> None:
    made = settings(STAGES, FINAL)
    assert (made.entrypoint, made.command) == (["bridge"], ["run"])


@runtime
def test_nothing_is_built_or_installed_where_it_runs(name: str) -> None:
    ran = [command for stage in lineage(STAGES, name) for command in commands(stage)]
    assert [c for c in ran if re.search(r"\b(pip install|apt-get|apk|curl|wget|hatchling)\b", c)] == []
    assert any("site-packages" in c and c.startswith("rm ") for c in ran), "the base's pip goes"


def test_both_distributions_are_built_and_installed() -> None:
    ran = commands(STAGES["build"])
    build = "/opt/build/bin/hatchling build -t wheel -d /dist"
    assert [command for command in ran if build in command] == [f"cd contracts && {build}", build]
    assert ran[-1].endswith(" /dist/*.whl")
    needed = ("pyproject.toml", "README.md", "LICENSE")
    assert {*needed, *(f"contracts/{name}" for name in needed)} <= {str(file) for file in context()}


def test_every_install_is_by_hash_or_of_our_own_wheels() -> None:
    installs = [c for stage in STAGES.values() for c in commands(stage) if " install " in c and "pip" in c]
    assert len(installs) == 4
    for command in installs:
        assert "--require-hashes --only-binary :all:" in command or "--no-deps --no-index" in command


def version(pin: str) -> str:
    """Return a pin without the platform that it is for."""
    return pin.partition(";")[0].strip(" \\")


@pytest.mark.parametrize("name", LOCKS)
def test_the_images_pins_are_those_that_are_tested(name: str) -> None:
    tested = pins("requirements-dev.lock")
    assert pins(name)
    # The platform that a pin is for may differ: what tests need can want it on more platforms.
    other = {k: v for k, v in pins(name).items() if version(tested.get(k, "")) != version(v)}
    assert other == {}, stale(ROOT / name, "make lock")


@pytest.mark.parametrize("name", [*LOCKS, "requirements.lock", "requirements-dev.lock"])
def test_no_lock_file_names_our_own_distributions(name: str) -> None:
    assert "trackerrms" not in (ROOT / name).read_text(encoding="utf-8"), stale(ROOT / name, "make lock")


def test_the_image_has_every_dependency_and_no_server_of_its_own() -> None:
    wanted = {re.split(r"[<>=;]", one)[0] for one in PROJECT["dependencies"]} - {OURS}
    lock = ROOT / "requirements-image.lock"
    assert wanted <= pins(lock.name).keys(), stale(lock, "make lock")
    extras = {
        re.split(r"[<>=;]", d)[0] for d in PROJECT["optional-dependencies"]["embedded"]
    } - wanted  # PostgreSQL and a broker: a pod that started them would lose all it knows
    assert not extras & pins("requirements-image-simulator.lock").keys()
    more = pins("requirements-image-simulator.lock").keys() - pins("requirements-image.lock").keys()
    assert {re.split(r"[<>=;]", d)[0] for d in PROJECT["optional-dependencies"]["simulator"]} <= more
