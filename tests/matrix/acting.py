"""The four actions against an account that speaks a dialect: what each claims, held against the account."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from bridge.config import Config
from bridge.simulator.dialects import DIALECTS
from bridge.simulator.world import World
from tests.commanding import Caller, ending
from tests.flow.commanded import CV, REST
from tests.installation import Installation
from tests.waiting import patient

_TOUCHING = frozenset({"writes", "widget", "documents"})
_EMAIL, _NOTE = "ada.acting@example.org", "Chose another"
_STAGE, _REJECTED = 5, 10
_DEADLINE_SECONDS = 5.0


class Acted(Struct, frozen=True, kw_only=True):
    """``untrue``: what results claim and the account denies; ``failed``: the actions that were not carried
    out, or may not have been, each with what its result says."""

    untrue: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


def parts_touched(dialect: Mapping[str, str]) -> frozenset[str]:
    """Return the parts of the account that writing meets and that the dialect changes."""
    touched = {part for name, value in dialect.items() for part in DIALECTS[name].values[value].touches}
    return frozenset(touched & _TOUCHING)


def settings_for(dialect: Mapping[str, str]) -> dict[str, Any]:
    """Return ``[integrations.tracker]`` so that the actions use the part that the dialect changes."""
    return {"actions": REST} if "writes" in parts_touched(dialect) else {}


def hurried(settings: Config) -> Config:
    """Return the settings with a deadline for commands that is short enough to wait for."""
    commands = msgspec.structs.replace(settings.commands, deadline_seconds=patient(_DEADLINE_SECONDS))
    return msgspec.structs.replace(settings, commands=commands)


async def acted(bridge: Installation, caller: Caller) -> Acted:
    """Create a candidate, create an application, move one and reject one; judge each by the account."""
    world = bridge.server.world
    untrue: list[str] = []
    failed: list[str] = []
    jobs, _ = world.live["opportunity"].search("open", None, 0, 2)
    placements = sorted(world.live["opportunity_resource"].ids())
    moved, rejected = placements[2], placements[3]
    who = {"candidate": {"first_name": "Ada", "last_name": "Acting", "email_address": _EMAIL}}
    steps = [
        ("candidate.create", who | {"application": {"job_id": f"remote:{jobs[0]}"}, "attachments": [CV]}),
        ("application.create", who | {"application": {"job_id": f"remote:{jobs[1]}"}}),
        (
            "application.move_to_stage",
            {"application_id": f"remote:{moved}", "stage_id": f"remote:{_STAGE}"},
        ),
        (
            "application.reject",
            {
                "application_id": f"remote:{rejected}",
                "rejection_reason_id": f"remote:{_REJECTED}",
                "note": _NOTE,
            },
        ),
    ]
    for kind, data in steps:
        result = await caller.run(kind, data)
        if ending(result) != "succeeded":
            error = result["data"]["error"]
            failed.append(f"{kind} {ending(result)}: {error['code']}: {error['message']}")
            continue
        warned = " ".join(one["message"] for one in result["data"]["warnings"])
        match kind:
            case "candidate.create":
                denied = [*_not_made(world, jobs[0]), *_without_file(bridge, warned)]
            case "application.create":
                denied = [*_not_made(world, jobs[1])]
            case "application.move_to_stage":
                denied = [*_not_at(world, moved, _STAGE)]
            case _:
                denied = [*_not_rejected(world, rejected, warned)]
        untrue += [f"{kind} succeeded, {said}" for said in denied]
    people = _people(world)
    if len(people) > 1:
        untrue.append(f"the candidate was created {len(people)} times")
    for job in jobs:
        if (count := len(_placed(world, people, job))) > 1:
            untrue.append(f"the candidate is {count} times on job {job}")
    return Acted(untrue=tuple(untrue), failed=tuple(failed))


def _people(world: World) -> list[int]:
    """Return the ids of the candidates with the address."""
    return [
        number
        for number in world.live["resource"].ids()
        if str((world.live["resource"].get(number) or {}).get("email", "")).casefold() == _EMAIL
    ]


def _placed(world: World, people: list[int], job: int) -> list[int]:
    found = world.live["opportunity_resource"]
    return [
        number
        for number in found.ids()
        if (one := found.get(number)) is not None
        and one["resourceId"] in people
        and one["opportunityId"] == job
    ]


def _not_made(world: World, job: int) -> Iterator[str]:
    people = _people(world)
    if not people:
        yield "and there is no such candidate"
    elif not _placed(world, people, job):
        yield f"and the candidate is not on job {job}"


def _without_file(bridge: Installation, warned: str) -> Iterator[str]:
    held = [
        one for number in _people(bridge.server.world) for one in bridge.server.site.documents.get(number, [])
    ]
    if len(held) != 1 and not warned:
        yield f"and {len(held)} documents are attached, without a warning"


def _not_at(world: World, application: int, stage: int) -> Iterator[str]:
    found = (world.live["opportunity_resource"].get(application) or {})["opportunityResourceStatusId"]
    if found != stage:
        yield f"and the application is at {found}, not at {stage}"


def _not_rejected(world: World, application: int, warned: str) -> Iterator[str]:
    yield from _not_at(world, application, _REJECTED)
    found = (world.live["opportunity_resource"].get(application) or {}).get("rejectionReason")
    if found != _NOTE and not warned:
        yield f"and its reason is {found!r}, without a warning"
