"""Handlers for endpoints. Each function is an operation of the API: its annotations and its docstring make
its part of the OpenAPI document.
"""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct
from trackerrms_contracts import codec
from trackerrms_contracts.webhooks import (
    Endpoint,
    EndpointChange,
    EndpointPage,
    EndpointWithSecrets,
    FieldFault,
    NewEndpoint,
    Owner,
    Rotation,
    ShownSecret,
)

from bridge.api import cursors, endpoint_rules, errors, request_bodies
from bridge.api.calls import ApiCall, ApiResponse
from bridge.clock import utc_now
from bridge.store import endpoints, idempotent_answers, recoveries
from bridge.store.database import Tx
from bridge.store.signing_secrets import SigningSecret

CursorParameter = Annotated[
    str,
    Meta(
        pattern="^[A-Za-z0-9_=-]+$(?!\\n)", max_length=300, description="`next_cursor` of the previous page."
    ),
]
Limit = Annotated[int, Meta(ge=1, le=200, description="The maximum number of items to return.")]


class EndpointQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Filters for listing endpoints."""

    owner: Owner | None = None
    cursor: CursorParameter | None = None
    limit: Limit = 50


async def create_endpoint(call: ApiCall, body: NewEndpoint) -> ApiResponse[EndpointWithSecrets]:
    """Create an endpoint

    Returns the endpoint's secrets, which are shown only once. A request with an `Idempotency-Key` can be
    repeated for one day: it creates one endpoint and returns the same response.
    """
    owner = _owner(call, body)
    _check(call, endpoint_rules.new_endpoint(body))
    since = body.deliver_since and request_bodies.moment("deliver_since", body.deliver_since)
    async with call.parts.db.transaction() as tx:
        key = call.idempotency_key
        if key is not None:
            before = await idempotent_answers.begin_request(
                tx, call.parts.sealer, call.token.id, key, call.raw
            )
            if before is not None:
                return _created(await _still_there(tx, before))
        endpoint, secrets = await endpoints.insert_endpoint(tx, call.parts.sealer, body, owner)
        if since is not None:
            await recoveries.request_recovery(tx, endpoint.id, since, utc_now())
        made = EndpointWithSecrets(endpoint=endpoint, secrets=show_secrets(secrets))
        if key is not None:
            answer = codec.encode(made)
            await idempotent_answers.finish_request(tx, call.parts.sealer, call.token.id, key, answer)
    return _created(made)


async def list_endpoints(call: ApiCall, query: EndpointQuery) -> ApiResponse[EndpointPage]:
    """List endpoints

    Ordered oldest first. A token that is bound to an owner sees only that owner's endpoints.
    """
    if call.owner is not None and query.owner not in (None, call.owner):
        return ApiResponse(value=EndpointPage(items=()))
    page = await endpoints.list_(
        call.parts.db, call.owner or query.owner, cursors.decode_cursor(query.cursor), query.limit
    )
    return ApiResponse(
        value=EndpointPage(items=tuple(page.items), next_cursor=cursors.encode_cursor(page.next_after))
    )


async def get_endpoint(call: ApiCall) -> ApiResponse[Endpoint]:
    """Get an endpoint"""
    return ApiResponse(value=await owned(call))


async def change_endpoint(call: ApiCall, body: EndpointChange) -> ApiResponse[EndpointWithSecrets]:
    """Change an endpoint

    Omitted fields keep their values. Changing `signature` creates the secrets that it needs and returns them
    once; deliveries are signed with the old ones too for one day.
    """
    before = await owned(call)
    _check(call, endpoint_rules.changed_endpoint(before, body))
    async with call.parts.db.transaction() as tx:
        found = await endpoints.patch(tx, call.parts.sealer, before.id, body)
    return _with_secrets(found)


async def delete_endpoint(call: ApiCall) -> ApiResponse[None]:
    """Delete an endpoint

    Pending deliveries are dropped.
    """
    endpoint = await owned(call)
    async with call.parts.db.transaction() as tx:
        if not await endpoints.remove_endpoint(tx, endpoint.id):
            raise errors.not_found("endpoint")
    return ApiResponse(value=None)


async def rotate_secret(call: ApiCall, body: Rotation) -> ApiResponse[EndpointWithSecrets]:
    """Rotate an endpoint's secrets

    Returns the new secrets, which are shown only once. Deliveries are signed with both the old and the new
    ones until the overlap ends, so that receivers can be updated in between. With an overlap of 0 the old
    secrets stop at once: use this for a secret that leaked.
    """
    endpoint = await owned(call)
    try:
        async with call.parts.db.transaction() as tx:
            found = await endpoints.replace_secrets(tx, call.parts.sealer, endpoint.id, body.overlap_seconds)
    except endpoints.TooManySecrets as reason:
        raise errors.conflict(str(reason)) from None
    return _with_secrets(found)


async def enable_endpoint(call: ApiCall) -> ApiResponse[Endpoint]:
    """Enable an endpoint

    Delivers events from now on. Start a recovery to deliver the events missed while it was disabled.
    """
    endpoint = await owned(call)
    await endpoints.mark_enabled(call.parts.db, endpoint.id)
    return ApiResponse(value=await owned(call))


async def disable_endpoint(call: ApiCall) -> ApiResponse[Endpoint]:
    """Disable an endpoint

    Stops all deliveries until the endpoint is enabled.
    """
    endpoint = await owned(call)
    await endpoints.mark_disabled(call.parts.db, endpoint.id, endpoints.BY_A_PERSON)
    return ApiResponse(value=await owned(call))


async def owned(call: ApiCall) -> Endpoint:
    """Return the endpoint of the path. Raises ``RequestRefused`` with 404 if the caller may not see it."""
    found = await endpoints.get(call.parts.db, call.path["endpoint_id"], call.owner)
    if found is None:
        raise errors.not_found("endpoint")
    return found


def show_secrets(secrets: list[SigningSecret]) -> tuple[ShownSecret, ...]:
    """Return the part of new secrets that receivers need: for a ``v1a`` key, the public half."""
    return tuple(ShownSecret(kind=one.kind, secret=one.public_key or one.secret) for one in secrets)


def _owner(call: ApiCall, new: NewEndpoint) -> str:
    if call.owner is not None and new.owner not in (None, call.owner):
        raise errors.RequestRefused(
            403, f"this token creates endpoints only for owner {call.owner}; leave owner out"
        )
    owner = call.owner or new.owner
    if owner is None:
        raise errors.invalid([FieldFault(field="owner", detail="required: name the owner of the endpoint")])
    return owner


def _check(call: ApiCall, wanted: endpoint_rules.RequestedEndpoint) -> None:
    faults = endpoint_rules.faults(wanted, call.parts.judge, call.parts.integrations)
    if faults:
        raise errors.invalid(faults)


async def _still_there(tx: Tx, answer: bytes) -> EndpointWithSecrets:
    """Return the earlier response. Raises ``RequestRefused`` with 409 if the endpoint was deleted since."""
    made = msgspec.json.decode(answer, type=EndpointWithSecrets)
    if await endpoints.get(tx, made.endpoint.id) is None:
        raise errors.conflict(
            "the endpoint created with this Idempotency-Key has been deleted; use a new key to create another"
        )
    return made


def _created(made: EndpointWithSecrets) -> ApiResponse[EndpointWithSecrets]:
    return ApiResponse(value=made, location=f"/v1/endpoints/{made.endpoint.id}")


def _with_secrets(found: tuple[Endpoint, list[SigningSecret]] | None) -> ApiResponse[EndpointWithSecrets]:
    if found is None:
        raise errors.not_found("endpoint")
    return ApiResponse(value=EndpointWithSecrets(endpoint=found[0], secrets=show_secrets(found[1])))
