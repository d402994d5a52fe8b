"""The bridge's errors, each named for what the caller does next.

    BridgeError
    ├── Transient           try again later; nothing is wrong with the request
    ├── Transient           try again later; the request is valid
    │   └── Throttled       the other side asked to wait; carries how long
    ├── Fatal               stop the process; carries the exit code
    │   ├── ConfigError     the configuration is wrong (exit 2)
    │   └── EnvironmentFault  something the bridge depends on is missing or refuses (exit 3)
    └── LeaseLost           another process took over; stop this stage and stand by

Doors translate foreign exceptions into these, with ``raise … from``. A message never holds a secret or
personal data (invariant 9): it names keys, ids, paths and counts.
"""

OK, BUG, BAD_CONFIG, BAD_ENVIRONMENT = 0, 1, 2, 3


class BridgeError(Exception):
    """Base class of every error that the bridge raises on purpose."""


class Transient(BridgeError):
    """A failure that may pass: try again later."""


class Throttled(Transient):
    """The other side asked to wait ``retry_after_seconds``."""

    def __init__(self, message: str, retry_after_seconds: float) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class Permanent(BridgeError):
    """A failure that no retry of this item fixes: park the item with the reason, continue with the next."""


class Fatal(BridgeError):
    """A failure that ends the process. ``exit_code`` shows the operator where to look."""

    exit_code = BUG


class ConfigError(Fatal):
    """An invalid configuration. The message names the key and says what to write there."""

    exit_code = BAD_CONFIG


class EnvironmentFault(Fatal):
    """A dependency of the bridge that is missing or refuses. The message says what to do about it."""

    exit_code = BAD_ENVIRONMENT


class LeaseLost(BridgeError):
    """The loss of a lease to another process: stop at once and wait for the lease again."""


def install_hint(extras: str) -> str:
    """Return how to install what is missing: extras, separated by commas."""
    return f"pip install ./contracts '.[{extras}]' in a clone of the bridge"
