"""Requests, replies, and the routes from paths to handlers."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from bridge.simulator import jsontext
from bridge.simulator.dialects.absence import Raw, Said
from bridge.simulator.faults import Fault

if TYPE_CHECKING:
    from bridge.simulator.site import Site


class SimulatedCall(Struct, frozen=True, kw_only=True):
    """A request. ``ids`` are the numbers in its path, ``fault`` the planned fault."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    ids: tuple[int, ...] = ()
    fault: Fault | None = None

    def json(self) -> Any:
        """Decode the body. Raises Invalid if it is not JSON."""
        try:
            return jsontext.decode_json(self.body)
        except ValueError as error:
            raise Invalid("the body is not JSON") from error

    def object(self) -> dict[str, Any]:
        """Return the body's JSON object, empty without a body. Raises Invalid."""
        value = self.json() if self.body.strip() else {}
        if not isinstance(value, dict):
            raise Invalid("the body must be a JSON object")
        return value


class Reply(Struct, frozen=True, kw_only=True):
    """An answer. Its body is JSON, unless ``content_type`` says otherwise."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = {}
    content_type: str = ""


class Invalid(Exception):
    """An invalid request: 400."""


Handler = Callable[["Site", SimulatedCall], Awaitable[Reply]]


def json_reply(value: Any, status: int = 200) -> Reply:
    """Return a reply with ``value`` as JSON."""
    return Reply(status=status, body=jsontext.encode(value))


def said(answer: Said, headers: Mapping[str, str] | None = None) -> Reply:
    """Return a dialect's answer: a status with a JSON value or with bytes."""
    status, value = answer
    if isinstance(value, Raw):
        return Reply(status=status, body=value.body, headers=headers or {}, content_type=value.content_type)
    return Reply(status=status, body=jsontext.encode(value), headers=headers or {})


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Reply:
    """Return an error reply. Its body is assumed (ASP.NET's problem details): no real one was seen."""
    body = jsontext.encode({"title": detail, "status": status})
    return Reply(status=status, body=body, headers=headers or {})


class Route(Struct, frozen=True, kw_only=True):
    """A path with its methods' handler; tells if it needs a JWT, and if the empty-body quirk applies."""

    method: str
    pattern: str
    handler: Handler
    open: bool = False
    read: bool = False


class Router:
    """Finds routes by path; ``{id}`` in a pattern matches a whole number."""

    def __init__(self, routes: list[Route]) -> None:
        self._routes = [
            (route, re.compile(_regex(route.pattern)), re.compile(_regex(route.pattern), re.I))
            for route in routes
        ]

    def find(self, method: str, path: str, any_case: bool) -> tuple[Route | None, tuple[int, ...], list[str]]:
        """Return the route or ``None``, the numbers in the path, and the methods of the path."""
        methods: list[str] = []
        for route, exact, loose in self._routes:
            match = (loose if any_case else exact).fullmatch(path)
            if match is None:
                continue
            if route.method == method:
                return route, tuple(int(number) for number in match.groups()), []
            methods.append(route.method)
        return None, (), methods


def _regex(pattern: str) -> str:
    return re.escape(pattern).replace(r"\{id\}", r"(\d{1,9})") + "/?"
