"""Reading endpoints: tokens, searches, records by id, metadata, webhook registration."""

from datetime import UTC
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

from bridge.simulator import pools, search
from bridge.simulator.routing import Call, Invalid, Reply, Route, problem, reply
from bridge.simulator.site import Site
from bridge.simulator.webhooks import ACTIONS, RECORD_TYPES


async def exchange_token(site: Site, call: Call) -> Reply:
    """Seen: bearer token in, JWT and its expiration out; 401 for any other token."""
    issued = site.tokens.exchange(call.object().get("bearerToken"), site.quirks["one_live_jwt"])
    if issued is None:
        return problem(401, "Unauthorized")
    jwt, expires_at = issued
    return reply({"token": jwt, "expiration": expires_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")})


async def refresh_token(site: Site, call: Call) -> Reply:
    """OAuth2 on the older host: form-encoded; the refresh token rotates. Error bodies are assumed."""
    form = {key: values[0] for key, values in parse_qs(call.body.decode("utf-8", "replace")).items()}
    if form.get("grant_type") != "refresh_token":
        return reply({"error": "unsupported_grant_type"}, 400)
    given = (form.get(key, "") for key in ("client_id", "client_secret", "refresh_token"))
    issued = site.tokens.refresh(*given)
    if issued is None:
        return reply({"error": "invalid_grant"}, 400)
    access, successor = issued
    life = int(site.options.access_token_seconds)
    return reply(
        {"access_token": access, "token_type": "bearer", "expires_in": life, "refresh_token": successor}
    )


async def by_id(site: Site, call: Call, entity: str) -> Reply:
    """One record, live."""
    record = site.world.live[entity].get(call.ids[0])
    return unknown(site) if record is None else reply(site.shapes.detail(entity, call.ids[0], record))


def unknown(site: Site) -> Reply:
    """The answer for an id that isn't there."""
    return Reply(status=204) if site.quirks["no_content_for_unknown"] else problem(404, "Not Found")


async def metadata(site: Site, call: Call) -> Reply:
    """Placement statuses in order: the key was seen, path and shape are guesses. Always live."""
    statuses = [{"id": n, "name": s["name"], "group": s["group"]} for n, s in site.world.statuses.items()]
    jobs = [
        {"id": n, "name": name, "state": state} for n, (name, state) in pools.OPPORTUNITY_STATUSES.items()
    ]
    return reply({"opportunityResourceStatuses": statuses, "opportunityStatuses": jobs})


async def skills(site: Site, call: Call) -> Reply:
    """Skills of an area; one area's list is every area's here, and paging is ignored."""
    return reply({"skills": [{"skillId": n, "skillName": name} for n, name in site.world.pools.skills]})


async def add_webhook(site: Site, call: Call) -> Reply:
    """One action on one type of record for each registration; the reply is assumed."""
    body = call.object()
    url, action, record_type = body.get("url"), body.get("action"), body.get("recordType")
    if not isinstance(url, str) or not urlsplit(url).hostname:
        raise Invalid("url must be an address")
    if action not in ACTIONS or record_type not in RECORD_TYPES.values():
        raise Invalid("unknown action or recordType")
    return reply({"id": site.webhooks.register(url, str(action), str(record_type)), "success": True}, 201)


async def list_webhooks(site: Site, call: Call) -> Reply:
    """What is registered."""
    return reply(site.webhooks.registered)


async def webhook_actions(site: Site, call: Call) -> Reply:
    """The actions there are; the shape is assumed."""
    return reply(list(ACTIONS))


_PATHS = {
    "opportunity": "/api/v1/Opportunity",
    "resource": "/api/v1/Resource",
    "opportunity_resource": "/api/v1/OpportunityResource",
    "user": "/api/v1/User",
}


def routes() -> list[Route]:
    """The table of reading endpoints."""
    found: list[Route] = [
        Route(method="POST", pattern="/api/Auth/ExchangeToken", handler=exchange_token, open=True),
        Route(method="POST", pattern="/oAuth2/Token", handler=refresh_token, open=True),
        Route(method="GET", pattern="/api/v1/MetaData", handler=metadata, read=True),
        Route(method="GET", pattern="/api/v1/MetaData/Skills/Areas/{id}/Skills", handler=skills, read=True),
        Route(method="POST", pattern="/api/v1/Webhook", handler=add_webhook),
        Route(method="GET", pattern="/api/v1/Webhook/List", handler=list_webhooks),
        Route(method="GET", pattern="/api/v1/Webhook/Meta/Actions", handler=webhook_actions),
    ]
    for entity, path in _PATHS.items():
        for name, handler in (("Search", search.bare), ("PagedSearch", search.paged)):
            bound: Any = partial(handler, entity=entity)
            found.append(Route(method="POST", pattern=f"{path}/{name}", handler=bound, read=True))
        if entity != "user":  # no by-id read of users is known
            found.append(
                Route(method="GET", pattern=path + "/{id}", handler=partial(by_id, entity=entity), read=True)
            )
    return found
