"""Generate the tables of ``docs/configuration.md`` and ``docs/metrics.md`` from the declarations.

``make generate`` writes them; a test checks that they are fresh.
"""

import types
import typing
from pathlib import Path
from typing import Annotated, Any, Literal, Union

import msgspec
from msgspec import NODEFAULT, Meta, Struct

from bridge import config, metrics
from bridge.config import Config, Secret

DOCS = Path(__file__).parents[1] / "docs"
BEGIN, END = "<!-- configuration keys: generated -->", "<!-- end of configuration keys -->"
METRICS_BEGIN, METRICS_END = "<!-- metrics: generated -->", "<!-- end of metrics -->"

MEANINGS = {
    "data_dir": "The directory of the embedded servers' data and of the development key.",
    "store.url": "PostgreSQL: `postgresql://user:password@host:5432/database`. Unset: the embedded server.",
    "store.pool_size": "The maximum number of connections of one process.",
    "store.retention_days": "How long the bridge keeps commands (and knows their ids), attempts and failed "
    "deliveries.",
    "kafka.bootstrap_servers": "`host:port,host:port`. Unset: the embedded broker, which loses its data at "
    "exit.",
    "kafka.security_protocol": "The security protocol of connections.",
    "kafka.sasl_mechanism": "The SASL mechanism, if the security protocol uses SASL.",
    "kafka.sasl_username": "Required for SASL.",
    "kafka.sasl_password": "Required for SASL.",
    "kafka.ssl_cafile": "The trusted certificates, in PEM format. Unset: those of the system.",
    "kafka.topic_prefix": "The prefix of every topic's name.",
    "kafka.partitions": "The number of partitions of topics that the bridge creates.",
    "kafka.replication_factor": "The replication factor of topics that the bridge creates; use 3 on a "
    "cluster.",
    "kafka.compacted": "Create event topics compacted, and publish a tombstone after each `deleted`.",
    "kafka.max_message_bytes": "The maximum size of an event. A larger one is parked with its reason.",
    "kafka.group_instance_id": "This process's own name in consumer groups, such as its pod's name. After a "
    "restart it continues at once; without a name it waits ten seconds. Two running processes must not have "
    "the same name.",
    "sealing.key": "32 bytes in base64 (`openssl rand -base64 32`). Encrypts tokens and kept values, and is "
    "the key of the hashes. Unset: the bridge creates one in `data_dir`, for one machine only.",
    "log.level": "The lowest level that is logged.",
    "log.format": "`auto`: lines for people if stderr is a terminal, JSON otherwise.",
    "capture.poll_seconds": "The time from one poll for changes to the next.",
    "capture.overlap_seconds": "How far a poll looks back before the last one. Repeated rows cost nothing.",
    "capture.sweep_minutes": "The time from the start of one full read to the next. Full reads find "
    "deletions.",
    "capture.deletion_limit_count": "If more records than this disappear, or lose the same value, at once, a "
    "person must decide.",
    "capture.deletion_limit_percent": "The same limit for records that disappear, as a share of the known "
    "records. 100: only the count decides.",
    "capture.loss_limit_percent": "The same limit for records that lose a field's value, tags, owners or "
    "adverts.",
    "outbound.allow_networks": "Networks that are not public but that attachments and webhooks may use, such "
    "as `10.0.0.0/8`. The metadata services of clouds are always refused.",
    "outbound.allow_http": "Allow plain `http://` for attachments and webhooks.",
    "commands.deadline_seconds": "How long the bridge retries a command before its result says failed.",
    "api.listen": "The address of the HTTP API. Host `0.0.0.0` listens on every address of the machine; "
    "port 0 selects a free port, which the log names.",
    "monitoring.listen": "The address where each process serves health and metrics.",
    "webhooks.retry_seconds": "The pauses before the second, third and later attempts of a delivery, each up "
    "to a fifth shorter or longer at random. After the last attempt the delivery has failed, until it is "
    "resent or recovered.",
    "webhooks.disable_after_days": "An endpoint that only fails for this time is disabled. Its owner is "
    "notified after a fifth of this time.",
    "integrations.source": "The source of new candidates whose command names none.",
    "integrations.id": "The name of the account in ids, events and variables: lowercase letters, digits and "
    "hyphens.",
    "integrations.region": "TrackerRMS's region. Alternative: `base_url`.",
    "integrations.base_url": "TrackerRMS's URL, instead of `region`.",
    "integrations.bearer_token": "The token from TrackerRMS, under API settings. The bridge exchanges it for "
    "a short-lived JWT.",
    "integrations.oauth_client_id": "The OAuth2 client, used with `oauth_refresh_token`.",
    "integrations.oauth_client_secret": "Required for OAuth2.",
    "integrations.oauth_refresh_token": "The OAuth2 credential, instead of `bearer_token`.",
    "integrations.api_key": "The key of the older widget API, which carries out most commands. Unset: the "
    "bridge uses `username` and `password`, otherwise the OAuth2 token, otherwise `bearer_token`.",
    "integrations.username": "A TrackerRMS user for the widget API, with `password`.",
    "integrations.password": "The password of `username`.",
    "integrations.time_zone": "The account's time zone: TrackerRMS reports local times without a zone.",
    "integrations.requests_per_minute": "The request budget that all processes share.",
    "integrations.initial_load": "`silent`: the first load publishes no events.",
    "integrations.keep_previous": "Keep values, encrypted, so that events have `previous`, and `deleted` has "
    "the last record.",
    "integrations.remote_data": "Add the raw TrackerRMS record to `remote_data`.",
    "integrations.learn": "Learn the properties of the account's API before the first load, and read "
    "accordingly. `false`: use only the defaults and `integrations.tracker`.",
    "integrations.models": "The models to follow. Unset: all twelve.",
    "integrations.tracker": "Corrections of the assumptions about TrackerRMS; see below.",
}


