"""A configuration in which every key has a value that is not its default, made from the struct."""

import types
import typing
from typing import Annotated, Any, Literal, Union

import msgspec
from msgspec import Struct

from bridge.config import Config, IntegrationConfig, Secret

# Where a made-up value would be refused, or where a hard one is wanted.
CHOSEN: dict[str, Any] = {
    "kafka.bootstrap_servers": "kafka-1.example:9092,kafka-2.example:9094",
    "kafka.security_protocol": "SASL_SSL",
    "kafka.topic_prefix": "acme.events",
    "kafka.ssl_cafile": "/etc/ssl/kafka.pem",
    "api.listen": "api.example:9100",
    "monitoring.listen": "monitoring.example:9000",
    "outbound.allow_networks": ["10.20.0.0/16", "fd00::/8"],
    "webhooks.retry_seconds": [0.25, 5, 1e-07],
    "integrations.id": "acme-uk",
    "integrations.time_zone": "Europe/London",
    "integrations.source": 'The "Bridge" \\ Ünïcode <&> {{ .Values }} # no comment',
    "integrations.models": ["candidate", "job"],
    "integrations.tracker": {
        "maps": {"job_status": {"On Hold": "DRAFT", 'a "quoted" key.with.dots': "LIVE"}},
        "pages": {"size": 10, "share": 0.5, "deep": [{"on": True}, {"list": [1, 2.5, "three"]}]},
    },
}


def everything() -> dict[str, Any]:
    """The configuration as a file would say it: two integrations, for ``region`` and ``base_url`` exclude
    each other."""
    made: dict[str, Any] = {}
    for field in msgspec.structs.fields(Config):
        if field.name != "integrations":
            made[field.name] = _made(field.name, field.type, field.default)
    first = _slice("integrations", IntegrationConfig)
    second = {**first, "id": "globex", "base_url": "https://tracker.example:8443"}
    del first["base_url"], second["region"]
    made["integrations"] = [first, second]
    return made


def _slice(name: str, kind: type[Struct]) -> dict[str, Any]:
    return {f.name: _made(f"{name}.{f.name}", f.type, f.default) for f in msgspec.structs.fields(kind)}


def _made(key: str, kind: Any, default: Any) -> Any:
    if key in CHOSEN:
        return CHOSEN[key]
    if isinstance(kind, type) and issubclass(kind, Struct):
        return _slice(key, kind)
    return _another(key, kind, default)


def _another(key: str, kind: Any, default: Any) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Annotated:
        return _another(key, arguments[0], default)
    if origin in (Union, types.UnionType):
        return _another(key, next(a for a in arguments if a is not type(None)), default)
    if origin is Literal:
        return next(choice for choice in reversed(arguments) if choice != default)
    if kind is bool:
        return not default
    if kind is int:
        return default + 1
    if kind is float:
        return default + 0.5
    if kind in (str, Secret):
        return f"another {key}"
    raise AssertionError(f"{key}: choose a value for it")
