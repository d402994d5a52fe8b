"""The wheel and the sdist, built once from the tracked files, and environments that have nothing else."""

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
    """The two files that would be published."""

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
def built(tmp_path_factory: pytest.TempPathFactory, source_files: list[str]) -> Built:
    """Built from a copy that has the tracked files and what may lie about in a checkout."""
    source, output = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("built")
    for name in source_files:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    (source / "bridge.toml").write_text("[store]\nurl = 'postgresql://bridge:password@db/bridge'\n")
    (source / ".bridge").mkdir()
    (source / ".bridge" / "development.key").write_text("secret")
    build(source, output, "sdist", "wheel")
    (wheel,), (sdist,) = output.glob("*.whl"), output.glob("*.tar.gz")
    return Built(wheel=wheel, sdist=sdist)


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

    def install(self, wheel: Path, requirements: Path) -> None:
        """The wheel, and the pinned ``requirements`` by their hashes."""
        self.pip("install", "--quiet", "--no-compile", "--require-hashes", "-r", str(requirements))
        self.pip("install", "--quiet", "--no-compile", "--no-deps", "--no-index", str(wheel))


@pytest.fixture(scope="session")
def outside() -> Iterator[Path]:
    """A directory that any user may read: run by root, the embedded PostgreSQL is another user."""
    with tempfile.TemporaryDirectory(prefix="bridge-test-") as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


@pytest.fixture(scope="session")
def installed(built: Built, outside: Path) -> Environment:
    """The wheel with everything that the lock file pins."""
    made = Environment(outside / "installed")
    made.install(built.wheel, ROOT / "requirements.lock")
    return made


@pytest.fixture(scope="session")
def contracts_only(built: Built, outside: Path) -> Environment:
    """The wheel with msgspec, and nothing else."""
    made = Environment(outside / "contracts")
    blocks = (ROOT / "requirements.lock").read_text().replace("\\\n", " ").splitlines()
    pinned = outside / "msgspec.lock"
    pinned.write_text("\n".join(line for line in blocks if line.startswith("msgspec==")))
    made.install(built.wheel, pinned)
    return made
