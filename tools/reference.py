"""The tables of ``docs/configuration.md`` and ``docs/metrics.md``, made from the declarations.

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
    "data_dir": "where the embedded servers keep their data, and the development key",
    "store.url": "PostgreSQL: `postgresql://user:password@host:5432/database`. Unset: the embedded server",
    "store.pool_size": "connections of one process, at most",
    "store.retention_days": "how long commands (an id is known for as long), attempts and failed deliveries "
    "are remembered",
    "kafka.bootstrap_servers": "`host:port,host:port`. Unset: the embedded broker, which forgets at exit",
    "kafka.security_protocol": "how to connect",
    "kafka.sasl_mechanism": "how to log in, where the protocol is a SASL one",
    "kafka.sasl_username": "needed for SASL",
    "kafka.sasl_password": "needed for SASL",
    "kafka.ssl_cafile": "certificates to trust, PEM. Unset: the system's",
    "kafka.topic_prefix": "what every topic's name begins with",
    "kafka.partitions": "of topics that the bridge creates",
    "kafka.replication_factor": "of topics that the bridge creates; 3 on a cluster",
    "kafka.compacted": "create event topics compacted, with a tombstone after each `deleted`",
    "kafka.max_message_bytes": "a larger event is parked with its reason",
    "kafka.group_instance_id": "this process's own name in consumer groups, such as its pod's: after a "
    "restart it reads on at once, where others wait ten seconds. Never the same for two that run",
    "sealing.key": "32 bytes in base64 (`openssl rand -base64 32`): encrypts tokens and kept values, "
    "and the key of the hashes. Unset: one is made in `data_dir`, for one machine only",
    "log.level": "what is worth a line",
    "log.format": "`auto`: lines for people on a terminal, JSON elsewhere",
    "capture.poll_seconds": "from one poll for changes to the next",
    "capture.overlap_seconds": "how far a poll looks back beyond the last one; repeats cost nothing",
    "capture.sweep_minutes": "from the start of one full read to the next: deletions are found by it",
    "capture.deletion_limit_count": "if more records disappear or lose the same at once, a person decides",
    "capture.deletion_limit_percent": "of records that disappear the same, as a share of those known; 100: "
    "the count alone decides",
    "capture.loss_limit_percent": "the same of records that lose a field's value, tags, owners or adverts",
    "outbound.allow_networks": "networks that attachments and webhooks may be in although they are not "
    "public, as `10.0.0.0/8`; the metadata services of clouds stay closed",
    "outbound.allow_http": "let attachments and webhooks be plain `http://`",
    "commands.deadline_seconds": "how long a command is tried again before its result says failed",
    "api.listen": "where the HTTP API listens: host `0.0.0.0` for every address of the machine, port 0 for "
    "a free one, which the log names",
    "monitoring.listen": "where each process serves health and metrics",
    "webhooks.retry_seconds": "the pauses before the second attempt at a delivery, the third and so on; "
    "a fifth shorter or longer by chance; after the last it has failed, until it is resent or recovered",
    "webhooks.disable_after_days": "of nothing but failure, after which an endpoint is disabled; after a "
    "fifth of that its owner is told",
    "integrations.source": "the source written on candidates whose command names none",
    "integrations.id": "names the account: in ids, events and variables. Small letters, digits, hyphens",
    "integrations.region": "TrackerRMS's region; or give `base_url`",
    "integrations.base_url": "TrackerRMS's address, instead of `region`",
    "integrations.bearer_token": "from TrackerRMS, under API settings; exchanged for a short-lived JWT",
    "integrations.oauth_client_id": "the OAuth2 client, with `oauth_refresh_token`",
    "integrations.oauth_client_secret": "needed for OAuth2",
    "integrations.oauth_refresh_token": "the other credential, instead of `bearer_token`",
    "integrations.api_key": "of the older widget API, which carries out most commands; the tokens come "
    "after it. Unset: `username` and `password`, else the OAuth2 token, else `bearer_token`",
    "integrations.username": "a TrackerRMS user for the widget API, with `password`",
    "integrations.password": "of `username`",
    "integrations.time_zone": "the account's own: TrackerRMS gives local times without a zone",
    "integrations.requests_per_minute": "what all processes together may spend",
    "integrations.initial_load": "`silent`: the first load makes no events",
    "integrations.keep_previous": "keep values, encrypted, so that events carry `previous` and `deleted` "
    "the last record",
    "integrations.remote_data": "put the raw TrackerRMS record into `remote_data`",
    "integrations.learn": "learn what the account's API looks like before the first load, and read by it; "
    "false: read by the defaults and `integrations.tracker` only",
    "integrations.models": "the models to follow. Unset: all twelve",
    "integrations.tracker": "corrections of what is assumed about TrackerRMS, see below",
}


def settings_table() -> str:
    """The table in Markdown: key, kind, default, meaning. ``LookupError``: a key without a meaning."""
    missing = [key for key, _, _ in list_settings() if key not in MEANINGS]
    if missing:
        raise LookupError(f"tools/reference.py: say in MEANINGS what these are: {missing}")
    lines = ["| key | kind | default | meaning |", "|---|---|---|---|"]
    for key, kind, default in list_settings():
        lines.append(f"| `{key}` | {_spelled(kind)} | {_default(default)} | {MEANINGS[key]} |")
    return "\n".join(lines)


def metrics_table() -> str:
    """The table of metrics in Markdown: name, type, labels, meaning."""
    lines = ["| metric | type | labels | meaning |", "|---|---|---|---|"]
    for name, kind, labels, meaning in metrics.documented():
        lines.append(f"| `{name}` | {kind} | {', '.join(f'`{one}`' for one in labels)} | {meaning} |")
    return "\n".join(lines)


def list_settings() -> list[tuple[str, Any, Any]]:
    """(key, annotation, default) of everything that can be set; ``integrations.`` stands for each of them."""
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
    # A table starts empty, which goes without saying.
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
    """Return the page with the table of keys. Raises ValueError where its place is not marked."""
    return _between(text, BEGIN, END, settings_table())


def metrics_written_into(text: str) -> str:
    """Return the page with the table of metrics. Raises ValueError where its place is not marked."""
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
