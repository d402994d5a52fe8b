"""What npm offers, for tests that hold ours against somebody else's code.

A project's pinned packages go into the user's cache directory, once for each lock file. Where there is no
node or npm, or nothing can be fetched, the test is skipped and says why.
"""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests import cache

_ROOT = cache.ROOT / "npm"


def run(script: Path, what_for: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run a script (CommonJS) on ``given``, with the packages of its directory's package-lock.json."""
    environ = {**os.environ, "NODE_PATH": str(packages(script.parent, what_for))}
    return subprocess.run(
        ["node", str(script)], input=given, env=environ, capture_output=True, text=True, check=False
    )


def packages(project: Path, what_for: str) -> Path:
    """The ``node_modules`` of a directory with a package-lock.json."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip(f"no node and npm here: {what_for}")
    files = [project / "package.json", project / "package-lock.json"]
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]
    directory = _ROOT / digest
    with cache.alone(directory):
        if not (directory / "complete").exists():
            for file in files:
                shutil.copy(file, directory)
            command = ["npm", "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]
            ended = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
            if ended.returncode:
                pytest.skip(f"npm can't fetch its packages: {what_for}: {ended.stderr.strip()[:200]}")
            (directory / "complete").touch()
    return directory / "node_modules"
