"""How every client reaches the broker, and what its failures mean to the bridge.

A broker that can't be reached is ``Transient``: it may be back in ten minutes. A broker that answers and
refuses us (a wrong password, a certificate nobody vouches for, a missing right) won't change its mind, and
is an ``EnvironmentFault`` that names the key to look at.
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
"""What aiokafka raises when something outside goes wrong; ``translate`` turns each into one of ours."""

_SETTLE_SECONDS = 5.0
_REFUSALS = (
    errors.TopicAuthorizationFailedError,
    errors.GroupAuthorizationFailedError,
    errors.ClusterAuthorizationFailedError,
    errors.TransactionalIdAuthorizationFailed,
)


def options(config: KafkaConfig, timeout_seconds: float) -> dict[str, Any]:
    """The keyword arguments that every aiokafka client takes. Raises ``ConfigError``."""
    if not config.bootstrap_servers:
        raise ConfigError("kafka.bootstrap_servers: must be set, for example kafka-1:9092,kafka-2:9092")
    return {
        "bootstrap_servers": config.bootstrap_servers,
        "client_id": "trackerrms-bridge",
        "request_timeout_ms": int(timeout_seconds * 1000),
        **_security(config),
    }


async def begun(starting: Coroutine[Any, Any, None]) -> None:
    """Start a client, to the end even when this is cancelled: the caller stops it then.

    aiokafka loses the connection under way of a start that is cut off, and it stays open.
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
        raise ConfigError(f"kafka.ssl_cafile: {cafile} can't be read as PEM certificates") from error


async def unstarted(
    config: KafkaConfig, timeout_seconds: float, error: BaseException, what: str
) -> BridgeError:
    """Why no client can start to do ``what``.

    Asked anew, because aiokafka's own ``error`` seldom keeps the reason.
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
            reason = "it answers, but has no metadata yet"
    return Transient(f"Kafka can't be reached at {config.bootstrap_servers} ({reason})")


def _refused(config: KafkaConfig, error: Exception) -> EnvironmentFault | None:
    where = config.bootstrap_servers
    if isinstance(error, ssl.SSLCertVerificationError):
        return EnvironmentFault(
            f"kafka.ssl_cafile: the certificate of Kafka at {where} can't be verified "
            f"({error.verify_message})"
        )
    if isinstance(error, errors.SaslAuthenticationFailed):
        return EnvironmentFault(
            f"kafka.sasl_password: Kafka at {where} refuses this sasl_username and sasl_password"
        )
    if isinstance(error, errors.UnsupportedSaslMechanismError):
        return EnvironmentFault(
            f"kafka.sasl_mechanism: Kafka at {where} doesn't offer {config.sasl_mechanism}"
        )
    return None


def translate(config: KafkaConfig, error: BaseException, what: str) -> BridgeError:
    """One of ours for a failure of aiokafka while doing ``what``."""
    if isinstance(error, _REFUSALS):
        return EnvironmentFault(f"Kafka at {config.bootstrap_servers} doesn't allow {what}")
    return Transient(f"Kafka at {config.bootstrap_servers}: {what} failed ({type(error).__name__})")
