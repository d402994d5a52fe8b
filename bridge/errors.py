"""The bridge's errors, named for what to do next.

    BridgeError
    ├── Transient           try again later; nothing is wrong with the request
    │   └── Throttled       the other side asked for patience; carries how long
    ├── Permanent           this one item will never succeed; park it with the reason
    ├── Fatal               stop the process; carries the exit code
    │   ├── ConfigError     the configuration is wrong (exit 2)
    │   └── EnvironmentFault  something the bridge stands on is missing or refuses (exit 3)
    └── LeaseLost           another process took over; stop this stage and stand by

Doors translate foreign exceptions into these, with ``raise … from``. A message never holds a secret or
personal data (invariant 9): it names keys, ids, paths and counts.
"""

OK, BUG, BAD_CONFIG, BAD_ENVIRONMENT = 0, 1, 2, 3


class BridgeError(Exception):
    """Root of every error the bridge raises on purpose."""


class Transient(BridgeError):
    """Worth trying again later."""


class Throttled(Transient):
    """The other side asked for patience."""

    def __init__(self, message: str, retry_after_seconds: float) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class Permanent(BridgeError):
    """This item will never succeed as it is: park it, with the reason, and go on with the next."""


class Fatal(BridgeError):
    """The process can't go on; ``exit_code`` tells an operator whose move it is."""

    exit_code = BUG


class ConfigError(Fatal):
    """The configuration is wrong: the message names the key and what to write there."""

    exit_code = BAD_CONFIG


class EnvironmentFault(Fatal):
    """Something the bridge stands on is missing or refuses: the message says what to do about it."""

    exit_code = BAD_ENVIRONMENT


class LeaseLost(BridgeError):
    """Another process holds this work now: stop at once, stand by for the lease."""
