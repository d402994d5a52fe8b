"""Containers without an engine: the processes of a stage, as its user, in its read-only root."""

import contextlib
import fcntl
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from tests.image.recipe import Settings
from tests.image.rooms import spelled
from tests.waiting import patient


class Container:
    """What a stage's settings and a root make; ``environ`` is given to every process in it."""

    def __init__(self, name: str, root: Path, settings: Settings, environ: Mapping[str, str]) -> None:
        self.name = name
        self.root = root
        self._settings = settings
        self._environ = {**settings.environ, **environ}

    def command(self, words: Sequence[str]) -> list[str]:
        """A command line that runs ``words`` inside: its user, its directory, its variables, no rights."""
        inner = ["sh", "-c", f"cd '{self._settings.directory}' && exec \"$@\"", "sh", *words]
        user = [f"--userspec={self._settings.user}", "--groups="]
        environ = ["env", "-i", *spelled(self._environ)]
        return ["chroot", *user, str(self.root), *environ, "setpriv", "--no-new-privs", *inner]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run ``words`` inside, to the end."""
        return subprocess.run(
            self.command(words), capture_output=True, text=True, check=False, timeout=patient(120)
        )

    def entry(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the image with these arguments, as ``docker run IMAGE arguments`` does."""
        return self.run(*self._settings.entrypoint, *arguments)

    @contextlib.contextmanager
    def started(self, log: Path) -> Iterator[subprocess.Popen[bytes]]:
        """The image's own command, running; it is told to stop at the end."""
        words = [*self._settings.entrypoint, *self._settings.command]
        with log.open("wb") as out, subprocess.Popen(self.command(words), stdout=out, stderr=out) as process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.send_signal(signal.SIGTERM)
                    process.wait(patient(30))

    def healthy(self) -> bool:
        """What the image's HEALTHCHECK says."""
        return self.run(*self._settings.healthcheck).returncode == 0


def within_seconds(seconds: float, what: str, happens: Callable[[], bool], log: Path | None = None) -> float:
    """Wait until it happens; returns how long that took. Ends the program where it does not."""
    began = time.monotonic()
    while not happens():
        if time.monotonic() - began > seconds:
            tail = log.read_text(encoding="utf-8", errors="replace")[-3000:] if log else ""
            raise SystemExit(f"not within {seconds:g} s: {what}\n{tail}")
        time.sleep(0.2)
    return time.monotonic() - began


def loopback_up() -> None:
    """Switch the loopback of a fresh network namespace on."""
    up, set_flags = 0x1, 0x8914
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        fcntl.ioctl(ours, set_flags, struct.pack("16sh14x", b"lo", up))
