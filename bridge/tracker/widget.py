"""The envelope of the older widget API: its form, the credentials inside it, and its reply. Pure.

Source: the vendor's lessons 355 (credentials, reply) and 1124. Errors are in the body of an HTTP 200, as a
status: 0 success, 1 user not found, 2 user not active, 3 a record that may not be overwritten, 99 invalid.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from bridge.config import IntegrationConfig, Secret
from bridge.tracker import answers, pages, server_words, write_answer
from bridge.tracker.errors import AlreadyThere, BadJson, NoCredentials, Refused, Unreadable
from bridge.tracker.http import HttpResponse

_DONE = (200, 201, 202, 204)
_NO_USER = (1, 2)
_EXISTS = 3
_DEEPEST = 2
_OUTER = "trackerrms"
Credentials = Mapping[str, Secret]
"""The names inside ``credentials`` with their values."""


class WidgetReply(Struct, frozen=True, kw_only=True):
    """The reply to an accepted call: call and answer in words, and the decoded object."""

    said: str
    fields: Mapping[str, Any]


def credentials(config: IntegrationConfig) -> Credentials:
    """Return the credentials for the body; empty if the Authorization header must suffice.

    The API key has precedence. For some functions the vendor also requires user and password.
    """
    found: dict[str, Secret] = {}
    if config.api_key:
        found["apikey"] = config.api_key
    if config.username and config.password:
        found["username"] = Secret(config.username)
        found["password"] = config.password
    return found


def wrap_in_envelope(path: str, inner: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``{"trackerrms": {"<function>": inner}}``. The function is the path's last part."""
    return {_OUTER: {path.rpartition("/")[2]: dict(inner)}}


def with_credentials(data: Any, given: Credentials) -> Any | None:
    """Return ``data`` with the credentials in its envelope; ``None`` without credentials or envelope."""
    outer = data.get(_OUTER) if isinstance(data, Mapping) else None
    if not given or not isinstance(outer, Mapping) or not outer:
        return None
    if not all(isinstance(inner, Mapping) for inner in outer.values()):
        return None
    shown = {name: value.reveal() for name, value in given.items()}
    return {**data, _OUTER: {name: {**inner, "credentials": shown} for name, inner in outer.items()}}


def read_widget_reply(
    name: str, answer: HttpResponse, where: str, cure: str, action: str | None = None, sent: Any = None
) -> WidgetReply:
    """Return the reply to a call that was accepted.

    ``name`` is the call, ``where`` the host, ``cure`` what to set if the call is wrong, ``action`` the action
    that REST could carry out instead, ``sent`` the body of the call. Raises ``NoCredentials``,
    ``AlreadyThere``, ``Refused`` (with a ``status`` of 500 or more the effect is unknown) or ``Unreadable``
    (the effect is unknown).
    """
    said = f"{name} {answers.describe_answer(answer)}"
    if answer.status == 401:
        raise NoCredentials(_advice(said, where, action))
    if answer.status not in _DONE:
        raise write_answer.write_refusal(said, answer, sent, cure)
    fields = _with_status(_object(said, answer, cure))
    status = None if fields is None else _status(fields)
    if fields is None or status is None:
        raise Unreadable(f"{said}, without a status in its body; {cure}")
    said = f"{name} answered status {status}"
    if status in _NO_USER:
        raise NoCredentials(_advice(said, where, action))
    if status == _EXISTS:
        raise AlreadyThere(f"{said}: the record already exists")
    if status != 0:
        raise Refused(said + server_words.quote_server_words(answer, sent), 400)
    return WidgetReply(said=said, fields=fields)


def _with_status(found: Any, depth: int = 0) -> dict[str, Any] | None:
    """Return the object that has the status: the answer or one inside it, which may be JSON in a string."""
    if isinstance(found, str) and found.lstrip().startswith("{"):
        try:
            found = pages.decode_leniently(found.encode())
        except Unreadable:
            return None
    if not isinstance(found, dict):
        return None
    if _status(found) is not None:
        return found
    inner = [_with_status(value, depth + 1) for value in found.values()] if depth < _DEEPEST else []
    known = [one for one in inner if one is not None]
    return known[0] if len(known) == 1 else None


def _status(fields: Mapping[str, Any]) -> int | None:
    status = next((value for key, value in fields.items() if key.casefold() == "status"), None)
    if isinstance(status, str) and status.strip().isdecimal():
        return int(status)
    return status if isinstance(status, int) and not isinstance(status, bool) else None


def _advice(said: str, where: str, action: str | None) -> str:
    instead = f', or set actions.{action} = "rest"' if action else ""
    return (
        f"{said} at {where}: the user of the credentials is unknown to the widget API or not active; give "
        "the integration api_key, or username and password, or oauth_client_secret and "
        f"oauth_refresh_token{instead}"
    )


def _object(said: str, answer: HttpResponse, cure: str) -> dict[str, Any]:
    if answers.is_page(answer):
        raise BadJson(f"{said}: {cure}")
    try:
        found = pages.decode_leniently(answer.utf8) if answer.body.strip() else None
    except Unreadable as error:
        raise type(error)(f"{said}: {error}; {cure}") from None
    if not isinstance(found, dict):
        raise Unreadable(f"{said} {write_answer.describe_write(answer)}, expected an object; {cure}")
    return found
