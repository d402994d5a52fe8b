"""Finds out how an account answers a by-id read of an id that does not exist, by asking for such ids.

A deletion can be proved only if that answer differs from the answer for an existing record and from an error.
"""

from collections.abc import Mapping
from typing import Any, Literal, get_args

from msgspec import Struct

from bridge.tracker.answers import AnswerKind, ByIdAnswer
from bridge.tracker.client import Client
from bridge.tracker.errors import BadJson, Unreadable
from bridge.tracker.schema import PLAIN_ABSENCE, BodyKind, ResourceName, is_absence_status

ABSENT_ID = "999999999"
"""An id that fits a 32-bit database key and that no account has reached."""
OTHER_ABSENT_ID = "999999998"
_RECORD = ByIdAnswer(status=200, kind="record")
ProofState = Literal["proved", "refuted", "unknown"]


class AbsenceFacts(Struct, frozen=True, kw_only=True):
    """The findings for one resource.

    ``status`` and ``kind``: the form of the answer to an id that does not exist; ``None`` if no two answers
    agreed. ``finding``: ``proved`` if the form is safely told from a record and from an error, ``refuted`` if
    an existing record is answered in the same form, else ``unknown``. ``settings``: what to add to
    ``[integrations.tracker]`` so that the client recognizes the form; empty if it already does
    (``recognized``).
    """

    resource: ResourceName
    status: int | None = None
    kind: AnswerKind | None = None
    finding: ProofState
    recognized: bool = False
    settings: Mapping[str, Any] = {}
    evidence: str


async def absence_of(
    client: Client, resource: ResourceName, *, existing: str | None = None, was_read: bool = False
) -> AbsenceFacts:
    """Read two ids that can't exist and, as a control, one that does, with at most four requests.

    ``existing`` is an id from the list; without it, the list's first page is read. ``was_read`` means that
    the caller has just read that record by id, so the first control is skipped.

    Raises what the client raises, except for answers that can't be read.
    """
    before: ByIdAnswer | None = None
    if existing is None:
        existing = await _listed(client, resource)
    else:
        before = _RECORD if was_read else await _look(client, resource, existing)
    first = await _look(client, resource, ABSENT_ID)
    between = await _look(client, resource, existing) if existing is not None and before is None else None
    second = await _look(client, resource, OTHER_ABSENT_ID)
    after = await _look(client, resource, existing) if existing is not None and before is not None else None
    controls = [seen for seen in (before, between, after) if seen is not None]
    return _facts(client, resource, existing, (first, second), controls)


def _facts(
    client: Client,
    resource: ResourceName,
    existing: str | None,
    absent: tuple[ByIdAnswer, ByIdAnswer],
    controls: list[ByIdAnswer],
) -> AbsenceFacts:
    first, second = absent
    asked = f"ids {ABSENT_ID} and {OTHER_ABSENT_ID}"
    entity = client.settings[resource].entity
    if _form(first) != _form(second):
        evidence = f"{asked} are answered differently: {_said(first)}; {_said(second)}"
        return AbsenceFacts(resource=resource, finding="unknown", evidence=evidence)
    evidence = f"{asked} are both {_said(first)}"
    finding: ProofState = "proved"
    if first.kind == "record":
        finding, evidence = "refuted", f"{evidence}: deletions can't be proved"
    elif not controls:
        finding, evidence = "unknown", f"{evidence}; no {entity} is listed to compare with"
    elif all(_form(seen) == _form(first) for seen in controls):
        finding = "refuted"
        evidence += (
            f"; so is {entity} {existing}, which is in the list: set paths.{resource}_by_id in "
            "[integrations.tracker]"
        )
    elif not _answer_well(first, controls):
        bad = next(seen for seen in controls if seen.kind != "record")
        finding = "unknown"
        evidence += f"; but {entity} {existing}, which is in the list, is {_said(bad)}"
    else:
        evidence += f"; {entity} {existing} is answered with its record"
    settings = _settings(client, first) if finding == "proved" else {}
    if settings is None:
        return AbsenceFacts(
            resource=resource,
            status=first.status,
            kind=first.kind,
            finding="unknown",
            evidence=f"{evidence}; no setting can describe such an answer",
        )
    return AbsenceFacts(
        resource=resource,
        status=first.status,
        kind=first.kind,
        finding=finding,
        recognized=finding == "proved" and not settings,
        settings=settings,
        evidence=evidence,
    )


def _answer_well(absent: ByIdAnswer, controls: list[ByIdAnswer]) -> bool:
    """Return true if the controls answer well: each time, if an error could look like the absent id."""
    well = [seen.kind == "record" for seen in controls]
    sure = absent.kind == "other" or (absent.kind == "status" and absent.status in PLAIN_ABSENCE)
    return any(well) if sure else all(well)


def _settings(client: Client, seen: ByIdAnswer) -> Mapping[str, Any] | None:
    """Return the settings that make the client recognize the form.

    Returns an empty mapping if it already does, and ``None`` if no setting can.
    """
    absence = client.settings.absence
    if seen.kind in ("other", "deleted"):
        return {}
    if seen.kind == "status" or seen.status == 204:
        if seen.status in absence.statuses:
            return {}
        if not is_absence_status(seen.status):
            return None
        return {"absence": {"statuses": sorted(absence.statuses | {seen.status})}}
    if seen.kind in absence.bodies:
        return {}
    if seen.kind not in get_args(BodyKind):
        return None
    return {"absence": {"bodies": sorted({*absence.bodies, seen.kind})}}


def _form(seen: ByIdAnswer) -> tuple[int, AnswerKind]:
    return seen.status, seen.kind


def _said(seen: ByIdAnswer) -> str:
    if seen.kind == "status":
        return seen.reason
    if seen.kind in ("record", "deleted"):
        return f"answered {seen.status} with a record of that id"
    return f"answered {seen.status}: {seen.reason}"


async def _look(client: Client, resource: ResourceName, remote_id: str) -> ByIdAnswer:
    try:
        return await client.look_by_id(resource, remote_id)
    except BadJson as error:
        return ByIdAnswer(status=200, kind="stranger", reason=str(error))


async def _listed(client: Client, resource: ResourceName) -> str | None:
    """Return an id from the list's first page."""
    try:
        page = await client.pages(resource, state=client.settings[resource].states[0])
    except Unreadable:
        return None
    return page.rows[0].remote_id if page.rows else None
