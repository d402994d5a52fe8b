"""Connection options of every Kafka client, and the translation of its failures.

A broker that can't be reached is ``Transient``: it may be back in ten minutes. A broker that answers and
refuses (a wrong password, an untrusted certificate, a missing permission) will keep refusing. That is an
``EnvironmentFault`` that names the key to check.
"""

import asyncio
import ssl
from collections.abc import Coroutine
from typing import Any

from aiokafka import errors
from aiokafka.conn import collect_hosts, create_conn

from bridge.config import KafkaConfig
from bridge.errors import BridgeError, ConfigError, EnvironmentFault, Transient
from bridge.tasks import cancel_and_wait

FAILURES = (errors.KafkaError, OSError, TimeoutError)
"""The exceptions that aiokafka raises for outside failures. ``translate`` maps them to the bridge's
errors."""

_SETTLE_SECONDS = 5.0
_REFUSALS = (
    errors.TopicAuthorizationFailedError,
    errors.GroupAuthorizationFailedError,
    errors.ClusterAuthorizationFailedError,
    errors.TransactionalIdAuthorizationFailed,
)


def options(config: KafkaConfig, timeout_seconds: float) -> dict[str, Any]:
    """Return the keyword arguments common to all aiokafka clients. Raises ``ConfigError``."""
    if not config.bootstrap_servers:
        raise ConfigError("kafka.bootstrap_servers: is empty; set it, for example kafka-1:9092,kafka-2:9092")
    return {
        "bootstrap_servers": config.bootstrap_servers,
        "client_id": "trackerrms-bridge",
        "request_timeout_ms": int(timeout_seconds * 1000),
        **_security(config),
    }


async def begun(starting: Coroutine[Any, Any, None]) -> None:
    """Start a client, and let the start finish even if this is canceled: the caller then stops the client.

    If a start is cut off, aiokafka loses the connection in progress, which stays open.
    """
    task = asyncio.ensure_future(starting)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task}, timeout=_SETTLE_SECONDS)
        await cancel_and_wait(task)
        raise


def _security(config: KafkaConfig) -> dict[str, Any]:
    security: dict[str, Any] = {"security_protocol": config.security_protocol}
    if config.security_protocol.endswith("SSL"):
        security["ssl_context"] = _ssl_context(config.ssl_cafile)
    if config.security_protocol.startswith("SASL"):
        security["sasl_mechanism"] = config.sasl_mechanism
        security["sasl_plain_username"] = config.sasl_username
        security["sasl_plain_password"] = config.sasl_password.reveal() if config.sasl_password else None
    return security


def _ssl_context(cafile: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=cafile)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"kafka.ssl_cafile: can't read {cafile} as PEM certificates") from error


async def unstarted(
    config: KafkaConfig, timeout_seconds: float, error: BaseException, what: str
) -> BridgeError:
    """Return why a client can't start to do ``what``.

    Connects again to find out, because aiokafka's own ``error`` seldom keeps the reason.
    """
    if isinstance(error, _REFUSALS):
        return translate(config, error, what)
    reason = "no address to try"
    security = _security(config)
    for host, port, _ in collect_hosts(config.bootstrap_servers or ""):
        try:
            connection = await create_conn(
                host, port, request_timeout_ms=int(timeout_seconds * 1000), **security
            )
        except FAILURES as error:
            fault = _refused(config, error)
            if fault is not None:
                return fault
            reason = type(error).__name__
        else:
            await connection.close()
            reason = "it answers but has no metadata yet"
    return Transient(f"kafka.bootstrap_servers: can't reach Kafka at {config.bootstrap_servers} ({reason})")


def _refused(config: KafkaConfig, error: Exception) -> EnvironmentFault | None:
    where = config.bootstrap_servers
    if isinstance(error, ssl.SSLCertVerificationError):
        return EnvironmentFault(
            f"kafka.ssl_cafile: the certificate of Kafka at {where} can't be verified "
            f"({error.verify_message})"
        )
    if isinstance(error, errors.SaslAuthenticationFailed):
        return EnvironmentFault(
            f"kafka.sasl_password: Kafka at {where} rejects sasl_username and sasl_password"
        )
    if isinstance(error, errors.UnsupportedSaslMechanismError):
        return EnvironmentFault(
            f"kafka.sasl_mechanism: Kafka at {where} does not offer {config.sasl_mechanism}"
        )
    return None


def translate(config: KafkaConfig, error: BaseException, what: str) -> BridgeError:
    """Map a failure of aiokafka while doing ``what`` to one of the bridge's errors."""
    if isinstance(error, _REFUSALS):
        return EnvironmentFault(
            f"Kafka at {config.bootstrap_servers} does not authorize {what}; grant the right"
        )
    return Transient(f"Kafka at {config.bootstrap_servers}: {what} failed ({type(error).__name__})")
