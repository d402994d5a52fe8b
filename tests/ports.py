"""Ports for servers whose address must be known before they listen, or stay the same over a restart."""

import random
import socket

# Below what Linux gives to those that ask for port 0 and to connections: no one else
# gets one by chance.
_FROM, _TO = 10_240, 32_768
_random = random.SystemRandom()


def free_port() -> int:
    """Return a port of the loopback address that nothing uses."""
    while True:
        with socket.socket() as probe:
            port = _random.randrange(_FROM, _TO)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
