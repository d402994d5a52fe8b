"""Where tests keep what takes long to get: in the user's cache directory, which outlives a checkout."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

_HOME = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
ROOT = Path(_HOME) / "trackerrms-bridge-tests"


@contextlib.contextmanager
def alone(directory: Path) -> Iterator[None]:
    """One process at a time fills ``directory``; the others wait and find it filled."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
