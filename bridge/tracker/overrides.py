"""Corrections of the table from ``bridge.toml``, checked key by key.

[integrations.tracker]
job_code_prefix = "JOB-"            # job_code of a job without a reference: prefix and id
users_from = "widget"               # or "rest"
updated_after_zone = "utc"          # or "tenant": what the API compares updatedAfter with
gone_statuses = [204, 404]          # answers to an id that does not exist
account_change = "refuse"           # or "accept": a new credential that opens another account
patience_seconds = 300              # the longest that one Retry-After is believed
throttled_statuses = [403, 429, 503]  # answers that, with a Retry-After, ask for patience; 429 always does
[integrations.tracker.token]        # the exchange's answer: where the token and its end are, first to last
keys = ["token", "jwt", "data.token"]
expires = ["expiration"]
refused = [401, 403]                # how a JWT that ended early is answered; it is exchanged again then
[integrations.tracker.paths]        # "PATH" or "METHOD PATH"; jobs, jobs_by_id, exchange, move_stage, …
users = "GET /api/v1/User/List"
[integrations.tracker.rows]         # the envelope's key that holds the rows
candidates = "resources"
[integrations.tracker.fields.job]   # a path, or several, the first that is not blank counts
description = ["row:opportunityDescription", "detail:advertDetails.description"]
[integrations.tracker.details]      # jobs, candidates, applications = "moved" | "never" | "always"
[integrations.tracker.volatile]     # row keys that move by themselves
jobs = ["publishViewCount"]
[integrations.tracker.writes.candidate]   # every place a value is written to; [] = none
phone = ["rest:contactDetails.mobilePhone", "create:cellphone", "column:mobilephone"]
[integrations.tracker.writes.application]
rejection_reason = []               # a rejection moves the stage and writes no reason
[integrations.tracker.actions]      # create_candidate, move_stage, … = "rest" | "widget"; find_person = "off"
[integrations.tracker.maps.job_status]
"On Hold" = "DRAFT"
"""

import re
from collections.abc import Mapping
from typing import Any, get_args

from msgspec import structs

from bridge.errors import ConfigError
from bridge.tracker.shapes import (
    Action,
    Call,
    Details,
    Door,
    Fields,
    Maps,
    Read,
    Resource,
    ResourceName,
    Resources,
    Source,
    Sure,
    TokenKeys,
    Via,
    Write,
    map_key,
)
from contracts.entities import UnifiedRoleType

_CLOSED: dict[str, tuple[str, ...]] = {
    "outcome": ("PENDING", "HIRED", "DECLINED"),
    "role_type": get_args(UnifiedRoleType),
}
_PLACEHOLDERS = re.compile(r"\{(\w*)\}")


def apply(defaults: Resources, raw: Mapping[str, Any], where: str) -> Resources:
    """``defaults`` with ``raw`` laid over it; ``ConfigError`` names an unknown key or a bad value."""
    tables: dict[str, Any] = {
        "paths": _paths,
        "token": _token,
        "rows": _rows,
        "fields": _fields,
        "details": _details,
        "volatile": _volatile,
        "writes": _writes,
        "actions": _actions,
        "maps": _maps,
    }
    scalars: dict[str, Any] = {
        "job_code_prefix": _text,
        "users_from": lambda value, key: _choice(value, get_args(Via), key),
        "updated_after_zone": lambda value, key: _choice(value, ("tenant", "utc"), key),
        "gone_statuses": _statuses,
        "account_change": lambda value, key: _choice(value, ("refuse", "accept"), key),
        "patience_seconds": _seconds,
        "throttled_statuses": lambda value, key: _answers(value, key, range(400, 600), {429}),
    }
    settings = defaults
    for key, value in raw.items():
        name = f"{where}.{key}"
        if key in scalars:
            settings = structs.replace(settings, **{key: scalars[key](value, name)})
        elif key in tables:
            settings = tables[key](settings, _table(value, name), name)
        else:
            raise _unknown(name, "setting", [*scalars, *tables])
    return settings


def parse_read(spelling: str, sure: Sure) -> Read:
    """``row:a``, ``detail:a.b`` or ``a.b`` (either record, the by-id one first); ``ValueError`` otherwise."""
    prefix, separator, dotted = spelling.partition(":")
    source: Source = "any"
    if not separator:
        dotted = spelling
    elif prefix == "row":
        source = "row"
    elif prefix == "detail":
        source = "detail"
    elif prefix != "any":
        raise ValueError("a path starts with row: or detail:, or has no colon")
    path = tuple(dotted.split("."))
    if not all(path):
        raise ValueError("a path is names with dots between them")
    return Read(source=source, path=path, sure=sure)


def parse_write(spelling: str, sure: Sure) -> Write:
    """``rest:a.b``, ``create:key`` or ``column:name``; ``ValueError`` otherwise."""
    prefix, _, dotted = spelling.partition(":")
    path = tuple(dotted.split("."))
    for door in get_args(Door):
        if prefix == door:
            if not all(path) or (door != "rest" and len(path) > 1):
                raise ValueError("a place is a name; of rest:, names with dots between them")
            return Write(door=door, path=path, sure=sure)
    raise ValueError("a place starts with rest:, create: or column:")


