"""Ctrl-C ends a run of the tests at once and leaves no process behind."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.waiting import patient

ROOT = Path(__file__).parents[2]
# A worker of pytest-xdist ignores SIGINT, and what it starts would too.
LISTENING = """
import signal, sys, pytest
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(pytest.main(sys.argv[1:]))
"""


@pytest.fixture
def directory() -> Iterator[Path]:
    """Where the run has all its files: what names it was started by the run."""
    with tempfile.TemporaryDirectory(prefix="bridge-test-interrupted-") as made:
        Path(made).chmod(0o755)  # the embedded PostgreSQL may be another user
        yield Path(made)


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["0", "2"])
def test_ctrl_c_ends_the_run_and_all_it_started(workers: str, directory: Path) -> None:
    log = directory / "log"
    command = [sys.executable, "-c", LISTENING, "tests/flow/test_capture.py", "-p", "no:cacheprovider"]
    with log.open("w") as output:
        run = subprocess.Popen(
            [*command, f"--numprocesses={workers}", f"--basetemp={directory / 'run'}"],
            cwd=ROOT, env=os.environ | {"TMPDIR": str(directory)}, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + patient(60)
        while not a_bridge_is_at_work(directory):
            assert run.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        os.killpg(run.pid, signal.SIGINT)
        began = time.monotonic()
        code = run.wait(patient(15))
        took = time.monotonic() - began
        assert code == 2, log.read_text()  # what pytest ends with when it was interrupted
        assert took < patient(5), f"it took {took:.1f} s"
        assert started_by_it(directory) == []
    finally:
        for process in started_by_it(directory):
            process.kill()


def a_bridge_is_at_work(directory: Path) -> bool:
    """Whether a test has several connections to its database."""
    titles = []
    for process in started_by_it(directory):
        with contextlib.suppress(psutil.NoSuchProcess):  # it has ended meanwhile
            titles.append(" ".join(process.cmdline()))
    return sum(title.startswith("postgres:") and " test_" in title for title in titles) > 2


def started_by_it(directory: Path) -> list[psutil.Process]:
    """The processes that name the directory, and their children."""
    found: set[psutil.Process] = set()
    for process in psutil.process_iter():
        try:
            if str(directory) in " ".join(process.cmdline()) or process.cwd().startswith(str(directory)):
                found |= {process, *process.children(recursive=True)}
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return [process for process in found if lives(process)]


def lives(process: psutil.Process) -> bool:
    """Whether it has not ended."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False
