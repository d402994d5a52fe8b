"""Translation of the errors of PostgreSQL, its driver and the network."""

import contextlib
import socket
import urllib.parse
from collections.abc import Iterator

import asyncpg

from bridge.errors import ConfigError, EnvironmentFault, Transient


@contextlib.contextmanager
def translated(url: str) -> Iterator[None]:
    """Translate what asyncpg and the network raise, including on connecting, into the bridge's errors."""
    try:
        with translated_statements(url):
            yield
    except asyncpg.ClientConfigurationError as error:
        raise ConfigError(
            "store.url: is not a PostgreSQL URL, such as postgresql://user:password@host:5432/database"
        ) from error
    except OSError as error:
        raise Transient(f"PostgreSQL at {mask_url(url)}: {_reason(error)}") from error


@contextlib.contextmanager
def translated_statements(url: str) -> Iterator[None]:
    """Translate as ``translated`` does, for an open connection. The caller's own ``OSError`` passes
    through."""
    try:
        yield
    except asyncpg.PostgresError as error:
        meaning = _meaning(error, url)
        if meaning is None:
            raise
        raise meaning from error
    except asyncpg.InterfaceError as error:
        if "clos" not in str(error):  # "connection is closed", "the pool is closing"
            raise
        raise Transient(f"PostgreSQL at {mask_url(url)}: the connection was closed") from error
    except asyncpg.InternalClientError as error:
        # A connection cut in the middle of a statement leaves the driver in an intermediate state.
        raise Transient(f"PostgreSQL at {mask_url(url)}: the connection broke") from error
    except TimeoutError as error:
        raise Transient(f"PostgreSQL at {mask_url(url)}: no answer in time") from error
    except ConnectionError as error:
        raise Transient(f"PostgreSQL at {mask_url(url)}: {_reason(error)}") from error


# SQLSTATE, PostgreSQL's documentation, appendix A. Longest prefix wins.
_TRANSIENT = {
    "08": "the connection broke",
    "25006": "it is read-only now (a standby, or a failover is in progress)",
    "25P03": "a transaction was idle for too long",
    "40": "a conflict between transactions",
    "53": "it lacks resources",
    "53100": "its disk is full; free some space",
    "53200": "it is out of memory",
    "53300": "it has too many clients; raise max_connections or lower store.pool_size",
    "55P03": "a lock was held for too long",
    "57014": "a statement took too long",
    "57P": "it is shutting down or starting up",
    "58": "its system reported an error",
}
_FAULT = {
    "28": "it refuses the user or the password; check store.url",
    "3D000": "the database does not exist; create it, or check store.url",
    "42501": "the user lacks a privilege; grant all on the schema",
}


def _meaning(error: "asyncpg.PostgresError", url: str) -> Transient | EnvironmentFault | None:
    state = error.sqlstate or ""
    for length in (5, 3, 2):
        prefix = state[:length]
        if prefix in _TRANSIENT:
            return Transient(f"PostgreSQL at {mask_url(url)}: {_TRANSIENT[prefix]} ({state})")
        if prefix in _FAULT:
            return EnvironmentFault(f"store.url: PostgreSQL at {mask_url(url)}: {_FAULT[prefix]} ({state})")
    return None


def _reason(error: OSError) -> str:
    match error:
        case FileNotFoundError():
            return "nothing listens on that socket"
        case ConnectionRefusedError():
            return "connection refused"
        case socket.gaierror():
            return "the host name can't be resolved"
        case _:  # asyncpg raises a bare OSError if every address of a host name failed
            return f"the connection failed ({type(error).__name__})"


def mask_url(url: str) -> str:
    """Return ``url`` without password and options, so that it may be logged."""
    parts = urllib.parse.urlsplit(url)
    host = parts.hostname or urllib.parse.parse_qs(parts.query).get("host", ["localhost"])[0]
    address = parts.netloc.rpartition("@")[2] or host
    user = f"{parts.username}@" if parts.username else ""
    return f"{user}{address}{parts.path}"