def _paths(settings: Resources, raw: Mapping[str, Any], where: str) -> Resources:
    known = ["exchange", "oauth_token", "users_widget", *settings.calls, *settings.resources]
    known += [f"{name}_by_id" for name, resource in settings.resources.items() if resource.by_id]
    known += [f"{name}_widget" for name, action in settings.actions.items() if action.widget]
    known += [name for name, action in settings.actions.items() if action.rest]
    for key, value in raw.items():
        if key not in known:
            raise _unknown(f"{where}.{key}", "path", known)
        settings = _with_path(settings, key, value, f"{where}.{key}")
    return settings


def _with_path(settings: Resources, key: str, value: Any, where: str) -> Resources:
    if key in ("exchange", "oauth_token", "users_widget"):
        return structs.replace(settings, **{key: _call(getattr(settings, key), value, where)})
    if key in settings.calls:
        call = _call(settings.calls[key], value, where)
        return structs.replace(settings, calls={**settings.calls, key: call})
    for resource in settings.resources.values():
        if key == resource.name:
            return _with_resource(
                settings, structs.replace(resource, list=_call(resource.list, value, where))
            )
        if resource.by_id and key == f"{resource.name}_by_id":
            return _with_resource(
                settings, structs.replace(resource, by_id=_call(resource.by_id, value, where))
            )
    name = key.removesuffix("_widget")
    action = settings.actions[name]
    if action.widget and key != name:
        action = structs.replace(action, widget=_call(action.widget, value, where))
    elif action.rest:
        action = structs.replace(action, rest=_call(action.rest, value, where))
    return _with_action(settings, action)


def _call(call: Call, value: Any, where: str) -> Call:
    method, separator, path = _text(value, where).partition(" ")
    if not separator:
        method, path = call.method, method
    if method not in ("GET", "POST", "PUT", "PATCH", "DELETE") or not path.startswith("/"):
        raise ConfigError(f'{where}: must be "/path" or "METHOD /path"')
    needed, given = set(_PLACEHOLDERS.findall(call.path)), set(_PLACEHOLDERS.findall(path))
    if needed != given:
        spelled = ", ".join(f"{{{name}}}" for name in sorted(needed)) or "no {…}"
        raise ConfigError(f"{where}: must hold {spelled}")
    return structs.replace(call, method=method, path=path, sure="seen")


def _token(settings: Resources, raw: Mapping[str, Any], where: str) -> Resources:
    token = settings.token
    for key, value in raw.items():
        name = f"{where}.{key}"
        if key == "refused":
            token = structs.replace(token, refused=_answers(value, name, range(300, 500), {401}))
        elif key in ("keys", "expires"):
            paths = tuple(tuple(text.split(".")) for text in _texts(value, name))
            if not all(all(path) for path in paths) or (key == "keys" and not paths):
                raise ConfigError(f'{name}: must be paths such as "token" or "data.token"')
            token = structs.replace(token, **{key: paths})
        else:
            raise _unknown(name, "setting", list(TokenKeys.__struct_fields__))
    return structs.replace(settings, token=token)


def _rows(settings: Resources, raw: Mapping[str, Any], where: str) -> Resources:
    for key, value in raw.items():
        resource = _resource(settings, key, f"{where}.{key}", "list")
        settings = _with_resource(
            settings, structs.replace(resource, rows=_text(value, f"{where}.{key}"), rows_sure="seen")
        )
    return settings


def _details(settings: Resources, raw: Mapping[str, Any], where: str) -> Resources:
    for key, value in raw.items():
        resource = _resource(settings, key, f"{where}.{key}", "list")
        details = _choice(value, get_args(Details), f"{where}.{key}")
        if details != "never" and resource.by_id is None:
            raise ConfigError(f"{where}.{key}: {key} can't be read by id, so it must be never")
        settings = _with_resource(settings, structs.replace(resource, details=details))
    return settings


def _volatile(settings: Resources, raw: Mapping[str, Any], where: str) -> Resources:
    for key, value in raw.items():
        resource = _resource(settings, key, f"{where}.{key}", "list")
        names = frozenset(_texts(value, f"{where}.{key}"))
        settings = _with_resource(settings, structs.replace(resource, volatile=names))
    return settings


def _fields(settings: Resources, raw: Mapping[str, Any], where: str) -> Resources:
    by_entity = {resource.entity: resource for resource in settings.resources.values()}
    for entity, value in raw.items():
        key = f"{where}.{entity}"
        if entity == "document":
            settings = structs.replace(settings, document=_corrected(settings.document, value, key))
        elif entity not in by_entity:
            raise _unknown(key, "entity", [*by_entity, "document"])
        else:
            resource = by_entity[entity]
            fields = _corrected(resource.fields, value, key)
            if fields["id"] != resource.fields["id"]:
                _check_id(fields["id"], f"{key}.id")
            settings = _with_resource(settings, structs.replace(resource, fields=fields))
    return settings


