"""Corrections of the table from ``bridge.toml``, checked key by key.

[integrations.tracker]
job_code_prefix = "JOB-"            # job_code of a job without a reference: prefix and id
users_from = "widget"               # or "rest"
updated_after_zone = "utc"          # or "tenant": what the API compares updatedAfter with
key_case = "pascal"                 # keys of answers: "camel" (the table's own), "pascal", "lower", "snake"
date_format = "day-first"           # or "iso", "month-first", "month-name", "ajax", "epoch-seconds", …
times = "tenant"                    # digits are local whatever zone they name; "utc"; "offset": as written
decimal_mark = ","                  # or ".": of amounts in text, where "auto" is in doubt
charset = "windows-1252"            # of every answer, whatever it declares
job_state_from = "record"           # or "list": where a job's list and its own dates disagree
first_page = 0                      # or 1: the number of a list's first page
page_number = "pageNumber"          # the request's key that names the page
page_size = 10                      # rows of a full page
[integrations.tracker.states]       # the words that ask for the lists of jobs; "" = not asked for
won = "filled"
[integrations.tracker.paged]        # whether a list takes a page number, or answers with all rows at once
users = false
[integrations.tracker.list_end]     # what comes after the last page: "empty" | "repeats_last" | "wraps" |
users = "repeats_last"              # "refused" (204, 400, 404, 416)
[integrations.tracker.absence]      # how an id that does not exist is answered
statuses = [204, 404]
bodies = []                         # of a success: "empty", "null", "blank-object", "html", "failure"
[integrations.tracker.deleted]      # fields that say that a record is deleted: "path=value", "path=*": any
candidates = "active=n"
[integrations.tracker.unwrap]       # where the record lies in a by-id answer
jobs = "data"
[integrations.tracker.paths]        # "PATH" or "METHOD PATH"; jobs, jobs_by_id, exchange, move_stage, …
users = "GET /api/v1/User/List"
[integrations.tracker.rows]         # the envelope's key that holds the rows
candidates = "resources"
[integrations.tracker.fields.job]   # a path, or several, the first that is not blank counts; [] = none
description = ["row:opportunityDescription", "detail:advertDetails.description"]
[integrations.tracker.details]      # jobs, candidates, applications = "moved" | "never" | "always"
[integrations.tracker.volatile]     # row keys that move by themselves
jobs = ["publishViewCount"]
[integrations.tracker.writes.candidate]   # every place a value is written to; [] = none
phone = ["rest:contactDetails.mobilePhone", "create:cellphone", "column:mobilephone"]
[integrations.tracker.actions]      # create_candidate, move_stage, … = "rest" | "widget"; find_person = "off"
[integrations.tracker.maps.job_status]
"On Hold" = "DRAFT"
[integrations.tracker.maps.status_group]  # the tenant's name of a group of placement statuses
"Unsuccessful" = "Rejected"
"""

import re
from collections.abc import Mapping
from typing import Any, get_args

from msgspec import structs

from bridge.errors import ConfigError
from bridge.tracker import charsets
from bridge.tracker.amounts import DecimalMark
from bridge.tracker.date_formats import DateFormat
from bridge.tracker.layouts import respell
from bridge.tracker.local_time import Times
from bridge.tracker.shapes import (
    GROUPS,
    STATES,
    Action,
    BodyKind,
    Call,
    DeletedRule,
    Details,
    Door,
    Fields,
    KeyCase,
    ListEnd,
    Maps,
    Read,
    Resource,
    ResourceName,
    Resources,
    Source,
    Sure,
    Via,
    Write,
    is_absence_status,
    map_key,
)
from contracts.entities import UnifiedRoleType

_CLOSED: dict[str, tuple[str, ...]] = {
    "outcome": ("PENDING", "HIRED", "DECLINED"),
    "role_type": get_args(UnifiedRoleType),
    "status_group": GROUPS,
}
_RENAMED = {"gone_statuses": "absence.statuses"}
_PLACEHOLDERS = re.compile(r"\{(\w*)\}")


