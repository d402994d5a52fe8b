"""The operations of the API: one table for the routes of the service and the paths of the OpenAPI document.

A handler's annotations define its input and output: ``body`` and ``query`` are structs, and
``ApiResponse[…]`` names the struct of the response.
"""

import inspect
import typing
from collections.abc import Awaitable, Callable
from typing import Any

from msgspec import Struct

from bridge.api import account_handlers as a
from bridge.api import delivery_handlers as d
from bridge.api import endpoint_handlers as e
from bridge.api.calls import ApiResponse

Handler: typing.TypeAlias = Callable[..., Awaitable[ApiResponse[Any]]]

ENDPOINTS, ENDPOINT = "/v1/endpoints", "/v1/endpoints/{endpoint_id}"
ACCOUNT_PROFILE = "/v1/accounts/{account_id}/profile"
DELIVERIES, DELIVERY = "/v1/deliveries", "/v1/deliveries/{delivery_id}"
IDS = {"endpoint_id": "ep_", "delivery_id": "dl_"}
"""The path parameters that are ids, with their prefixes. Other path parameters are names that an operator
chose.
"""
NAME_PATTERN = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
"""The pattern of such a name, for example an account's id."""


class Operation(Struct, frozen=True, kw_only=True):
    """An operation of the API. ``conflicts``: it may return 409; ``keyed``: it supports ``Idempotency-Key``;
    ``bodiless``: the body is optional.
    """

    method: str
    path: str
    handler: Handler
    tag: str
    status: int = 200
    conflicts: bool = False
    keyed: bool = False
    bodiless: bool = False

    @property
    def name(self) -> str:
        """Return the operation id."""
        return self.handler.__name__

    @property
    def summary(self) -> str:
        """Return the first line of the handler's docstring."""
        return (inspect.getdoc(self.handler) or "").partition("\n")[0]

    @property
    def description(self) -> str:
        """Return the rest of the handler's docstring, one line per paragraph."""
        text = (inspect.getdoc(self.handler) or "").partition("\n\n")[2]
        return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))

    @property
    def body(self) -> type[Struct] | None:
        """Return the struct of the request body."""
        found: type[Struct] | None = typing.get_type_hints(self.handler).get("body")
        return found

    @property
    def query(self) -> type[Struct] | None:
        """Return the struct of the query string."""
        found: type[Struct] | None = typing.get_type_hints(self.handler).get("query")
        return found

    @property
    def answer(self) -> type[Struct] | None:
        """Return the struct of the response."""
        (found,) = typing.get_args(typing.get_type_hints(self.handler)["return"])
        return None if found is type(None) else found


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        method="POST",
        path=ENDPOINTS,
        handler=e.create_endpoint,
        tag="endpoints",
        status=201,
        conflicts=True,
        keyed=True,
    ),
    Operation(method="GET", path=ENDPOINTS, handler=e.list_endpoints, tag="endpoints"),
    Operation(method="GET", path=ENDPOINT, handler=e.get_endpoint, tag="endpoints"),
    Operation(method="PATCH", path=ENDPOINT, handler=e.change_endpoint, tag="endpoints"),
    Operation(method="DELETE", path=ENDPOINT, handler=e.delete_endpoint, tag="endpoints", status=204),
    Operation(
        method="POST",
        path=f"{ENDPOINT}/rotate-secret",
        handler=e.rotate_secret,
        tag="endpoints",
        conflicts=True,
        bodiless=True,
    ),
    Operation(method="POST", path=f"{ENDPOINT}/enable", handler=e.enable_endpoint, tag="endpoints"),
    Operation(method="POST", path=f"{ENDPOINT}/disable", handler=e.disable_endpoint, tag="endpoints"),
    Operation(
        method="POST",
        path=f"{ENDPOINT}/test",
        handler=d.test_endpoint,
        tag="endpoints",
        status=202,
        conflicts=True,
    ),
    Operation(
        method="POST",
        path=f"{ENDPOINT}/recoveries",
        handler=d.recover_endpoint,
        tag="deliveries",
        status=202,
    ),
    Operation(method="GET", path=f"{ENDPOINT}/recoveries", handler=d.list_recoveries, tag="deliveries"),
    Operation(method="GET", path=DELIVERIES, handler=d.list_deliveries, tag="deliveries"),
    Operation(method="GET", path=DELIVERY, handler=d.get_delivery, tag="deliveries"),
    Operation(
        method="POST", path=f"{DELIVERY}/resend", handler=d.resend_delivery, tag="deliveries", status=202
    ),
    Operation(method="GET", path=ACCOUNT_PROFILE, handler=a.get_profile, tag="accounts"),
)