def _corrected(fields: Fields, raw: Any, where: str) -> Fields:
    corrected = dict(fields)
    for field, spelled in _table(raw, where).items():
        key = f"{where}.{field}"
        if field not in fields:
            raise _unknown(key, "field", list(fields))
        corrected[field] = tuple(_read(spelling, key) for spelling in _texts(spelled, key))
    return corrected


def _writes(settings: Resources, raw: Mapping[str, Any], where: str) -> Resources:
    for entity, value in raw.items():
        if entity not in settings.writes:
            raise _unknown(f"{where}.{entity}", "entity", list(settings.writes))
        writes = dict(settings.writes[entity])
        for field, spelled in _table(value, f"{where}.{entity}").items():
            key = f"{where}.{entity}.{field}"
            if field not in writes:
                raise _unknown(key, "field", list(writes))
            writes[field] = tuple(_write(spelling, key) for spelling in _texts(spelled, key))
        settings = structs.replace(settings, writes={**settings.writes, entity: writes})
    return settings


def _write(spelling: str, where: str) -> Write:
    try:
        return parse_write(spelling, "seen")
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from None


def _read(spelling: str, where: str) -> Read:
    try:
        return parse_read(spelling, "seen")
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from None


def _check_id(reads: tuple[Read, ...], where: str) -> None:
    # A page's rows are told apart without decoding them: their id must be a key of the row itself.
    rows = [read for read in reads if read.source != "detail"]
    if not rows or any(len(read.path) != 1 for read in rows):
        raise ConfigError(f"{where}: must name a key of the list row, without dots")


def _actions(settings: Resources, raw: Mapping[str, Any], where: str) -> Resources:
    for key, value in raw.items():
        if key not in settings.actions:
            raise _unknown(f"{where}.{key}", "action", list(settings.actions))
        action = settings.actions[key]
        via = _choice(value, action.choices, f"{where}.{key}")
        settings = _with_action(settings, structs.replace(action, via=via))
    return settings


def _maps(settings: Resources, raw: Mapping[str, Any], where: str) -> Resources:
    maps = settings.maps
    for name, value in raw.items():
        key = f"{where}.{name}"
        if name not in Maps.__struct_fields__:
            raise _unknown(key, "map", list(Maps.__struct_fields__))
        merged = dict(getattr(maps, name))
        for word, unified in _table(value, key).items():
            spelled = _text(unified, f"{key}.{word}")
            merged[map_key(word)] = _choice(spelled, _CLOSED.get(name, (spelled,)), f"{key}.{word}")
        maps = structs.replace(maps, **{name: merged})
    return structs.replace(settings, maps=maps)


def _with_resource(settings: Resources, resource: Resource) -> Resources:
    return structs.replace(settings, resources={**settings.resources, resource.name: resource})


def _with_action(settings: Resources, action: Action) -> Resources:
    return structs.replace(settings, actions={**settings.actions, action.name: action})


def _resource(settings: Resources, key: str, where: str, what: str) -> Resource:
    for name in get_args(ResourceName):
        if name == key:
            return settings.resources[name]
    raise _unknown(where, what, list(settings.resources))


def _table(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where}: must be a table")
    return value


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(f"{where}: must be text that is not blank")
    return value


def _texts(value: Any, where: str) -> list[str]:
    if isinstance(value, str):
        return [_text(value, where)]
    if not isinstance(value, list):
        raise ConfigError(f"{where}: must be text, or a list of texts")
    return [_text(item, where) for item in value]


def _choice(value: Any, choices: tuple[str, ...], where: str) -> str:
    if value not in choices:
        raise ConfigError(f"{where}: must be one of {', '.join(choices)}")
    return str(value)


def _statuses(value: Any, where: str) -> frozenset[int]:
    if not isinstance(value, list) or not value or not all(_is_status(item) for item in value):
        raise ConfigError(f"{where}: must be a list of HTTP statuses such as [204, 404]")
    return frozenset(value)


def _answers(value: Any, where: str, allowed: range, always: set[int]) -> frozenset[int]:
    if not isinstance(value, list) or not all(type(item) is int and item in allowed for item in value):
        raise ConfigError(
            f"{where}: must be a list of HTTP statuses from {allowed.start} to {allowed.stop - 1}"
        )
    return frozenset(value) | always


def _seconds(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1 <= value <= 86_400:
        raise ConfigError(f"{where}: must be a number of seconds from 1 to 86400")
    return float(value)


def _is_status(value: Any) -> bool:
    # A server that fails, throttles or refuses does not say that a record is gone.
    return type(value) is int and (value == 204 or (400 <= value < 500 and value not in (401, 403, 429)))


def _unknown(where: str, what: str, known: list[str]) -> ConfigError:
    return ConfigError(f"{where}: no such {what}; known: {', '.join(sorted(known))}")
