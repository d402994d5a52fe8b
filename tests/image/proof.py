"""``make image-proof``: every step of the Dockerfile, run in a clean root, and what it makes, run.

For machines without an engine: debootstrap makes the roots, chroot runs the steps, and the result runs as the
image's user on a read-only root, in a network of its own. It takes minutes and needs root, so it is no part
of the tests; ``tests/image/test_dockerfile.py`` is. The base image itself is not here: a Debian of the same
release stands in, with Debian's Python 3.11.

    python -m tests.image.proof [--directory DIR]    DIR keeps the bases for the next time
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.image import recipe, rooms

RUNTIME = ("bridge", "simulator")
BUILD_TOOLS = ("pip", "pip3", "gcc", "cc", "g++", "make", "ld", "hatchling", "uv", "git")


def main() -> None:
    """Build, look, run."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--directory", type=Path)
    given = arguments.parse_args().directory
    lacking = [name for name in ("debootstrap", "unshare", "chroot", "mount") if shutil.which(name) is None]
    if os.geteuid() != 0 or lacking:
        raise SystemExit(
            f"the proof needs root and debootstrap; missing here: {', '.join(lacking) or 'root'}"
        )
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        prove(given.resolve())
    else:
        with tempfile.TemporaryDirectory(prefix="bridge-image-") as made:
            prove(Path(made))


def prove(directory: Path) -> None:
    """All of it, in this directory."""
    directory.chmod(0o755)
    stages = recipe.stages()
    for name in (*stages, "servers"):
        shutil.rmtree(directory / name, ignore_errors=True)
    for name in RUNTIME:
        look(rooms.build(stages, name, directory), name)
    sys.stdout.flush()
    # Mounts and network of their own: they end with the process, however it ends.
    inner = [sys.executable, "-m", "tests.image.running", str(directory)]
    done = subprocess.run(["unshare", "--net", "--mount", "--propagation=private", *inner], check=False)
    if done.returncode:
        raise SystemExit(done.returncode)
    print("proved")


def look(root: Path, name: str) -> None:
    """No build tools, no caches, no servers; nothing that the user could change."""
    places = ("usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin", "opt/bridge/bin")
    tools = [f"{at}/{tool}" for at in places for tool in BUILD_TOOLS if (root / at / tool).exists()]
    refuse(name, "build tools", tools)
    packages = {path.name for path in (root / "opt/bridge").glob("lib/python3*/site-packages/*.dist-info")}
    unwanted = re.compile(r"^(pip|setuptools|wheel|hatchling|calfkit|pixeltable|pytest)[-_]")
    refuse(name, "packages", [one for one in packages if unwanted.match(one)])
    ours = {one.partition("-")[0] for one in packages if one.startswith("trackerrms_")}
    refuse(name, "distributions missing", sorted({"trackerrms_bridge", "trackerrms_contracts"} - ours))
    caches = [root / "root/.cache", root / "src", root / "dist", root / "opt/build"]
    refuse(name, "left-overs of the build", [str(path) for path in caches if path.exists()])
    owned = [p for p in (root / "opt").rglob("*") if p.lstat().st_uid != 0]
    refuse(name, "files that are not root's", [str(path) for path in owned])
    size = sum(p.lstat().st_size for p in (root / "opt/bridge").rglob("*") if p.is_file())
    print(
        f"    {name}: {len(packages)} packages, {size / 1e6:.0f} MB in /opt/bridge; no build tools, no caches"
    )


def refuse(name: str, what: str, found: list[str]) -> None:
    """End where something was found."""
    if found:
        raise SystemExit(f"{name}: {what}: {', '.join(found[:9])}")


if __name__ == "__main__":
    main()
