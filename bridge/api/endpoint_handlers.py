"""What can be done with endpoints. Each function is an operation of the API: its annotations make its part of
the OpenAPI document, its docstring the text there.
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
    Meta(pattern="^[A-Za-z0-9_=-]+$(?!\\n)", max_length=300, description="`next_cursor` of the page before."),
]
Limit = Annotated[int, Meta(ge=1, le=200, description="How many, at most.")]


class EndpointQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which endpoints to list."""

    owner: Owner | None = None
    cursor: CursorParameter | None = None
    limit: Limit = 50


async def create_endpoint(call: ApiCall, body: NewEndpoint) -> ApiResponse[EndpointWithSecrets]:
    """Create an endpoint

    The answer holds its secrets, this once. With an `Idempotency-Key` the same request may be sent again,
    for a day: it creates one endpoint and gets the same answer.
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

    Oldest first. A token that is bound to an owner sees those of its owner.
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
    """Look at an endpoint"""
    return ApiResponse(value=await owned(call))


async def change_endpoint(call: ApiCall, body: EndpointChange) -> ApiResponse[EndpointWithSecrets]:
    """Change an endpoint

    What is left out stays as it is. Another `signature` makes the secrets that it needs, which are shown this
    once; the old ones sign along for a day.
    """
    before = await owned(call)
    _check(call, endpoint_rules.changed_endpoint(before, body))
    async with call.parts.db.transaction() as tx:
        found = await endpoints.patch(tx, call.parts.sealer, before.id, body)
    return _with_secrets(found)


async def delete_endpoint(call: ApiCall) -> ApiResponse[None]:
    """Delete an endpoint

    What is pending to it is not delivered any more.
    """
    endpoint = await owned(call)
    async with call.parts.db.transaction() as tx:
        if not await endpoints.remove_endpoint(tx, endpoint.id):
            raise errors.not_found("endpoint")
    return ApiResponse(value=None)


async def rotate_secret(call: ApiCall, body: Rotation) -> ApiResponse[EndpointWithSecrets]:
    """Exchange an endpoint's secrets

    The new ones are shown this once. Until the overlap ends, deliveries are signed with both, so that
    receivers can be changed in between. With 0 the old ones end at once: for a secret that leaked.
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

    Events from now on are delivered. A recovery brings what was missed meanwhile.
    """
    endpoint = await owned(call)
    await endpoints.mark_enabled(call.parts.db, endpoint.id)
    return ApiResponse(value=await owned(call))


async def disable_endpoint(call: ApiCall) -> ApiResponse[Endpoint]:
    """Disable an endpoint

    Nothing is delivered to it until it is enabled.
    """
    endpoint = await owned(call)
    await endpoints.mark_disabled(call.parts.db, endpoint.id, endpoints.BY_A_PERSON)
    return ApiResponse(value=await owned(call))


async def owned(call: ApiCall) -> Endpoint:
    """The endpoint of the path. Raises ``Refused`` with 404 where the caller sees none."""
    found = await endpoints.get(call.parts.db, call.path["endpoint_id"], call.owner)
    if found is None:
        raise errors.not_found("endpoint")
    return found


def show_secrets(secrets: list[SigningSecret]) -> tuple[ShownSecret, ...]:
    """What receivers need of new secrets: of a ``v1a`` key its public half."""
    return tuple(ShownSecret(kind=one.kind, secret=one.public_key or one.secret) for one in secrets)


def _owner(call: ApiCall, new: NewEndpoint) -> str:
    if call.owner is not None and new.owner not in (None, call.owner):
        raise errors.RequestRefused(403, f"this token makes endpoints of {call.owner} alone; leave owner out")
    owner = call.owner or new.owner
    if owner is None:
        raise errors.invalid([FieldFault(field="owner", detail="say whose endpoint it is")])
    return owner


def _check(call: ApiCall, wanted: endpoint_rules.RequestedEndpoint) -> None:
    faults = endpoint_rules.faults(wanted, call.parts.judge, call.parts.integrations)
    if faults:
        raise errors.invalid(faults)


async def _still_there(tx: Tx, answer: bytes) -> EndpointWithSecrets:
    """What was answered before. Raises ``Refused`` with 409 where the endpoint is gone since."""
    made = msgspec.json.decode(answer, type=EndpointWithSecrets)
    if await endpoints.get(tx, made.endpoint.id) is None:
        raise errors.conflict(
            "the endpoint that was created under this Idempotency-Key has been deleted since; take a new key "
            "to create another"
        )
    return made


def _created(made: EndpointWithSecrets) -> ApiResponse[EndpointWithSecrets]:
    return ApiResponse(value=made, location=f"/v1/endpoints/{made.endpoint.id}")


def _with_secrets(found: tuple[Endpoint, list[SigningSecret]] | None) -> ApiResponse[EndpointWithSecrets]:
    if found is None:
        raise errors.not_found("endpoint")
    return ApiResponse(value=EndpointWithSecrets(endpoint=found[0], secrets=show_secrets(found[1])))
