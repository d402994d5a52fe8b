"""The wheels and the sdists, built once from the tracked files, and environments that have nothing else."""

import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import Struct

from tests.house.test_source import tracked

ROOT = Path(__file__).parents[2]


class Built(Struct, frozen=True, kw_only=True):
    """The two files of a distribution that would be published."""

    wheel: Path
    sdist: Path


def build(source: Path, output: Path, *targets: str) -> None:
    """Build as a publisher does, by hatchling's own program; no network, no other environment."""
    wanted = [argument for target in targets for argument in ("-t", target)]
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(output), *wanted]
    ended = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


@pytest.fixture(scope="session")
def source_files() -> list[str]:
    """The tracked files, by their paths from the root."""
    return sorted(str(path.relative_to(ROOT)) for path in tracked("*"))


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory, source_files: list[str]) -> Path:
    """Return a copy that has the tracked files and what may lie about in a checkout."""
    source = tmp_path_factory.mktemp("source")
    for name in source_files:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    (source / "bridge.toml").write_text("[store]\nurl = 'postgresql://bridge:password@db/bridge'\n")
    (source / "contracts" / "notes.txt").write_text("not published")
    (source / ".bridge").mkdir()
    (source / ".bridge" / "development.key").write_text("secret")
    return source


def published(source: Path, output: Path) -> Built:
    """Build both files of the project in ``source``."""
    build(source, output, "sdist", "wheel")
    (wheel,), (sdist,) = output.glob("*.whl"), output.glob("*.tar.gz")
    return Built(wheel=wheel, sdist=sdist)


@pytest.fixture(scope="session")
def built(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Return the bridge."""
    return published(source, tmp_path_factory.mktemp("bridge"))


@pytest.fixture(scope="session")
def built_contracts(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Return the contracts."""
    return published(source / "contracts", tmp_path_factory.mktemp("contracts"))


class Environment:
    """A virtual environment that knows nothing of the checkout."""

    def __init__(self, directory: Path) -> None:
        venv.create(directory, with_pip=False)
        self.python = directory / "bin" / "python"
        self.bridge = directory / "bin" / "bridge"

    def pip(self, *arguments: str) -> str:
        """The tests' own pip, at work in there."""
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(self.python)]
        ended = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def install(self, requirements: Path, *ours: str) -> None:
        """Install the pinned ``requirements`` by their hashes, then our wheels, which need nothing else."""
        self.pip("install", "--quiet", "--no-compile", "--require-hashes", "-r", str(requirements))
        self.pip("install", "--quiet", "--no-compile", "--no-index", *ours)


@pytest.fixture(scope="session")
def outside() -> Iterator[Path]:
    """A directory that any user may read: run by root, the embedded PostgreSQL is another user."""
    with tempfile.TemporaryDirectory(prefix="bridge-test-") as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


@pytest.fixture(scope="session")
def installed(built: Built, built_contracts: Built, outside: Path) -> Environment:
    """Return one with both wheels and everything that the lock file pins."""
    made = Environment(outside / "installed")
    bridge = f"{built.wheel}[embedded,simulator]"
    made.install(ROOT / "requirements.lock", str(built_contracts.wheel), bridge)
    return made


@pytest.fixture(scope="session")
def contracts_only(built_contracts: Built, outside: Path) -> Environment:
    """Return one with the wheel of the contracts and msgspec, and nothing else."""
    made = Environment(outside / "contracts")
    blocks = (ROOT / "requirements.lock").read_text().replace("\\\n", " ").splitlines()
    pinned = outside / "msgspec.lock"
    pinned.write_text("\n".join(line for line in blocks if line.startswith("msgspec==")))
    made.install(pinned, str(built_contracts.wheel))
    return made