def apply(defaults: Resources, raw: Mapping[str, Any], where: str) -> Resources:
    """``defaults`` with ``raw`` laid over it; ``ConfigError`` names an unknown key or a bad value.

    ``key_case`` is for ``layered``.
    """
    tables: dict[str, Any] = {
        "absence": _absence,
        "deleted": _deleted,
        "unwrap": _unwrap,
        "paths": _paths,
        "rows": _rows,
        "fields": _fields,
        "details": _details,
        "volatile": _volatile,
        "paged": _paged,
        "list_end": _list_end,
        "writes": _writes,
        "actions": _actions,
        "maps": _maps,
        "states": _states,
    }
    scalars: dict[str, Any] = {
        "job_code_prefix": _text,
        "users_from": lambda value, key: _choice(value, get_args(Via), key),
        "updated_after_zone": lambda value, key: _choice(value, ("tenant", "utc"), key),
        "date_format": lambda value, key: _choice(value, get_args(DateFormat), key),
        "times": lambda value, key: _choice(value, get_args(Times), key),
        "decimal_mark": lambda value, key: _choice(value, get_args(DecimalMark), key),
        "charset": _charset,
        "job_state_from": lambda value, key: _choice(value, ("auto", "list", "record"), key),
        "first_page": _first_page,
        "page_number": _text,
        "page_size": _page_size,
    }
    settings = defaults
    for key, value in raw.items():
        name = f"{where}.{key}"
        if key in scalars:
            settings = structs.replace(settings, **{key: scalars[key](value, name)})
        elif key in tables:
            settings = tables[key](settings, _table(value, name), name)
        elif key in _RENAMED:
            raise ConfigError(f"{name}: is {_RENAMED[key]} now")
        else:
            raise _unknown(name, "setting", [*scalars, *tables])
    return settings


def layered(
    defaults: Resources, learned: Mapping[str, Any], configured: Mapping[str, Any], where: str
) -> Resources:
    """Return ``defaults`` with what was learned laid over it, and what is configured over that.

    The defaults alone are respelled in the account's ``key_case``: other keys are spelled as they are.
    """
    case = configured.get("key_case", learned.get("key_case", "camel"))
    settings = respelled(defaults, _key_case(case, f"{where}.key_case"))
    for layer, name in ((learned, f"{where} (learned)"), (configured, where)):
        settings = apply(settings, {key: value for key, value in layer.items() if key != "key_case"}, name)
    return settings


def respelled(settings: Resources, case: KeyCase) -> Resources:
    """Return the table with every key that is read from TrackerRMS in that case."""
    if case == "camel":
        return settings
    resources = {
        name: structs.replace(
            resource,
            rows=respell(resource.rows, case),
            volatile=frozenset(respell(key, case) for key in resource.volatile),
            fields=_respelled_fields(resource.fields, case),
        )
        for name, resource in settings.resources.items()
    }
    return structs.replace(
        settings,
        resources=resources,
        document=_respelled_fields(settings.document, case),
        owner=_respelled_fields(settings.owner, case),
        key_case=case,
    )


def _respelled_fields(fields: Fields, case: KeyCase) -> Fields:
    return {
        name: tuple(
            structs.replace(read, path=tuple(respell(key, case) for key in read.path)) for read in reads
        )
        for name, reads in fields.items()
    }


def _key_case(value: Any, where: str) -> KeyCase:
    found: KeyCase
    for found in get_args(KeyCase):
        if found == value:
            return found
    raise ConfigError(f"{where}: must be one of {', '.join(get_args(KeyCase))}")


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


def _paged(settings: Resources, raw: Mapping[str, Any], where: str) -> Resources:
    for key, value in raw.items():
        resource = _resource(settings, key, f"{where}.{key}", "list")
        if not isinstance(value, bool):
            raise ConfigError(f"{where}.{key}: must be true or false")
        settings = _with_resource(settings, structs.replace(resource, paged=value))
    return settings


def _list_end(settings: Resources, raw: Mapping[str, Any], where: str) -> Resources:
    for key, value in raw.items():
        resource = _resource(settings, key, f"{where}.{key}", "list")
        end = _choice(value, get_args(ListEnd), f"{where}.{key}")
        settings = _with_resource(settings, structs.replace(resource, list_end=end))
    return settings


def _first_page(value: Any, where: str) -> int:
    if type(value) is not int or value not in (0, 1):
        raise ConfigError(f"{where}: must be 0 or 1")
    return value


def _page_size(value: Any, where: str) -> int:
    if type(value) is not int or value < 1:
        raise ConfigError(f"{where}: must be a whole number from 1")
    return value


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
                fields["id"] = _with_own_id(resource, fields["id"])
            settings = _with_resource(settings, structs.replace(resource, fields=fields))
    return settings


