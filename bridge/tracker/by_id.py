"""What a by-id read comes to."""

from typing import Any

from msgspec import Struct

from bridge.tracker import answers


class RecordGone(Struct, frozen=True, kw_only=True):
    """The record is not there: it was answered as ``tracker.absence`` says, or has a field that says deleted.

    ``sure``: trouble is not answered so. Where it is not, this counts only if a record that exists is
    answered well before and after.
    """

    status: int
    kind: answers.AnswerKind = "status"
    sure: bool = True

    def __str__(self) -> str:
        if self.kind == "status":
            return f"answered {self.status}"
        said = {"deleted": "with a field that says it is deleted", "html": "with a web page"}
        return f"answered {self.status} {said.get(self.kind, f'with what is {self.kind}')}"


class Detail(Struct, frozen=True, kw_only=True):
    """A record read by id; ``record`` is the decoded object."""

    record: dict[str, Any]
