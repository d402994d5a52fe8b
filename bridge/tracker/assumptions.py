"""The assumptions about an account's API that can be judged, by the name of their finding. Pure.

``docs/assumptions.md`` lists them (written by ``tools.assumption_table``), ``bridge check`` gives each a
verdict for the account, and ``bridge.tracker.findings`` accepts no other name.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from msgspec import Struct
from trackerrms_contracts.profiles import Finding

from bridge.tracker import resources
from bridge.tracker.schema import Action, FieldPlaces, Resource, ResourceName, Resources

Theme = Literal["reading", "paging", "values", "fields", "absence", "writing", "tokens"]
By = Literal["reading", "running", "asking", "writing"]
"""How an assumption is judged.

``reading``: by the reads that a first load does too; ``running``: by sweeps while the bridge runs;
``asking``: by ``bridge check``, which probes the API; ``writing``: by ``bridge check --write``, which tries
it.
"""
NOT_TRIED: Mapping[By, str] = {
    "reading": "no data in the account shows it",
    "running": "judged while running: each sweep reads a few records whose rows did not change",
    "asking": "not probed; run bridge check",
    "writing": "not tried; run bridge check --write",
}


class Assumption(Struct, frozen=True, kw_only=True):
    """An assumption. ``keys`` below ``[integrations.tracker]`` correct it. ``resource`` is its subject;
    ``None`` means the account."""

    name: str
    theme: Theme
    says: str
    sure: str
    keys: tuple[str, ...]
    by: By = "reading"
    resource: ResourceName | None = None


def list_assumptions(table: Resources) -> tuple[Assumption, ...]:
    """Return every assumption that the table makes, theme by theme."""
    return (
        *(one for resource in table.resources.values() for one in _reading(resource)),
        Assumption(
            name="saves",
            theme="reading",
            says="saving a job or a candidate always changes its row or its last update",
            sure="guess",
            keys=("details.candidates", "details.jobs"),
            by="running",
        ),
        *_paging(table),
        *_values(table),
        *_fields(table),
        *(_absence(resource) for resource in table.resources.values() if resource.by_id is not None),
        *_writing(table),
        *_tokens(table),
    )


def assumptions_by_name() -> Mapping[str, Assumption]:
    """Return every assumption by its name."""
    return _LISTED


def completed(
    findings: Iterable[Finding], names: Iterable[ResourceName], failed: Mapping[ResourceName, str]
) -> tuple[Finding, ...]:
    """Return a verdict for each assumption about these resources, in the document's order.

    An assumption without a finding is unknown. ``failed`` gives the reason why a resource could not be read.
    """
    found = {finding.assumption: finding for finding in findings}
    followed = {*names, None}
    return tuple(
        found.get(one.name) or _open(one, failed)
        for one in _LISTED.values()
        if one.resource in followed or one.name in found
    )


def _open(one: Assumption, failed: Mapping[ResourceName, str]) -> Finding:
    evidence = NOT_TRIED[one.by]
    if one.by == "reading" and one.resource is not None and one.resource in failed:
        evidence = f"{one.resource} can't be read: {failed[one.resource]}"
    return Finding(assumption=one.name, verdict="unknown", evidence=evidence, key=next(iter(one.keys), None))


def _tokens(table: Resources) -> Iterator[Assumption]:
    call = table.exchange
    yield Assumption(
        name="paths.exchange",
        theme="tokens",
        says=f"`{call.method} {call.path}` exchanges the bearer token for a JWT",
        sure=call.sure,
        keys=("paths.exchange",),
    )
    yield Assumption(
        name="token.sent_as",
        theme="tokens",
        says="the exchange expects the bearer token under `token.sent_as`",
        sure="seen",
        keys=("token.sent_as",),
    )
    yield Assumption(
        name="token.keys",
        theme="tokens",
        says="the answer has the JWT under one of `token.keys`, or the JWT is recognized by its form",
        sure="seen",
        keys=("token.keys",),
    )
    yield Assumption(
        name="token.expires",
        theme="tokens",
        says="the answer, or the JWT itself, has the expiry time",
        sure="seen",
        keys=("token.expires",),
    )
    yield Assumption(
        name="token.refused",
        theme="tokens",
        says="an invalid JWT is answered 401 or 403, or with a login page",
        sure="guess",
        keys=("token.refused",),
    )


def _reading(resource: Resource) -> Iterator[Assumption]:
    name, call = resource.name, resource.list
    about = {"users": ("users_from",)}.get(name, ())

    def one(name_: str, says: str, sure: str, *keys: str) -> Assumption:
        return Assumption(name=name_, theme="reading", says=says, sure=sure, keys=keys, resource=name)

    yield one(
        f"paths.{name}", f"`{call.method} {call.path}` lists {name}", call.sure, f"paths.{name}", *about
    )
    yield one(f"rows.{name}", f"rows are under `{resource.rows}`", resource.rows_sure, f"rows.{name}")
    yield one(f"key_case.{name}", "keys are in camel case", "seen", "key_case")
    if resource.by_id is not None:
        path = f"`{resource.by_id.method} {resource.by_id.path}`"
        yield one(
            f"by_id.{name}", f"{path} reads a listed record", resource.by_id.sure, f"paths.{name}_by_id"
        )
        if resource.details != "never" and "updated_at" in resource.fields and name != "jobs":
            said = "reading a record by id does not change its last update"
            yield one(f"reading.{name}", said, "guess", f"volatile.{name}", f"details.{name}")
        yield one(f"unwrap.{name}", "the by-id answer is the record itself", "seen", f"unwrap.{name}")
    if name == "statuses":
        yield from (one(f"statuses.{code}", says, sure, *keys) for code, says, sure, keys in _STATUSES)
    if name == "jobs":
        words = ", ".join(f"`{word}`" for word in resource.states if word)
        yield one(
            "states", f"{words} each find different jobs", "seen",
            *(f"states.{state}" for state in resource.states),
        )  # fmt: skip
        for state in resource.states:
            yield one(f"states.{state}", f"`{state}` is the word for this state", "seen", f"states.{state}")
        yield one(
            "job_state_from", "a job of the list `open` has no end date in its record", "guess",
            "job_state_from",
        )  # fmt: skip


_STATUSES = (
    ("listed", "the list of placement statuses is not empty", "seen", ("paths.statuses", "rows.statuses")),
    ("readable", "each placement status has a unique id", "guess", ("fields.status.id",)),
    ("grouped", "placement statuses have a group", "guess", ("fields.status.group",)),
    ("rejecting", "one of the groups means rejection", "guess", ("maps.status_group", "maps.outcome")),
    ("order", "the list of placement statuses has a stable order", "guess", ("status_order",)),
    ("known", "each group maps to an outcome", "guess", ("maps.status_group", "maps.outcome")),
)


def _paging(table: Resources) -> Iterator[Assumption]:
    def one(name: str, says: str, key: str, resource: ResourceName | None = None) -> Assumption:
        return Assumption(name=name, theme="paging", says=says, sure="guess", keys=(key,), resource=resource)

    yield one("first_page", f"the first page has the number {table.first_page}", "first_page")
    yield one("page_number", f"`{table.page_number}` of the request selects the page", "page_number")
    yield one("page_size", f"a full page has {table.page_size} rows", "page_size")
    for resource in table.resources.values():
        name = resource.name
        paged = "the list is paged" if resource.paged else "the list is complete in one answer"
        end = "there are no rows beyond the last page" if resource.paged else "nothing follows it"
        yield one(f"paged.{name}", paged, f"paged.{name}", name)
        yield one(f"list_end.{name}", end, f"list_end.{name}", name)


def _values(table: Resources) -> Iterator[Assumption]:
    def one(name: str, says: str, sure: str, *keys: str, resource: ResourceName | None = None) -> Assumption:
        return Assumption(name=name, theme="values", says=says, sure=sure, keys=keys, resource=resource)

    yield one("charset", "answers are UTF-8 or declare their charset", "guess", "charset")
    yield one("date_format", "times are ISO 8601", "seen", "date_format")
    yield one("times", "times are in the account's time zone", "seen", "times")
    yield one("time_precision", "last updates have a precision of one second", "seen", "time_precision")
    yield one("texts", "texts are plain, not HTML-escaped", "seen", "texts")
    yield one(
        "tag_separator", "commas separate the tags of a text", "seen", "tag_separator", resource="candidates"
    )
    yield one(
        "blank_flag", "a yes-or-no field of a user is never blank", "guess", "blank_flag", resource="users"
    )
    yield one(
        "status_order",
        "a stage's position is its position in the list",
        "guess",
        "status_order",
        resource="statuses",
    )
    yield one("decimal_mark", "amounts have only one reading", "guess", "decimal_mark")
    for resource in table.resources.values():
        if resource.updated_after:
            says = "`updatedAfter` lists later updates, in local time"
            name = f"updated_after.{resource.name}"
            yield one(name, says, "seen", "updated_after_zone", resource=resource.name)


def _fields(table: Resources) -> Iterator[Assumption]:
    for resource in table.resources.values():
        yield from _of_fields(resource.entity, resource.fields, resource.name)
        if resource.name == "jobs":
            yield from _of_fields("owner", table.owner, resource.name)


def _of_fields(
    entity: str, fields: FieldPlaces, resource: ResourceName | None, by: By = "reading"
) -> Iterator[Assumption]:
    for field, places in fields.items():
        name = f"fields.{entity}.{field}"
        yield Assumption(
            name=name,
            theme="fields" if by == "reading" else "writing",
            says=" or ".join(f"`{read}`" for read in places),
            sure=", ".join(dict.fromkeys(read.sure for read in places)),
            keys=(name,),
            by=by,
            resource=resource,
        )


def _absence(resource: Resource) -> Assumption:
    return Assumption(
        name=f"absence.{resource.name}",
        theme="absence",
        says="an id that does not exist is answered 204 or 404",
        sure="guess",
        keys=("absence.statuses", "absence.bodies", f"paths.{resource.name}_by_id"),
        resource=resource.name,
    )


ACTIONS_KEPT = {
    "create_candidate": "a candidate is created and read back",
    "update_candidate": "its values are set and read back",
    "find_person": "a candidate is found by e-mail address, with its id",
    "attach_document": "a document is attached and listed",
    "add_to_job": "adding a candidate to a job creates an application, which is listed",
    "move_stage": "an application is read back at its new stage",
    "reject": "a rejection is read back, with its note",
}
"""For each action, what carrying it out must show."""


def _writing(table: Resources) -> Iterator[Assumption]:
    for action in table.actions.values():
        call = action.call
        if call is None:
            raise AssertionError("every action of the default table has a call")
        keys = _action_keys(action)
        asked = f"`{call.method} {call.path}` exists and accepts the credentials"
        yield _write(f"actions.{action.name}", asked, call.sure, *keys, by="asking")
        yield _write(f"trial.{action.name}", ACTIONS_KEPT[action.name], call.sure, *keys)
    delete = table.calls["delete_candidate"]
    said = f"`{delete.method} {delete.path}` deletes a candidate, which then can't be read by id"
    yield _write("trial.remove_candidate", said, delete.sure, "paths.delete_candidate", "deleted.candidates")
    said = "deleting a candidate deletes its applications"
    yield _write("trial.remove_application", said, "guess", "deleted.applications")
    for entity, writes in table.writes.items():
        for field, places in writes.items():
            name = f"writes.{entity}.{field}"
            said = ", ".join(f"`{one.door}:{'.'.join(one.path)}`" for one in places)
            yield _write(name, said, ", ".join(dict.fromkeys(one.sure for one in places)), name)
    for name in ("documents", "document"):
        call = table.calls[name]
        said = f"`{call.method} {call.path}` reads {'a list of them' if name == 'documents' else 'a file'}"
        yield _write(f"paths.{name}", said, call.sure, f"paths.{name}")
    yield from _of_fields("document", table.document, None, by="writing")


def _action_keys(action: Action) -> tuple[str, ...]:
    keys = [f"actions.{action.name}"] if len(action.choices) > 1 else []
    keys += [f"paths.{action.name}"] if action.rest is not None else []
    keys += [f"paths.{action.name}_widget"] if action.widget is not None else []
    return tuple(keys)


def _write(name: str, says: str, sure: str, *keys: str, by: By = "writing") -> Assumption:
    return Assumption(name=name, theme="writing", says=says, sure=sure, keys=keys, by=by)


_LISTED = {one.name: one for one in list_assumptions(resources.DEFAULT)}
