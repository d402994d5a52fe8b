"""The shapes that a list of placement statuses may have beside a plain one, where none is in doubt. Pure."""

from typing import Any

_DEEPEST = 4


def rows_in(answer: Any, rows_key: str) -> list[Any] | None:
    """Return the rows under ``rows_key``, wherever in the answer that is, if it is there once.

    An object by id gives each row its id, one by group (lists of rows) its group; ``None`` for other shapes.
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
