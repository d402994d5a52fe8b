"""Reads lists of placement statuses in other unambiguous forms. Pure."""

from typing import Any

_DEEPEST = 4


def rows_in(answer: Any, rows_key: str) -> list[Any] | None:
    """Return the rows under ``rows_key``, which must occur exactly once, at any depth of the answer.

    In an object by id each row gets its id, in one by group (lists of rows) its group. Returns ``None`` for
    other forms.
    """
    found = _under(answer, rows_key, _DEEPEST)
    if len(found) != 1:
        return None
    (held,) = found
    if isinstance(held, list):
        return held
    if not isinstance(held, dict) or not held:
        return None
    if all(key.isdecimal() for key in held) and all(isinstance(row, dict) for row in held.values()):
        return [{"id": key, **row} for key, row in held.items()]
    if all(isinstance(rows, list) and all(isinstance(row, dict) for row in rows) for rows in held.values()):
        return [{"group": group, **row} for group, rows in held.items() for row in rows]
    return None


def _under(answer: Any, rows_key: str, depth: int) -> list[Any]:
    if depth == 0 or not isinstance(answer, dict):
        return []
    if rows_key in answer:
        return [answer[rows_key]]
    return [found for value in answer.values() for found in _under(value, rows_key, depth - 1)]
