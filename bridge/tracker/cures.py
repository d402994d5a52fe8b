"""Messages about unexpected answers, with the key that corrects them. Pure."""

from typing import get_args

from bridge.tracker import answers
from bridge.tracker.answers import ByIdAnswer
from bridge.tracker.errors import (
    BadJson,
    EmptyBody,
    NoContent,
    NotTheRecord,
    OtherRecord,
    Refused,
    Unreadable,
)
from bridge.tracker.hosts import Generation
from bridge.tracker.http import HttpResponse
from bridge.tracker.schema import BodyKind, ResourceName


def require_success(name: str, answer: HttpResponse, cure: str) -> None:
    """Raise unless the answer is a success and not a web page. ``cure`` says what to set."""
    if answer.status == 204:
        raise NoContent(f"{name} answered 204, without a body; {cure}")
    if answer.status not in answers.SUCCESS:
        raise Refused(f"{name} {answers.describe_answer(answer)}: {cure}", answer.status)
    if answers.is_page(answer):
        raise BadJson(f"{name} {answers.describe_answer(answer)}: {cure}")


def of_list(resource: ResourceName, generation: Generation) -> str:
    """Return what to set if a list does not exist or its answer is not a list."""
    if generation == "widget":
        return 'set paths.users_widget in [integrations.tracker], or users_from = "rest"'
    other = ', or users_from = "widget"' if resource == "users" else ""
    return f"set paths.{resource} in [integrations.tracker] if the path differs{other}"


def record_refusal(name: str, seen: ByIdAnswer, cure: str) -> Unreadable:
    """Return the error for an answer that is not the record, with what to set if the account answers absent
    ids like this."""
    if seen.kind == "other":
        return OtherRecord(f"{name}: not the requested record: {seen.reason}", seen.other_id or "")
    said = f"{name}: not the requested record: {seen.reason}"
    if seen.kind in get_args(BodyKind):
        said += f'; if the account answers absent ids like this, add "{seen.kind}" to absence.bodies'
    if seen.kind == "empty":
        return EmptyBody(said)
    names_a_key = "; set " in said or "add " in said
    return NotTheRecord(f"{said}; {cure}" if seen.kind == "html" or not names_a_key else said)
