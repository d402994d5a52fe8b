"""Placement statuses: their outcomes, problems of their list, and its order. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, cast

from msgspec import Struct, structs
from trackerrms_contracts.entities import Model

from bridge.errors import Permanent
from bridge.json_types import JsonObject
from bridge.tracker.field_reader import FieldReader
from bridge.tracker.schema import GROUPS, Maps, Resources, map_key

StatusOutcome = Literal["PENDING", "HIRED", "DECLINED"]
_OUTCOMES: Mapping[str, StatusOutcome] = {
    **dict.fromkeys(map(map_key, GROUPS), "PENDING"),
    "rejected": "DECLINED",
    "working": "HIRED",
    "complete": "HIRED",
}
_AGREEING_READS = 3
_UNREST_OF_A_CHANGE, _MOST_UNREST = 3, 30
UNSETTLED = _UNREST_OF_A_CHANGE + 1
"""The unrest from which on the order has changed more than once lately."""
_SHOWN = 10


class Status(Struct, frozen=True, kw_only=True):
    """A placement status: its name, and the group (Applied, Rejected, Working, …) that determines the
    outcome.

    ``listed`` is false for a status that only an application names.
    """

    name: str | None
    group: str | None
    listed: bool = True


Statuses = Mapping[str, Status]
"""The tenant's placement statuses by id."""


class Problem(Struct, frozen=True, kw_only=True):
    """A problem of a list of statuses, and the models that are wrong or incomplete because of it.

    A list with a ``fatal`` problem does not replace a valid one.
    """

    code: str
    text: str
    models: tuple[Model, ...]
    fatal: bool = False


CODES = (
    "statuses_none",
    "statuses_unreadable",
    "statuses_without_group",
    "statuses_without_rejected",
    "statuses_of_unknown_group",
)
"""The codes of all problems."""


def outcome(status: Status, maps: Maps) -> StatusOutcome | None:
    """Return the outcome of an application at this status; ``None`` if it is unknown.

    ``maps.outcome`` has precedence, by the status's name, then by its group; then the vendor's groups.
    """
    mapped = maps.outcome.get(map_key(status.name or "")) or maps.outcome.get(map_key(status.group or ""))
    # The map's values were checked against Outcome when it was configured.
    return cast("StatusOutcome | None", mapped) or _OUTCOMES.get(map_key(group_of(status, maps) or ""))


def group_of(status: Status, maps: Maps) -> str | None:
    """Return a status's group by the vendor's name, if ``maps.status_group`` has it."""
    return maps.status_group.get(map_key(status.group or ""), status.group)


def parse_statuses(rows: Iterable[JsonObject], settings: Resources) -> dict[str, Status]:
    """Return the statuses by id, in order, without unreadable rows."""
    found = {}
    for row in rows:
        try:
            reader = FieldReader("status", settings["statuses"].fields, row, None)
            found[reader.id] = Status(name=reader.text("name"), group=reader.named("group"))
        except Permanent:
            continue
    return found


def status_problems(rows: Sequence[JsonObject], settings: Resources) -> list[Problem]:
    """Return the problems of a list of statuses. Each text says what was seen and what to set."""
    known = parse_statuses(rows, settings)
    if not rows:
        return [
            _problem(
                "statuses_none",
                "the list of placement statuses is empty: correct paths.statuses and rows.statuses",
                (Model.APPLICATION_STAGE, Model.REJECTION_REASON, Model.APPLICATION),
                fatal=True,
            )
        ]
    problems = []
    if len(known) < len(rows):
        problems.append(
            _problem(
                "statuses_unreadable",
                f"{len(rows) - len(known)} of {len(rows)} placement statuses have no unique id or can't be "
                f"read; keys: {_keys(rows)}: correct fields.status.id, name and group",
                (Model.APPLICATION_STAGE, Model.APPLICATION),
            )
        )
    problems += _problems_of_groups(known, rows, settings)
    return problems


def _problems_of_groups(known: Statuses, rows: Sequence[JsonObject], settings: Resources) -> list[Problem]:
    maps, path = settings.maps, " or ".join(str(read) for read in settings["statuses"].fields["group"])
    outcomes = {status_id: outcome(status, maps) for status_id, status in known.items()}
    poor = (Model.REJECTION_REASON, Model.APPLICATION)
    silent = [known[status_id] for status_id, found in outcomes.items() if found is None]
    if silent and not any(status.group for status in known.values()):
        return [
            _problem(
                "statuses_without_group",
                f"none of {len(known)} placement statuses has a group under {path}; keys: {_keys(rows)}: set "
                "fields.status.group; until then applications have no outcome and rejections no reason",
                poor,
                fatal=True,
            )
        ]
    problems = []
    if "DECLINED" not in outcomes.values():
        problems.append(
            _problem(
                "statuses_without_rejected",
                f"no placement status rejects; their groups are {_groups(silent or known.values())}: set "
                'maps.status_group."…" = "Rejected" for the group that does',
                poor,
                fatal=True,
            )
        )
    if silent:
        problems.append(
            _problem(
                "statuses_of_unknown_group",
                f"{len(silent)} of {len(known)} placement statuses are in a group without an outcome: "
                f'{_groups(silent)}: set maps.status_group."…" to one of {", ".join(GROUPS)}; until then '
                "applications at them have no outcome",
                (Model.APPLICATION,),
            )
        )
    return problems


