"""Applies corrections of the table from ``bridge.toml``, and checks them key by key.

[integrations.tracker]
job_code_prefix = "JOB-"            # job_code of a job without a reference: prefix and id
users_from = "widget"               # or "rest"
updated_after_zone = "utc"          # or "tenant": what the API compares updatedAfter with
key_case = "pascal"                 # keys of answers: "camel" (the table's own), "pascal", "lower", "snake"
date_format = "day-first"           # or "iso", "month-first", "month-name", "ajax", "epoch-seconds", …
times = "tenant"                    # digits are local in any zone; "utc"; "offset": the zone counts
time_precision = "minute"           # or "day", "second": the precision of times, whatever digits they have
decimal_mark = ","                  # or ".": of amounts in text, where "auto" is ambiguous
texts = "html"                      # or "plain": texts are HTML-escaped, or literal
tag_separator = ";"                 # or ",", "|", "line": the separator of a candidate's tags
status_order = "none"               # or "list": the order of statuses is unknown, or the list's
blank_flag = "no"                   # or "unknown": the meaning of a user's blank active
charset = "windows-1252"            # of every answer, overriding the declared one
job_state_from = "record"           # or "list": what counts if a job's list and dates disagree
first_page = 0                      # or 1: the number of a list's first page
page_number = "pageNumber"          # the request's key that selects the page
page_size = 10                      # rows of a full page
account_change = "refuse"           # or "accept": a new credential that opens another account
patience_seconds = 300              # the longest wait accepted from one Retry-After
throttled_statuses = [403, 429, 503]  # throttling if with a Retry-After; 429 always
[integrations.tracker.token]        # the exchange: the key for the bearer token, or "header"
sent_as = "bearerToken"             # and the keys of the token and its expiry, in order
keys = ["token", "jwt", "data.token"]
expires = ["expiration"]
refused = [401, 403]                # the statuses for a JWT that ended early, which is renewed
[integrations.tracker.states]       # the words that select the lists of jobs; "" = skipped
won = "filled"
[integrations.tracker.paged]        # the list takes a page number, or answers with all rows
users = false
[integrations.tracker.list_end]     # what follows the last page: "empty" | "repeats_last" | "wraps" |
users = "repeats_last"              # "refused" (204, 400, 404, 416)
[integrations.tracker.absence]      # the answer for an id that does not exist
statuses = [204, 404]
bodies = []                         # for a success: "empty", "null", "blank-object", "html", "failure"
[integrations.tracker.deleted]      # fields that mark deleted records: "path=value", "path=*": any
candidates = "active=n"
[integrations.tracker.unwrap]       # the record's path in a by-id answer
jobs = "data"
[integrations.tracker.paths]        # "PATH" or "METHOD PATH"; jobs, jobs_by_id, exchange, move_stage, …
users = "GET /api/v1/User/List"
[integrations.tracker.rows]         # the envelope's key of the rows
candidates = "resources"
[integrations.tracker.fields.job]   # a path, or several: the first non-blank one counts; [] = none;
                                    # "owner" is one of a job's owners, "document" one of a candidate's
description = ["row:opportunityDescription", "detail:advertDetails.description"]
[integrations.tracker.details]      # jobs, candidates, applications = "moved" | "never" | "always" (swept)
[integrations.tracker.volatile]     # row keys that change by themselves
jobs = ["publishViewCount"]
[integrations.tracker.writes.candidate]   # every place to write a value to; [] = none
phone = ["rest:contactDetails.mobilePhone", "create:cellphone", "column:mobilephone"]
[integrations.tracker.writes.application]
rejection_reason = []               # a rejection only changes the stage
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
from trackerrms_contracts.entities import UnifiedRoleType

from bridge.errors import ConfigError
from bridge.tracker import override_values as given
from bridge.tracker.amounts import DecimalMark
from bridge.tracker.date_formats import DateFormat
from bridge.tracker.html_texts import TextForm
from bridge.tracker.layouts import respell
from bridge.tracker.local_time import Precision, ZoneSetting
from bridge.tracker.schema import (
    GROUPS,
    STATES,
    Action,
    BodyKind,
    CallSpec,
    DeletedRule,
    Details,
    FieldPlace,
    FieldPlaces,
    KeyCase,
    ListEnd,
    Maps,
    Resource,
    ResourceName,
    Resources,
    TokenKeys,
    Via,
    Write,
    map_key,
)
from bridge.tracker.values import TagSeparator

_CLOSED: dict[str, tuple[str, ...]] = {
    "outcome": ("PENDING", "HIRED", "DECLINED"),
    "role_type": get_args(UnifiedRoleType),
    "status_group": GROUPS,
}
_RENAMED = {"gone_statuses": "absence.statuses"}
_PLACEHOLDERS = re.compile(r"\{(\w*)\}")


def apply_overrides(defaults: Resources, raw: Mapping[str, Any], where: str) -> Resources:
    """Return ``defaults`` overridden by ``raw``. ``ConfigError`` names an unknown key or a bad value.

    ``layered`` handles ``key_case``.
    """
    tables: dict[str, Any] = {
        "absence": _absence,
        "deleted": _deleted,
        "unwrap": _unwrap,
        "paths": _paths,
        "token": _token,
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
        "job_code_prefix": given.parse_setting_text,
        "users_from": lambda value, key: given.choice(value, get_args(Via), key),
        "updated_after_zone": lambda value, key: given.choice(value, ("tenant", "utc"), key),
        "date_format": lambda value, key: given.choice(value, get_args(DateFormat), key),
        "times": lambda value, key: given.choice(value, get_args(ZoneSetting), key),
        "time_precision": lambda value, key: given.choice(value, get_args(Precision), key),
        "decimal_mark": lambda value, key: given.choice(value, get_args(DecimalMark), key),
        "texts": lambda value, key: given.choice(value, get_args(TextForm), key),
        "tag_separator": lambda value, key: given.choice(value, get_args(TagSeparator), key),
        "status_order": lambda value, key: given.choice(value, ("list", "none"), key),
        "blank_flag": lambda value, key: given.choice(value, ("auto", "no", "unknown"), key),
        "charset": given.parse_charset,
        "job_state_from": lambda value, key: given.choice(value, ("auto", "list", "record"), key),
        "first_page": given.parse_first_page,
        "page_number": given.parse_setting_text,
        "page_size": given.parse_page_size,
        "account_change": lambda value, key: given.choice(value, ("refuse", "accept"), key),
        "patience_seconds": given.seconds,
        "throttled_statuses": lambda value, key: given.answers(value, key, range(400, 600), {429}),
    }
    settings = defaults
    for key, value in raw.items():
        name = f"{where}.{key}"
        if key in scalars:
            settings = structs.replace(settings, **{key: scalars[key](value, name)})
        elif key in tables:
            settings = tables[key](settings, given.parse_table(value, name), name)
        elif key in _RENAMED:
            raise ConfigError(f"{name}: renamed; use {_RENAMED[key]}")
        else:
            raise given.unknown_name(name, "setting", [*scalars, *tables])
    return settings


def layered(
    defaults: Resources, learned: Mapping[str, Any], configured: Mapping[str, Any], where: str
) -> Resources:
    """Return ``defaults`` overridden by learned settings, and those by configured ones.

    Only the defaults are respelled in the account's ``key_case``; other keys are used as written.
    """
    case = configured.get("key_case", learned.get("key_case", "camel"))
    settings = respelled(defaults, given.parse_key_case(case, f"{where}.key_case"))
    for layer, name in ((learned, f"{where} (learned)"), (configured, where)):
        settings = apply_overrides(
            settings, {key: value for key, value in layer.items() if key != "key_case"}, name
        )
    return settings


def respelled(settings: Resources, case: KeyCase) -> Resources:
    """Return the table with every key that is read from TrackerRMS in that case."""
    if case == "camel":
        return settings
    resources = {
        name: structs.replace(
            resource,
            rows=respell(resource.rows, case),
            volatile=resource.volatile | {respell(key, case) for key in resource.volatile},
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


def _respelled_fields(fields: FieldPlaces, case: KeyCase) -> FieldPlaces:
    """Return the fields in the new case, then in the old one, because rows and records may differ in case."""
    return {
        name: tuple(dict.fromkeys((*(_respelled(read, case) for read in reads), *reads)))
        for name, reads in fields.items()
    }


def _respelled(read: FieldPlace, case: KeyCase) -> FieldPlace:
    return structs.replace(read, path=tuple(respell(key, case) for key in read.path))


def _paths(settings: Resources, raw: Mapping[str, Any], where: str) -> Resources:
    known = ["exchange", "oauth_token", "users_widget", *settings.calls, *settings.resources]
    known += [f"{name}_by_id" for name, resource in settings.resources.items() if resource.by_id]
    known += [f"{name}_widget" for name, action in settings.actions.items() if action.widget]
    known += [name for name, action in settings.actions.items() if action.rest]
    for key, value in raw.items():
        if key not in known:
            raise given.unknown_name(f"{where}.{key}", "path", known)
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


def _call(call: CallSpec, value: Any, where: str) -> CallSpec:
    method, separator, path = given.parse_setting_text(value, where).partition(" ")
    if not separator:
        method, path = call.method, method
    if method not in ("GET", "POST", "PUT", "PATCH", "DELETE") or not path.startswith("/"):
        raise ConfigError(f'{where}: must be "/path" or "METHOD /path"')
    needed = set(_PLACEHOLDERS.findall(call.path))
    if needed != set(_PLACEHOLDERS.findall(path)):
        spelled = ", ".join(f"{{{name}}}" for name in sorted(needed)) or "no {…}"
        raise ConfigError(f"{where}: must contain {spelled}")
    return structs.replace(call, method=method, path=path, sure="seen")


def _token(settings: Resources, raw: Mapping[str, Any], where: str) -> Resources:
    token = settings.token
    for key, value in raw.items():
        name = f"{where}.{key}"
        if key == "refused":
            token = structs.replace(token, refused=given.answers(value, name, range(300, 500), {401}))
        elif key == "sent_as":
            token = structs.replace(token, sent_as=given.parse_setting_text(value, name))
        elif key in ("keys", "expires"):
            paths = tuple(tuple(text.split(".")) for text in given.parse_texts(value, name))
            if not all(all(path) for path in paths) or (key == "keys" and not paths):
                raise ConfigError(f'{name}: must be paths such as "token" or "data.token"')
            token = structs.replace(token, **{key: paths})
        else:
            raise given.unknown_name(name, "setting", list(TokenKeys.__struct_fields__))
    return structs.replace(settings, token=token)


def _rows(settings: Resources, raw: Mapping[str, Any], where: str) -> Resources:
    for key, value in raw.items():
        resource = _resource(settings, key, f"{where}.{key}", "list")
        settings = _with_resource(
            settings,
            structs.replace(
                resource, rows=given.parse_setting_text(value, f"{where}.{key}"), rows_sure="seen"
            ),
        )
    return settings


def _details(settings: Resources, raw: Mapping[str, Any], where: str) -> Resources:
    for key, value in raw.items():
        resource = _resource(settings, key, f"{where}.{key}", "list")
        details = given.choice(value, get_args(Details), f"{where}.{key}")
        if details != "never" and resource.by_id is None:
            raise ConfigError(f"{where}.{key}: must be never, because {key} can't be read by id")
        settings = _with_resource(settings, structs.replace(resource, details=details))
    return settings


def _volatile(settings: Resources, raw: Mapping[str, Any], where: str) -> Resources:
    for key, value in raw.items():
        resource = _resource(settings, key, f"{where}.{key}", "list")
        names = frozenset(given.parse_texts(value, f"{where}.{key}"))
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
        end = given.choice(value, get_args(ListEnd), f"{where}.{key}")
        settings = _with_resource(settings, structs.replace(resource, list_end=end))
    return settings


def _fields(settings: Resources, raw: Mapping[str, Any], where: str) -> Resources:
    by_entity = {resource.entity: resource for resource in settings.resources.values()}
    for entity, value in raw.items():
        key = f"{where}.{entity}"
        if entity == "document":
            settings = structs.replace(settings, document=_corrected(settings.document, value, key))
        elif entity == "owner":
            settings = structs.replace(settings, owner=_corrected(settings.owner, value, key))
        elif entity not in by_entity:
            raise given.unknown_name(key, "entity", [*by_entity, "document", "owner"])
        else:
            resource = by_entity[entity]
            fields = _corrected(resource.fields, value, key)
            if fields["id"] != resource.fields["id"]:
                _check_id(fields["id"], f"{key}.id")
                fields["id"] = _with_own_id(resource, fields["id"])
            settings = _with_resource(settings, structs.replace(resource, fields=fields))
    return settings


def _corrected(fields: FieldPlaces, raw: Any, where: str) -> dict[str, tuple[FieldPlace, ...]]:
    corrected = dict(fields)
    for field, spelled in given.parse_table(raw, where).items():
        key = f"{where}.{field}"
        if field not in fields:
            raise given.unknown_name(key, "field", list(fields))
        corrected[field] = tuple(_read(spelling, key) for spelling in given.parse_texts(spelled, key))
        if field == "id" and not corrected[field]:
            raise ConfigError(f"{key}: must not be empty, because a record needs an id")
    return corrected


def _writes(settings: Resources, raw: Mapping[str, Any], where: str) -> Resources:
    for entity, value in raw.items():
        if entity not in settings.writes:
            raise given.unknown_name(f"{where}.{entity}", "entity", list(settings.writes))
        writes = dict(settings.writes[entity])
        for field, spelled in given.parse_table(value, f"{where}.{entity}").items():
            key = f"{where}.{entity}.{field}"
            if field not in writes:
                raise given.unknown_name(key, "field", list(writes))
            writes[field] = tuple(_write(spelling, key) for spelling in given.parse_texts(spelled, key))
        settings = structs.replace(settings, writes={**settings.writes, entity: writes})
    return settings


def _write(spelling: str, where: str) -> Write:
    try:
        return given.parse_write(spelling, "seen")
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from None


def _read(spelling: str, where: str) -> FieldPlace:
    try:
        return given.parse_read(spelling, "seen")
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from None


def _check_id(reads: tuple[FieldPlace, ...], where: str) -> None:
    # Rows are identified without decoding them, so their id must be a key of the row itself.
    rows = [read for read in reads if read.source != "detail"]
    if not rows or any(len(read.path) != 1 for read in rows):
        raise ConfigError(f"{where}: must name a key of the list row, without dots")


def _with_own_id(resource: Resource, reads: tuple[FieldPlace, ...]) -> tuple[FieldPlace, ...]:
    # A by-id record is identified only by its own id. Without a new place for it, the default stays.
    if any(read.source != "row" for read in reads):
        return reads
    return (*reads, *(read for read in resource.fields["id"] if read.source != "row"))


def _absence(settings: Resources, raw: Mapping[str, Any], where: str) -> Resources:
    absence = settings.absence
    for key, value in raw.items():
        name = f"{where}.{key}"
        if key == "statuses":
            absence = structs.replace(absence, statuses=given.statuses(value, name))
        elif key == "bodies":
            kinds = frozenset(
                given.choice(kind, get_args(BodyKind), name) for kind in given.parse_texts(value, name)
            )
            absence = structs.replace(absence, bodies=kinds)
        else:
            raise given.unknown_name(name, "setting", ["statuses", "bodies"])
    return structs.replace(settings, absence=absence)


def _deleted(settings: Resources, raw: Mapping[str, Any], where: str) -> Resources:
    for key, value in raw.items():
        name = f"{where}.{key}"
        resource = _resource(settings, key, name, "list")
        rules = tuple(_deleted_rule(spelling, name) for spelling in given.parse_texts(value, name))
        settings = _with_resource(settings, structs.replace(resource, deleted=rules))
    return settings


def _deleted_rule(spelling: str, where: str) -> DeletedRule:
    path, separator, value = spelling.partition("=")
    if not separator or not path.strip() or not value.strip():
        raise ConfigError(f'{where}: must be "path=value", such as "active=n"; "path=*" matches any value')
    return DeletedRule(read=_read(path.strip(), where), value=value.strip())


def _unwrap(settings: Resources, raw: Mapping[str, Any], where: str) -> Resources:
    for key, value in raw.items():
        resource = _resource(settings, key, f"{where}.{key}", "list")
        if resource.by_id is None:
            raise ConfigError(f"{where}.{key}: {key} can't be read by id")
        if not isinstance(value, str) or (value and not all(value.split("."))):
            raise ConfigError(f'{where}.{key}: must be a path such as "data" or "result.record", or ""')
        path = tuple(value.split(".")) if value else ()
        settings = _with_resource(settings, structs.replace(resource, unwrap=path))
    return settings


def _actions(settings: Resources, raw: Mapping[str, Any], where: str) -> Resources:
    for key, value in raw.items():
        if key not in settings.actions:
            raise given.unknown_name(f"{where}.{key}", "action", list(settings.actions))
        action = settings.actions[key]
        via = given.choice(value, action.choices, f"{where}.{key}")
        settings = _with_action(settings, structs.replace(action, via=via))
    return settings


def _maps(settings: Resources, raw: Mapping[str, Any], where: str) -> Resources:
    maps = settings.maps
    for name, value in raw.items():
        key = f"{where}.{name}"
        if name not in Maps.__struct_fields__:
            raise given.unknown_name(key, "map", list(Maps.__struct_fields__))
        merged = dict(getattr(maps, name))
        for word, unified in given.parse_table(value, key).items():
            spelled = given.parse_setting_text(unified, f"{key}.{word}")
            merged[map_key(word)] = given.choice(spelled, _CLOSED.get(name, (spelled,)), f"{key}.{word}")
        maps = structs.replace(maps, **{name: merged})
    return structs.replace(settings, maps=maps)


def _states(settings: Resources, raw: Mapping[str, Any], where: str) -> Resources:
    words = dict(settings.states)
    for state, word in raw.items():
        if state not in STATES:
            raise given.unknown_name(f"{where}.{state}", "state", list(STATES))
        if not isinstance(word, str):
            raise ConfigError(f'{where}.{state}: must be text; use "" to skip this list')
        words[state] = word
    asked = {state: words[state] for state in STATES if words.get(state)}
    if not asked:
        raise ConfigError(f"{where}: at least one state must not be empty")
    jobs = structs.replace(settings["jobs"], states=tuple(asked))
    return structs.replace(_with_resource(settings, jobs), states=asked)


def _with_resource(settings: Resources, resource: Resource) -> Resources:
    return structs.replace(settings, resources={**settings.resources, resource.name: resource})


def _with_action(settings: Resources, action: Action) -> Resources:
    return structs.replace(settings, actions={**settings.actions, action.name: action})


def _resource(settings: Resources, key: str, where: str, what: str) -> Resource:
    for name in get_args(ResourceName):
        if name == key:
            return settings.resources[name]
    raise given.unknown_name(where, what, list(settings.resources))
