"""The results of a by-id read."""

from typing import Any

from msgspec import Struct

from bridge.tracker import answers


class RecordGone(Struct, frozen=True, kw_only=True):
    """The record is gone: the answer has the form in ``tracker.absence``, or a field that marks it as
    deleted.

    ``sure`` means that errors have another form. If false, the answer counts only if an existing record is
    answered correctly before and after.
    """

    status: int
    kind: answers.AnswerKind = "status"
    sure: bool = True

    def __str__(self) -> str:
        if self.kind == "status":
            return f"answered {self.status}"
        said = {"deleted": "with a field that marks it as deleted", "html": "with a web page"}
        return f"answered {self.status} {said.get(self.kind, f'with a {self.kind} body')}"


class Detail(Struct, frozen=True, kw_only=True):
    """A record read by id. ``record`` is the decoded object."""

    record: dict[str, Any]
