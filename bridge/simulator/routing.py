"""Requests, replies, and which handler answers which path."""

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
    """One request: ``ids`` are the numbers in its path, ``fault`` what shall go wrong."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    ids: tuple[int, ...] = ()
    fault: Fault | None = None

    def json(self) -> Any:
        """The body's value; raises Invalid when it is no JSON."""
        try:
            return jsontext.decode_json(self.body)
        except ValueError as error:
            raise Invalid("the body is not JSON") from error

    def object(self) -> dict[str, Any]:
        """The body's JSON object, empty when there is no body; raises Invalid."""
        value = self.json() if self.body.strip() else {}
        if not isinstance(value, dict):
            raise Invalid("the body must be a JSON object")
        return value


class Reply(Struct, frozen=True, kw_only=True):
    """One answer. Its body is JSON, unless ``content_type`` says otherwise."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = {}
    content_type: str = ""


class Invalid(Exception):
    """The request can't be understood: 400."""


Handler = Callable[["Site", SimulatedCall], Awaitable[Reply]]


def json_reply(value: Any, status: int = 200) -> Reply:
    """``value`` as JSON."""
    return Reply(status=status, body=jsontext.encode(value))


def said(answer: Said, headers: Mapping[str, str] | None = None) -> Reply:
    """What a dialect says: a status with a JSON value or with bytes."""
    status, value = answer
    if isinstance(value, Raw):
        return Reply(status=status, body=value.body, headers=headers or {}, content_type=value.content_type)
    return Reply(status=status, body=jsontext.encode(value), headers=headers or {})


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Reply:
    """An error. Its body is assumed (ASP.NET's problem details): no real one was seen."""
    body = jsontext.encode({"title": detail, "status": status})
    return Reply(status=status, body=body, headers=headers or {})


class Route(Struct, frozen=True, kw_only=True):
    """A path, its methods' handler, and whether a JWT is needed or the empty-body quirk may strike."""

    method: str
    pattern: str
    handler: Handler
    open: bool = False
    read: bool = False


class Router:
    """Finds routes by path; ``{id}`` in a pattern stands for a whole number."""

    def __init__(self, routes: list[Route]) -> None:
        self._routes = [
            (route, re.compile(_regex(route.pattern)), re.compile(_regex(route.pattern), re.I))
            for route in routes
        ]

    def find(self, method: str, path: str, any_case: bool) -> tuple[Route | None, tuple[int, ...], list[str]]:
        """(the route or ``None``, numbers in the path, methods that the path has)."""
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
