"""Switches for missing and deleted records, and for by-id answers that are not the record."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from bridge.simulator.dialects.switches import RECORDS, Dialect, Switch, switch

SWITCHES: Final[Mapping[str, Switch]] = {
    "absence": switch(
        "How a read of an id that does not exist is answered.",
        f"{RECORDS} deletions",
        {
            "204": "204 without a body.",
            "404": "404.",
            "410": "410.",
            "400": "400.",
            "401": "401, whatever the token.",
            "403": "403.",
            "500": "500, with a .NET exception.",
            "302": "302 to an error page.",
            "null": "200 with null.",
            "object": "200 with {}.",
            "array": "200 with [].",
            "empty": "200 without a body.",
            "text": '200 with "".',
            "blank": "200 with white space.",
            "html": "200 with a web page.",
            "false": "200 with success false and a message.",
            "message": "200 with a Message.",
            "data_null": "200 with data null.",
            "zero": "200 with a record of nulls whose id is 0.",
            "nulls": "200 with a record of nulls that has the requested id.",
        },
    ),
    "deletions": switch(
        "What happens to a deleted record.",
        "deletions",
        {
            "gone": "It disappears.",
            "inactive": "It is in no list; by id it exists, with active n. Other records have active y.",
            "flagged": "It is in no list; by id it exists, with isDeleted true; others have false.",
            "dated": "It is in no list; by id it exists, with a deletedDate, which is null for others.",
            "status": "It is in no list; by id it exists, with the status Deleted.",
            "listed_inactive": "It stays in the lists and by id, with active n. Other records have active y.",
            "listed_flagged": "It stays in the lists and by id, with isDeleted true.",
            "readable": "It is in no list; by id it is unchanged, without a sign of the deletion.",
            "listed_gone": "It stays in the lists; by id it does not exist.",
            "merged": "It disappears from the lists; its id answers with another record, as after a merge.",
        },
    ),
    "by_id": switch(
        "What every fourth by-id read answers instead of the record.",
        RECORDS,
        {
            "record": "Always the record.",
            "false": "success false and a message.",
            "object": "{}.",
            "message": 'A Message: "An error has occurred."',
            "id_only": "A record with its id and nothing else.",
            "null": "null.",
            "empty": "Nothing, with 200.",
            "html": "A web page, with 200.",
            "not_there": "204, although the record exists.",
            "another": "Another record.",
            "blanked": "The record with every text in it blank.",
        },
    ),
    "by_id_refused": switch(
        "What by-id reads of every seventh id always answer.",
        RECORDS,
        {
            "none": "The record.",
            "403": "403.",
            "500": "500.",
            "false": "200 with success false and a message.",
            "empty": "200 without a body.",
        },
    ),
}

_EVERY: Final = 4
_REFUSED_EVERY: Final = 7
_TEMPORARY: Final = {"success": False, "message": "Temporarily unavailable"}
_PAGE: Final = "<!DOCTYPE html>\r\n<html><head><title>{0}</title></head><body><h2>{0}</h2></body></html>\r\n"
_EXCEPTION: Final = {
    "Message": "An error has occurred.",
    "ExceptionMessage": "Object reference not set to an instance of an object.",
    "ExceptionType": "System.NullReferenceException",
}
#: The sign of a deleted record: key, value if deleted, value otherwise.
_SIGNS: Final = {
    "inactive": ("active", "n", "y"),
    "listed_inactive": ("active", "n", "y"),
    "flagged": ("isDeleted", True, False),
    "listed_flagged": ("isDeleted", True, False),
}

#: The status of an answer, and its JSON value or other body.
Said = tuple[int, Any]


class Raw(NamedTuple):
    """A body that is not JSON."""

    body: bytes
    content_type: str = "application/json"


def web_page(title: str) -> Raw:
    """Return a web page, as from a server in front of the API."""
    return Raw(_PAGE.format(title).encode(), "text/html; charset=utf-8")


def not_there(dialect: Dialect, shape: Mapping[str, Any], id_key: str, asked: int) -> Said | None:
    """Return the answer for an id that does not exist; ``None`` for the default. ``shape`` is any record."""
    how = dialect["absence"]
    nulls = dict.fromkeys(shape)
    bodies: dict[str, Any] = {
        "null": None,
        "object": {},
        "array": [],
        "empty": Raw(b""),
        "text": "",
        "blank": Raw(b"  \r\n "),
        "html": web_page("Record not found"),
        "false": {"success": False, "message": "Record not found"},
        "message": {"Message": "No HTTP resource was found that matches the request."},
        "data_null": {"success": True, "data": None},
        "zero": {**nulls, id_key: 0},
        "nulls": {**nulls, id_key: asked},
        "500": _EXCEPTION,
        "302": Raw(b""),
    }
    if how == "204":
        return None
    if how.isdigit():
        return int(how), bodies.get(how, {"title": "Not found", "status": int(how)})
    return 200, bodies[how]


def instead(dialect: Dialect, entity: str, record_id: int, record: Any) -> Said | None:
    """Return what a by-id read answers instead of an existing record; ``None`` for the record."""
    refused = dialect["by_id_refused"]
    if refused != "none" and record_id % _REFUSED_EVERY == 0:
        bodies: dict[str, Any] = {"false": _TEMPORARY, "empty": Raw(b"")}
        return (int(refused), _EXCEPTION) if refused.isdigit() else (200, bodies[refused])
    how = dialect["by_id"]
    if how in ("record", "another") or dialect.count("by_id", entity) % _EVERY:
        return None
    said: dict[str, Said] = {
        "false": (200, _TEMPORARY),
        "object": (200, {}),
        "message": (200, {"Message": "An error has occurred."}),
        "id_only": (200, {"id": record_id}),
        "null": (200, None),
        "empty": (200, Raw(b"")),
        "html": (200, web_page("Service temporarily unavailable")),
        "not_there": (204, Raw(b"")),
        "blanked": (200, _blanked(record)),
    }
    return said[how]


def answers_another(dialect: Dialect, entity: str) -> bool:
    """Return true if this by-id read answers with another record."""
    return dialect["by_id"] == "another" and dialect.count("by_id", entity) % _EVERY == 0


def _blanked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: part if key.lower().endswith("id") else _blanked(part) for key, part in value.items()}
    if isinstance(value, list):
        return []
    return "" if isinstance(value, str) else value


def signed(dialect: Dialect, record: dict[str, Any], deleted_at: str | None) -> dict[str, Any]:
    """Return a record with the sign of its deletion. ``deleted_at`` is the time, or ``None``."""
    how = dialect["deletions"]
    gone = deleted_at is not None
    if how in _SIGNS:
        key, deleted, otherwise = _SIGNS[how]
        return {**record, key: deleted if gone else otherwise}
    if how == "dated":
        return {**record, "deletedDate": deleted_at}
    if how == "status" and gone:
        return {**record, "status": {"id": 99, "name": "Deleted"}}
    return record


def keeps_deleted(dialect: Dialect) -> bool:
    """Return true if a deleted record can be read by id."""
    return dialect["deletions"] not in ("gone", "listed_gone", "merged")


def lists_deleted(dialect: Dialect) -> bool:
    """Return true if a deleted record stays in the lists."""
    return dialect["deletions"].startswith("listed")
