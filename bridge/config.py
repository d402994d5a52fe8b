"""The configuration: one frozen struct of one-level slices, from ``bridge.toml``, then from ``BRIDGE_*``.

``BRIDGE_KAFKA_BOOTSTRAP_SERVERS`` sets ``kafka.bootstrap_servers``;
``BRIDGE_INTEGRATIONS_ACME_BEARER_TOKEN`` sets ``bearer_token`` of the integration whose id is ``acme``
(upper case, with ``_`` for every character that is not a letter or a digit). An unknown key, an invalid
value or a missing secret raises ``ConfigError``, whose one line names the key and what to do.
"""

import difflib
import ipaddress
import os
import re
import tomllib
import typing
import zoneinfo
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct, field
from trackerrms_contracts.entities import Model

from bridge.environment import overlay, variable_name
from bridge.errors import ConfigError

Positive = Annotated[int, Meta(ge=1)]
ListenAddress = Annotated[
    str,
    Meta(pattern=r"^([A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}$"),
]
"""``host:port``, an IPv6 address in brackets."""
_LARGEST_PORT = 65_535
Slug = Annotated[str, Meta(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]


class Secret:
    """A value that is never shown: ``repr`` and ``str`` are stars. ``reveal()`` returns it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value."""
        return self._value

    def __repr__(self) -> str:
        return "********"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


class _Slice(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A group of keys. An unknown key is an error."""


class StoreConfig(_Slice, frozen=True, kw_only=True):
    """PostgreSQL. Without ``url`` the bridge starts the embedded server in the data directory."""

    url: Secret | None = None
    pool_size: Positive = 10
    retention_days: Annotated[float, Meta(gt=0)] = 30.0


class KafkaConfig(_Slice, frozen=True, kw_only=True):
    """The broker. Without ``bootstrap_servers`` the bridge starts the embedded one, which loses its data at
    exit."""

    bootstrap_servers: str | None = None
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    sasl_username: str | None = None
    sasl_password: Secret | None = None
    ssl_cafile: str | None = None
    topic_prefix: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$")] = "trackerrms"
    partitions: Positive = 6
    replication_factor: Positive = 1
    compacted: bool = False
    max_message_bytes: Annotated[int, Meta(ge=100_000)] = 16_777_216
    group_instance_id: str | None = None


class SealingConfig(_Slice, frozen=True, kw_only=True):
    """The installation's key: 32 bytes in base64. Without it the bridge creates a development key."""

    key: Secret | None = None


class LogConfig(_Slice, frozen=True, kw_only=True):
    """The log on stderr: JSON, or readable lines if stderr is a terminal."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "console"] = "auto"


class CaptureConfig(_Slice, frozen=True, kw_only=True):
    """The times of reading TrackerRMS, and the limits beyond which a person must confirm losses."""

    poll_seconds: Annotated[float, Meta(gt=0)] = 15.0
    overlap_seconds: Annotated[float, Meta(ge=0)] = 120.0
    sweep_minutes: Annotated[float, Meta(ge=0)] = 30.0
    deletion_limit_count: Positive = 500
    deletion_limit_percent: Annotated[float, Meta(gt=0, le=100)] = 10.0
    loss_limit_percent: Annotated[float, Meta(gt=0, le=100)] = 10.0


class OutboundConfig(_Slice, frozen=True, kw_only=True):
    """HTTP to addresses that others choose: attachments of commands, and webhooks."""

    allow_networks: tuple[str, ...] = ()
    allow_http: bool = False


class ApiConfig(_Slice, frozen=True, kw_only=True):
    """The HTTP API."""

    listen: ListenAddress = "127.0.0.1:8420"


class MonitoringConfig(_Slice, frozen=True, kw_only=True):
    """Health and metrics, which every process serves without a token."""

    listen: ListenAddress = "127.0.0.1:8421"


class CommandsConfig(_Slice, frozen=True, kw_only=True):
    """The execution of commands."""

    deadline_seconds: Annotated[float, Meta(gt=0)] = 600.0


class WebhooksConfig(_Slice, frozen=True, kw_only=True):
    """The delivery of events to subscribers."""

    retry_seconds: Annotated[tuple[Annotated[float, Meta(gt=0)], ...], Meta(min_length=1)] = (
        *(5.0, 300.0, 1800.0, 7200.0, 18_000.0),
        *(36_000.0, 50_400.0, 72_000.0, 86_400.0),
    )
    disable_after_days: Annotated[float, Meta(gt=0)] = 5.0


class IntegrationConfig(_Slice, frozen=True, kw_only=True):
    """A TrackerRMS account."""

    id: Slug
    region: Literal["us", "ca", "uk", "row"] | None = None
    base_url: str | None = None
    bearer_token: Secret | None = None
    oauth_client_id: str = "EvoApi_1.0"
    oauth_client_secret: Secret | None = None
    oauth_refresh_token: Secret | None = None
    api_key: Secret | None = None
    username: str | None = None
    password: Secret | None = None
    time_zone: str = "UTC"
    requests_per_minute: Positive = 600
    source: str | None = None
    initial_load: Literal["emit", "silent"] = "emit"
    keep_previous: bool = False
    remote_data: bool = False
    models: tuple[Model, ...] | None = None
    learn: bool = True
    tracker: dict[str, Any] = field(default_factory=dict)


class Config(_Slice, frozen=True, kw_only=True):
    """The whole configuration."""

    data_dir: str = ".bridge"
    store: StoreConfig = StoreConfig()
    kafka: KafkaConfig = KafkaConfig()
    sealing: SealingConfig = SealingConfig()
    log: LogConfig = LogConfig()
    capture: CaptureConfig = CaptureConfig()
    outbound: OutboundConfig = OutboundConfig()
    commands: CommandsConfig = CommandsConfig()
    api: ApiConfig = ApiConfig()
    monitoring: MonitoringConfig = MonitoringConfig()
    webhooks: WebhooksConfig = WebhooksConfig()
    integrations: tuple[IntegrationConfig, ...] = ()

    def integration(self, integration_id: str) -> IntegrationConfig:
        """Return the integration with this id. Raises ``ConfigError`` if it does not exist."""
        for integration in self.integrations:
            if integration.id == integration_id:
                return integration
        known = ", ".join(i.id for i in self.integrations)
        raise ConfigError(
            f"integrations: no integration has the id {integration_id!r}; "
            + (f"use one of {known}" if known else "add it as [[integrations]]")
        )


def load_config(path: Path | None, environ: Mapping[str, str] | None = None) -> Config:
    """Return the configuration in ``path`` (default ``bridge.toml``, if it exists) and in ``BRIDGE_*``.

    Raises ``ConfigError`` for a file that cannot be read, an unknown key or an invalid value.
    """
    environ = os.environ if environ is None else environ
    raw = _read(path)
    overlay(raw, environ, _SLICES, IntegrationConfig)
    return parse_config(raw)


def parse_config(raw: Mapping[str, Any]) -> Config:
    """Return the validated configuration of a plain mapping."""
    try:
        config = msgspec.convert(raw, Config, strict=False, dec_hook=_decode_secret)
    except msgspec.ValidationError as error:
        raise ConfigError(_one_line(str(error), raw)) from None
    _check(config)
    return config


def _read(path: Path | None) -> dict[str, Any]:
    source = path or Path("bridge.toml")
    try:
        return tomllib.loads(source.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if path is None:
            return {}
        raise ConfigError(
            f"{source}: no such file; give an existing file with --config, or leave the option out"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{source}: can't be read ({type(error).__name__}); "
            "it must be a file in UTF-8 that this user may read"
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{source}: invalid TOML: {error}") from None


_SLICES = {
    name: kind
    for name, kind in Config.__annotations__.items()
    if isinstance(kind, type) and issubclass(kind, _Slice)
}


def _decode_secret(kind: type, value: Any) -> Any:
    if kind is Secret:
        if not isinstance(value, str) or not value:
            raise ValueError("must be a non-empty string")
        return Secret(value)
    raise NotImplementedError(kind)


def _one_line(message: str, raw: Mapping[str, Any]) -> str:
    """Turn msgspec's ``… - at `$.kafka.partitions` `` into ``kafka.partitions: …``, with what to do."""
    found = re.match(r"(?P<what>.*?)(?: - at `\$\.?(?P<where>[^`]*)`)?$", message, re.DOTALL)
    what, where = (found["what"], found["where"] or "") if found else (message, "")
    where = re.sub(r"integrations\[(\d+)\]", lambda m: f"integrations.{_id_at(raw, int(m[1]))}", where)
    unknown = re.search(r"unknown field `([^`]+)`", what)
    if unknown:
        key = f"{where}.{unknown[1]}" if where else unknown[1]
        return f"{key}: no such setting{_suggest(where, unknown[1])}"
    missing = re.search(r"missing required field `([^`]+)`", what)
    if missing:
        key = f"{where}.{missing[1]}" if where else missing[1]
        return f"{key}: must be set"
    if what.startswith("Invalid enum value"):
        choices = _choices(where)
        what = f"must be one of {', '.join(choices)}" if choices else what
    key = where.rpartition(".")[2]
    if "matching regex" in what and key in _FORMS:
        what = f"invalid; {_FORMS[key]}"
    return f"{where}: {what[0].lower()}{what[1:]}" if where else what


# The remedy for values that do not match their pattern, by the last part of the key.
_FORMS = {
    "id": "use lowercase letters, digits and hyphens, at most 63",
    "listen": "write host:port, as in 127.0.0.1:8420 or [::1]:8420",
    "topic_prefix": "use letters, digits, _ and -, in words joined by dots",
}


def _suggest(where: str, unknown: str) -> str:
    """Return a suggestion of the key that was probably meant, among the valid keys beside ``unknown``."""
    kind = _kind_at(where)
    close = difflib.get_close_matches(unknown, kind.__struct_fields__ if kind else (), n=1)
    if not close:
        return ""
    return f"; did you mean {where}.{close[0]}?" if where else f"; did you mean {close[0]}?"


def _kind_at(where: str) -> type[Struct] | None:
    """Return the struct of the keys below ``where``."""
    if not where:
        return Config
    return IntegrationConfig if where.startswith("integrations.") else _SLICES.get(where)


def _choices(where: str) -> tuple[str, ...]:
    """Return the values of the key ``where``, if its values are a choice."""
    head, _, key = re.sub(r"\[.*\]$", "", where).rpartition(".")
    kind = _kind_at(head)
    return _literals(typing.get_type_hints(kind).get(key)) if kind is not None else ()


def _literals(kind: Any) -> tuple[str, ...]:
    if typing.get_origin(kind) is Literal:
        return typing.get_args(kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return tuple(member.value for member in kind)
    return next((found for part in typing.get_args(kind) if (found := _literals(part))), ())


def _id_at(raw: Mapping[str, Any], index: int) -> str:
    try:
        return str(raw["integrations"][index]["id"])
    except (KeyError, IndexError, TypeError):
        return str(index)


def _check(config: Config) -> None:
    _check_networks(config.outbound)
    _check_sasl(config.kafka)
    _check_listen("api.listen", config.api.listen)
    _check_listen("monitoring.listen", config.monitoring.listen)
    seen: set[str] = set()
    for integration in config.integrations:
        key = f"integrations.{integration.id}"
        if integration.id in seen:
            raise ConfigError(f"{key}: two integrations have this id; give each its own")
        seen.add(integration.id)
        if integration.region is None and integration.base_url is None:
            raise ConfigError(f"{key}.region: missing; set region (us, ca, uk or row) or base_url")
        if integration.region is not None and integration.base_url is not None:
            raise ConfigError(f"{key}.region: set together with base_url; remove one of the two")
        if integration.base_url and not re.match(r"https?://[^/]", integration.base_url):
            raise ConfigError(f"{key}.base_url: must start with https:// or http://")
        _check_credentials(key, integration)
        _check_models(key, integration)
        try:
            zoneinfo.ZoneInfo(integration.time_zone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError):
            raise ConfigError(
                f"{key}.time_zone: {integration.time_zone!r} is not an IANA time zone; "
                "write it as in Europe/London"
            ) from None


def _check_sasl(kafka: KafkaConfig) -> None:
    if not kafka.security_protocol.startswith("SASL"):
        return
    for key, value in (("sasl_username", kafka.sasl_username), ("sasl_password", kafka.sasl_password)):
        if not value:
            raise ConfigError(f"kafka.{key}: missing; security_protocol {kafka.security_protocol} needs it")


def _check_listen(key: str, listen: str) -> None:
    if int(listen.rpartition(":")[2]) > _LARGEST_PORT:
        raise ConfigError(f"{key}: {listen} has no valid port; use one from 0 to {_LARGEST_PORT}")


def _check_networks(outbound: OutboundConfig) -> None:
    for network in outbound.allow_networks:
        try:
            ipaddress.ip_network(network)
        except ValueError as error:
            raise ConfigError(f"outbound.allow_networks: {error}; write a network as in 10.0.0.0/8") from None


# A tag or a role exists while a link to it does, so the bridge must follow the links too.
_NEEDS = {"tag": "candidate_tag", "role": "job_user_role_assignment"}


def _check_models(key: str, integration: IntegrationConfig) -> None:
    for model, link in _NEEDS.items():
        if integration.models and model in integration.models and link not in integration.models:
            raise ConfigError(f"{key}.models: {model} needs {link}; add it to the list")


def _check_credentials(key: str, integration: IntegrationConfig) -> None:
    if bool(integration.username) != bool(integration.password):
        missing = "password" if integration.username else "username"
        raise ConfigError(f"{key}.{missing}: missing; set both username and password, or neither")
    if integration.bearer_token:
        return
    if not integration.oauth_refresh_token:
        variable = variable_name(integration.id)
        raise ConfigError(
            f"{key}.bearer_token: missing; set it here or in BRIDGE_INTEGRATIONS_{variable}_BEARER_TOKEN, "
            "or set oauth_refresh_token and oauth_client_secret"
        )
    if not integration.oauth_client_secret:
        raise ConfigError(f"{key}.oauth_client_secret: missing; oauth_refresh_token needs it")