def is_sound(known: Statuses, settings: Resources) -> bool:
    """Return true if a list has a rejecting status. A list without one is never valid."""
    return any(outcome(status, settings.maps) == "DECLINED" for status in known.values())


class StatusList(Struct, frozen=True, kw_only=True):
    """The accepted list of an account: its statuses, and the order that reads agreed on.

    ``last`` is the order of the latest read, seen ``streak`` times in a row. ``unrest`` increases with each
    change of it. ``unlisted``: status ids of applications that are not in the list.
    """

    statuses: dict[str, Status]
    order: tuple[str, ...]
    last: tuple[str, ...] = ()
    streak: int = 0
    unrest: int = 0
    unlisted: tuple[str, ...] = ()

    def table(self) -> dict[str, Status]:
        """Return the statuses for ``Normalizer.application``, including those that are not in the list."""
        unlisted = Status(name=None, group=None, listed=False)
        return self.statuses | dict.fromkeys(self.unlisted, unlisted)

    def places(self) -> dict[int, int]:
        """Return each status's position, from 0."""
        return {int(status_id): place for place, status_id in enumerate(self.order)}


def merge_statuses(
    before: StatusList | None,
    found: Mapping[str, Status],
    named: Iterable[str] = (),
    kept: Mapping[str, Status] | None = None,
) -> StatusList:
    """Return the list after one more read. ``named``: status ids of applications.

    Statuses keep their order until enough reads agree on another one; the more often it changed lately, the
    more reads are needed. A list that comes in another order each time is not a change. New statuses need no
    agreement. ``kept``: statuses missing from this read but not yet known to be deleted, which keep their
    meaning and position.
    """
    if before is not None and kept:
        return _with_kept(before, merge_statuses(before, found, {*named} - kept.keys()), kept)
    read = tuple(found)
    ids = {*named, *(before.unlisted if before else ())}
    unlisted = tuple(sorted(ids - found.keys(), key=int))
    if before is None:
        return StatusList(statuses=dict(found), order=read, last=read, unlisted=unlisted)
    same = _agree(read, before.last)
    unrest = max(0, before.unrest - 1) if same else min(before.unrest + _UNREST_OF_A_CHANGE, _MOST_UNREST)
    streak = before.streak + 1 if same else 1
    if _agree(read, before.order):
        order, streak = read, 0
    elif streak >= max(_AGREEING_READS, unrest):
        order = read
    else:
        order = _kept(before.order, read)
    return StatusList(
        statuses=dict(found), order=order, last=read, streak=streak, unrest=unrest, unlisted=unlisted
    )


def _with_kept(before: StatusList, after: StatusList, kept: Mapping[str, Status]) -> StatusList:
    """Return the list with the missing statuses, each behind its former predecessors."""
    order = list(after.order)
    for place, status_id in enumerate(before.order):
        if status_id in kept:
            ahead = [order.index(i) for i in before.order[:place] if i in order]
            order.insert(max(ahead, default=-1) + 1, status_id)
    left = tuple(i for i in after.unlisted if i not in kept)
    return structs.replace(after, statuses={**after.statuses, **kept}, order=tuple(order), unlisted=left)


def _agree(one: Sequence[str], other: Sequence[str]) -> bool:
    """Return true if the common elements are in the same order."""
    both = set(one) & set(other)
    return [i for i in one if i in both] == [i for i in other if i in both]


def _kept(order: Sequence[str], read: Sequence[str]) -> tuple[str, ...]:
    """Return the agreed order without deleted ids and with new ones at the end."""
    kept = [i for i in order if i in read]
    return (*kept, *(i for i in read if i not in kept))


def _problem(code: str, text: str, models: tuple[Model, ...], *, fatal: bool = False) -> Problem:
    return Problem(code=code, text=text, models=models, fatal=fatal)


def _keys(rows: Sequence[JsonObject]) -> str:
    keys = dict.fromkeys(key for row in rows if isinstance(row, dict) for key in row)
    return ", ".join(list(keys)[:20])[:300] or "none"


def _groups(known: Iterable[Status]) -> str:
    names = list(dict.fromkeys(status.group or "" for status in known))
    shown = ", ".join(f'"{name[:40]}"' for name in names[:_SHOWN])
    return shown + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
