"""Faults on demand: which requests fail, and how."""

from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta, Struct

PageKind = Literal["repeat_page", "shift_page", "short_page", "stale"]
FaultKind = Literal["status", "hang", "cut", "empty_body", "bad_json"] | PageKind

#: Faults that change what a search answers; the others apply to any request.
PAGE_KINDS = get_args(PageKind)


class Fault(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A planned fault.

    ``path`` is a prefix, or a glob if it has ``*``, ``?`` or ``[``; it is case-insensitive. The first
    ``after`` matching requests pass, then ``times`` fail (``None``: until cleared). ``method`` restricts it
    further.

    Kinds: ``status`` answers ``status`` (with ``retry_after`` if given); ``hang`` doesn't answer; ``cut``
    closes the connection in the middle of the body; ``empty_body`` is 200 without a body; ``bad_json`` is a
    truncated body; ``repeat_page`` returns the previous page again; ``shift_page`` shifts the page by
    ``rows``; ``short_page`` omits ``rows`` without changing ``hasNextPage``; ``stale`` is a page from before
    the latest changes. A write is carried out before ``cut``, ``empty_body`` and ``bad_json``; before
    ``status`` and ``hang`` only with ``effect``.
    """

    path: str
    kind: FaultKind
    method: str | None = None
    status: Annotated[int, Meta(ge=100, le=599)] = 500
    retry_after: float | None = None
    after: Annotated[int, Meta(ge=0)] = 0
    times: Annotated[int, Meta(ge=1)] | None = 1
    rows: int = 3
    effect: bool = False

    def matches(self, method: str, path: str) -> bool:
        """Return true if the fault applies to this request."""
        if self.method is not None and self.method.upper() != method:
            return False
        pattern, path = self.path.lower(), path.lower()
        return fnmatchcase(path, pattern) if set(pattern) & set("*?[") else path.startswith(pattern)


class Faults:
    """The planned faults, in order. The first one that is due takes the request."""

    def __init__(self) -> None:
        self._planned: list[tuple[Fault, list[int]]] = []  # with the number of matching requests

    def plan(self, given: Any) -> Fault:
        """Add a fault from its JSON form. Raises ValueError."""
        fault = msgspec.convert(given, Fault)
        self._planned.append((fault, [0]))
        return fault

    def clear(self) -> None:
        """Delete all faults."""
        self._planned.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """Return the fault for this request, if one is due. Every matching fault counts the request."""
        due: Fault | None = None
        for fault, seen in self._planned:
            if not fault.matches(method, path) or due is not None:
                continue
            seen[0] += 1
            over = fault.times is not None and seen[0] > fault.after + fault.times
            if seen[0] > fault.after and not over:
                due = fault
        return due

    def describe(self) -> list[dict[str, Any]]:
        """Return each fault with the number of requests it has matched."""
        return [{**msgspec.to_builtins(fault), "matched": seen[0]} for fault, seen in self._planned]