def _corrected(fields: Fields, raw: Any, where: str) -> dict[str, tuple[Read, ...]]:
    corrected = dict(fields)
    for field, spelled in _table(raw, where).items():
        key = f"{where}.{field}"
        if field not in fields:
            raise _unknown(key, "field", list(fields))
        corrected[field] = tuple(_read(spelling, key) for spelling in _texts(spelled, key))
        if field == "id" and not corrected[field]:
            raise ConfigError(f"{key}: a record needs an id")
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


def _with_own_id(resource: Resource, reads: tuple[Read, ...]) -> tuple[Read, ...]:
    # A by-id record is believed for its own id alone: where nobody says where that is, it is as before.
    if any(read.source != "row" for read in reads):
        return reads
    return (*reads, *(read for read in resource.fields["id"] if read.source != "row"))


def _absence(settings: Resources, raw: Mapping[str, Any], where: str) -> Resources:
    absence = settings.absence
    for key, value in raw.items():
        name = f"{where}.{key}"
        if key == "statuses":
            absence = structs.replace(absence, statuses=_statuses(value, name))
        elif key == "bodies":
            kinds = frozenset(_choice(kind, get_args(BodyKind), name) for kind in _texts(value, name))
            absence = structs.replace(absence, bodies=kinds)
        else:
            raise _unknown(name, "setting", ["statuses", "bodies"])
    return structs.replace(settings, absence=absence)


def _deleted(settings: Resources, raw: Mapping[str, Any], where: str) -> Resources:
    for key, value in raw.items():
        name = f"{where}.{key}"
        resource = _resource(settings, key, name, "list")
        rules = tuple(_deleted_rule(spelling, name) for spelling in _texts(value, name))
        settings = _with_resource(settings, structs.replace(resource, deleted=rules))
    return settings


def _deleted_rule(spelling: str, where: str) -> DeletedRule:
    path, separator, value = spelling.partition("=")
    if not separator or not path.strip() or not value.strip():
        raise ConfigError(f'{where}: must be "path=value", such as "active=n"; "path=*" means any value')
    return DeletedRule(read=_read(path.strip(), where), value=value.strip())


def _unwrap(settings: Resources, raw: Mapping[str, Any], where: str) -> Resources:
    for key, value in raw.items():
        resource = _resource(settings, key, f"{where}.{key}", "list")
        if resource.by_id is None:
            raise ConfigError(f"{where}.{key}: {key} can't be read by id")
        if not isinstance(value, str) or (value and not all(value.split("."))):
            raise ConfigError(f'{where}.{key}: must be a path such as "data" or "result.record"; "": none')
        path = tuple(value.split(".")) if value else ()
        settings = _with_resource(settings, structs.replace(resource, unwrap=path))
    return settings


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


def _states(settings: Resources, raw: Mapping[str, Any], where: str) -> Resources:
    words = dict(settings.states)
    for state, word in raw.items():
        if state not in STATES:
            raise _unknown(f"{where}.{state}", "state", list(STATES))
        if not isinstance(word, str):
            raise ConfigError(f'{where}.{state}: must be text; "" where it is not to be asked for')
        words[state] = word
    asked = {state: words[state] for state in STATES if words.get(state)}
    if not asked:
        raise ConfigError(f"{where}: at least one state must be asked for")
    jobs = structs.replace(settings["jobs"], states=tuple(asked))
    return structs.replace(_with_resource(settings, jobs), states=asked)


def _charset(value: Any, where: str) -> str:
    name = _text(value, where)
    if not charsets.is_known(name):
        raise ConfigError(f'{where}: no such charset; "utf-8", "windows-1252" and "iso-8859-1" are some')
    return name


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
    if (
        not isinstance(value, list)
        or not value
        or not all(type(item) is int and is_absence_status(item) for item in value)
    ):
        raise ConfigError(
            f"{where}: must be a list of HTTP statuses such as [204, 404]; 2xx is said in bodies, and 401, "
            "408, 429 and 502 to 504 never tell that a record is not there"
        )
    return frozenset(value)


def _unknown(where: str, what: str, known: list[str]) -> ConfigError:
    return ConfigError(f"{where}: no such {what}; known: {', '.join(sorted(known))}")