def settings_table() -> str:
    """Return the table in Markdown: key, kind, default, meaning. Raises ``LookupError`` for a key without a
    meaning."""
    missing = [key for key, _, _ in list_settings() if key not in MEANINGS]
    if missing:
        raise LookupError(f"tools/reference.py: add the meaning of these keys to MEANINGS: {missing}")
    lines = ["| key | kind | default | meaning |", "|---|---|---|---|"]
    for key, kind, default in list_settings():
        lines.append(f"| `{key}` | {_spelled(kind)} | {_default(default)} | {MEANINGS[key]} |")
    return "\n".join(lines)


def metrics_table() -> str:
    """Return the table of metrics in Markdown: name, type, labels, meaning."""
    lines = ["| metric | type | labels | meaning |", "|---|---|---|---|"]
    for name, kind, labels, meaning in metrics.documented():
        lines.append(f"| `{name}` | {kind} | {', '.join(f'`{one}`' for one in labels)} | {meaning} |")
    return "\n".join(lines)


def list_settings() -> list[tuple[str, Any, Any]]:
    """Return (key, annotation, default) of every setting; ``integrations.`` applies to each integration."""
    found: list[tuple[str, Any, Any]] = []
    for field in msgspec.structs.fields(Config):
        default = field.default if field.default is not NODEFAULT else None
        if field.name == "integrations":
            found += _fields_of(config.IntegrationConfig, "integrations")
        elif isinstance(default, Struct):
            found += _fields_of(type(default), field.name)
        else:
            found.append((field.name, field.type, default))
    return found


def _fields_of(kind: type[Struct], prefix: str) -> list[tuple[str, Any, Any]]:
    fields = msgspec.structs.fields(kind)
    return [(f"{prefix}.{f.name}", f.type, f.default if f.required else _initial(f)) for f in fields]


def _initial(field: msgspec.structs.FieldInfo) -> Any:
    # A table is empty by default; the page does not show that.
    return None if field.default is NODEFAULT else field.default


def _spelled(kind: Any) -> str:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Annotated:
        meta = next((a for a in arguments[1:] if isinstance(a, Meta)), Meta())
        return _spelled(arguments[0]) + _bounds(meta)
    if origin in (Union, types.UnionType):
        return _spelled(next(a for a in arguments if a is not type(None)))
    if origin is Literal:
        return " or ".join(f"`{choice}`" for choice in arguments) if len(arguments) < 5 else "names"
    if origin is tuple:
        return "list of numbers" if "number" in _spelled_or_name(arguments[0]) else "list of names"
    if origin is dict:
        return "table"
    words: dict[Any, str] = {
        str: "text",
        int: "whole number",
        float: "number",
        bool: "true or false",
        Secret: "secret",
    }
    return words[kind]


def _spelled_or_name(kind: Any) -> str:
    return "name" if isinstance(kind, type) and issubclass(kind, str) else _spelled(kind)


def _bounds(meta: Meta) -> str:
    limits = (("from", meta.ge), ("above", meta.gt), ("to", meta.le))
    return "".join(f" {word} {limit:,}" for word, limit in limits if limit is not None)


def _default(default: Any) -> str:
    if default is NODEFAULT:
        return "must be set"
    if default is None or default == ():
        return ""
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, tuple):
        return f"`[{', '.join(str(one) for one in default)}]`"
    return f"`{default}`"


def keys_written_into(text: str) -> str:
    """Return the page with the table of keys. Raises ``ValueError`` if its place is not marked."""
    return _between(text, BEGIN, END, settings_table())


def metrics_written_into(text: str) -> str:
    """Return the page with the table of metrics. Raises ``ValueError`` if its place is not marked."""
    return _between(text, METRICS_BEGIN, METRICS_END, metrics_table())


def _between(text: str, begin: str, end: str, made: str) -> str:
    before, rest = text.split(begin)
    _, after = rest.split(end)
    return f"{before}{begin}\n\n{made}\n\n{end}{after}"


def write() -> None:
    """Write the tables into their pages."""
    for name, filled in (
        ("configuration.md", keys_written_into),
        ("metrics.md", metrics_written_into),
    ):
        page = DOCS / name
        page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")
