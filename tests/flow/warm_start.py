"""Start ``bridge`` from a process that has imported it already: imports are most of a short command.

``python warm_start.py serve SOCKET`` imports the program and forks a child for each request: a process with
arguments, environment, directory, output and signals of its own.

``python warm_start.py run SOCKET ARGUMENT…`` stands for ``python -m bridge ARGUMENT…``: it hands over its own
output, passes signals on, and ends as the child does. It imports only what is below, so it starts at once.
"""

import json
import os
import selectors
import signal
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from functools import partial

_LONGEST_REQUEST = 1 << 20
_NUMBER = struct.Struct("!i")
_PASSED_ON = (signal.SIGTERM, signal.SIGINT)


class Server:
    """Forks a child for each request, and tells who asked how it ended."""

    def __init__(self, path: str, main: Callable[[], None]) -> None:
        self._main = main
        self._waiting: dict[int, socket.socket] = {}
        self._ready = selectors.DefaultSelector()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen(64)
        self._ended, on_child = os.pipe()
        for end in (self._ended, on_child):
            os.set_blocking(end, False)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for those who ask
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(on_child)
        for source, does in ((self._listener, self._start), (self._ended, self._reap)):
            self._ready.register(source, selectors.EVENT_READ, does)
        self._ready.register(sys.stdin, selectors.EVENT_READ)

    def serve(self) -> None:
        """Serve until standard input ends, as it does when the process that started this one ends."""
        while True:
            for key, _ in self._ready.select():
                if key.fileobj is sys.stdin:
                    return
                key.data()

    def _start(self) -> None:
        asking, _ = self._listener.accept()
        child = _fork(asking, self._main)
        self._waiting[child] = asking
        self._ready.register(asking, selectors.EVENT_READ, partial(self._kill, child, asking))

    def _kill(self, child: int, asking: socket.socket) -> None:
        """End the program whose stand-in was killed."""
        self._ready.unregister(asking)
        os.kill(child, signal.SIGKILL)

    def _reap(self) -> None:
        os.read(self._ended, 4096)
        for child, code in _reaped():
            with self._waiting.pop(child) as asking:
                if asking in self._ready.get_map():
                    self._ready.unregister(asking)
                    asking.send(_NUMBER.pack(code))


def _fork(asking: socket.socket, main: Callable[[], None]) -> int:
    """Start a child that is the program; return its process id. The request comes in one message."""
    message, descriptors, _, _ = socket.recv_fds(asking, _LONGEST_REQUEST, 3)
    child = os.fork()
    if child:
        for descriptor in descriptors:
            os.close(descriptor)
        asking.send(_NUMBER.pack(child))
        return child
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for place, descriptor in enumerate(descriptors):
        os.dup2(descriptor, place)
        os.close(descriptor)
    # The old ones may hold what the parent has read or written. These live as long as the process.
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", closefd=False)  # noqa: SIM115
    request = json.loads(message)
    os.environ.clear()
    os.environ.update(request["environ"])
    os.chdir(request["directory"])
    sys.argv = ["bridge", *request["arguments"]]
    main()  # it ends the process
    raise AssertionError("the program returned")


def _reaped() -> Iterator[tuple[int, int]]:
    """The children that have ended, with their exit codes: below 0 for a signal."""
    while True:
        try:
            child, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not child:
            return
        yield child, os.waitstatus_to_exitcode(status)


def run(path: str, arguments: list[str]) -> int:
    """Be the program as far as anyone can see from outside; return the exit code."""
    request = {"arguments": arguments, "environ": dict(os.environ), "directory": os.getcwd()}
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(path)
        socket.send_fds(server, [json.dumps(request).encode()], [0, 1, 2])
        child = _received(server)
        for number in _PASSED_ON:
            signal.signal(number, lambda number, _: os.kill(child, number))
        code = _received(server)
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


def _received(server: socket.socket) -> int:
    number: int = _NUMBER.unpack(server.recv(_NUMBER.size))[0]
    return number


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        from bridge.__main__ import main

        server = Server(sys.argv[2], main)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        server.serve()
    else:
        sys.exit(run(sys.argv[2], sys.argv[3:]))
