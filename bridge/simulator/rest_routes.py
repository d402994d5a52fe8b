"""Reading endpoints: tokens, searches, records by id, metadata, webhook registration."""

from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit

from bridge.simulator import pools, search
from bridge.simulator.dialects import absence, paths, statuses, tokens
from bridge.simulator.dialects.values import with_ids
from bridge.simulator.routing import Invalid, Reply, Route, SimulatedCall, json_reply, problem, said
from bridge.simulator.site import Site
from bridge.simulator.tokens import OldJwts
from bridge.simulator.webhooks import ACTIONS, RECORD_TYPES


async def exchange_token(site: Site, call: SimulatedCall) -> Reply:
    """Exchange a bearer token for a JWT with its expiration (seen); 401 for any other token."""
    dialect = site.dialect
    bearer = tokens.bearer_given(dialect, call.object(), call.headers.get("Authorization", ""))
    issued = site.tokens.exchange(bearer, _old_jwts(site))
    if issued is None:
        refused = tokens.refuse_exchange(dialect)
        return problem(401, "Unauthorized") if refused is None else said(refused)
    jwt, expires_at = issued
    now = site.world.clock()
    return said(tokens.issued(dialect, jwt, expires_at, now, site.world.local.digits(expires_at)))


def _old_jwts(site: Site) -> OldJwts:
    """Return what happens to the earlier JWT: the quirk or the dialect may keep it."""
    how = site.dialect["old_jwts"]
    if how == "same":
        return "same"
    return "ended" if how == "ended" and site.quirks["one_live_jwt"] else "kept"


async def refresh_token(site: Site, call: SimulatedCall) -> Reply:
    """Exchange an OAuth2 refresh token, form-encoded; it rotates. Error bodies are assumed."""
    form = {key: values[0] for key, values in parse_qs(call.body.decode("utf-8", "replace")).items()}
    if form.get("grant_type") != "refresh_token":
        return json_reply({"error": "unsupported_grant_type"}, 400)
    given = (form.get(key, "") for key in ("client_id", "client_secret", "refresh_token"))
    issued = site.tokens.refresh(*given)
    if issued is None:
        return json_reply({"error": "invalid_grant"}, 400)
    access, successor = issued
    life = int(site.options.access_token_seconds)
    return json_reply(
        {"access_token": access, "token_type": "bearer", "expires_in": life, "refresh_token": successor}
    )


async def answer_by_id(site: Site, call: SimulatedCall, entity: str) -> Reply:
    """Return one record, live."""
    record_id = call.ids[0]
    record = site.world.live[entity].get(record_id)
    if site.dialect.plain:
        return (
            answer_unknown_id(site)
            if record is None
            else json_reply(site.speech.record(entity, record_id, record))
        )
    if record is None and absence.keeps_deleted(site.dialect):
        record = site.world.deleted_record(entity, record_id)
    if record is None:
        return _not_there(site, entity, record_id)
    if entity == "resource" and site.dialect["saves"] == "views_too" and record_id in site.world.live[entity]:
        record = site.world.live[entity].get(site.world.change("update", entity, record_id)) or record
    if absence.answers_another(site.dialect, entity):
        return json_reply(_another(site, entity, record_id))
    shown = site.speech.record(entity, record_id, record)
    instead = absence.instead(site.dialect, entity, record_id, shown)
    return json_reply(shown) if instead is None else said(instead)


def _not_there(site: Site, entity: str, record_id: int) -> Reply:
    """Return the answer for an id that does not exist, or that another record has taken over."""
    if site.dialect["deletions"] == "merged" and (entity, record_id) in site.world.deleted():
        return json_reply(_another(site, entity, record_id))
    answer = absence.not_there(site.dialect, _any_record(site, entity), "id", record_id)
    if answer is None:
        return answer_unknown_id(site)
    return said(answer, {"Location": "/Error.aspx?code=404"} if answer[0] == 302 else {})


def _any_record(site: Site, entity: str) -> dict[str, Any]:
    """Return a record of this kind as in a by-id read; empty if there is none."""
    shown = _another(site, entity, 0)
    return shown if isinstance(shown, dict) else {}


def _another(site: Site, entity: str, record_id: int) -> Any:
    """Return the next record, or the first, as in a by-id read; ``None`` if there is none."""
    ids = site.world.live[entity].ids()
    other = next((n for n in ids if n > record_id), ids[0] if ids else None)
    record = None if other is None else site.world.live[entity].get(other)
    return None if other is None or record is None else site.speech.record(entity, other, record)


def answer_unknown_id(site: Site) -> Reply:
    """Return the answer for an unknown id."""
    return Reply(status=204) if site.quirks["no_content_for_unknown"] else problem(404, "Not Found")


async def metadata(site: Site, call: SimulatedCall) -> Reply:
    """Return the placement statuses in order: the key was seen, path and form are guesses. Always live."""
    shown = [
        site.speech.status(number, one)
        for number, one in statuses.shown_statuses(site.dialect, site.world.statuses)
    ]
    jobs = [
        {"id": n, "name": name, "state": state} for n, (name, state) in pools.OPPORTUNITY_STATUSES.items()
    ]
    others: dict[str, Any] = {"opportunityStatuses": jobs}
    if site.dialect["users_path"] == "metadata":
        others["users"] = search.every_user(site)
    return json_reply(with_ids(site.dialect, statuses.status_answer(site.dialect, shown, others)))


async def skills(site: Site, call: SimulatedCall) -> Reply:
    """Return the skills of an area; every area has the same list, and paging is ignored."""
    return json_reply({"skills": [{"skillId": n, "skillName": name} for n, name in site.world.pools.skills]})


async def add_webhook(site: Site, call: SimulatedCall) -> Reply:
    """Register one action on one type of record; the reply is assumed."""
    body = call.object()
    url, action, record_type = body.get("url"), body.get("action"), body.get("recordType")
    if not isinstance(url, str) or not urlsplit(url).hostname:
        raise Invalid("url must be a URL")
    if action not in ACTIONS or record_type not in RECORD_TYPES.values():
        raise Invalid("unknown action or recordType")
    return json_reply(
        {"id": site.webhooks.register(url, str(action), str(record_type)), "success": True}, 201
    )


async def list_webhooks(site: Site, call: SimulatedCall) -> Reply:
    """Return the registrations."""
    return json_reply(site.webhooks.registered)


async def webhook_actions(site: Site, call: SimulatedCall) -> Reply:
    """Return the known actions; the form is assumed."""
    return json_reply(list(ACTIONS))


_PATHS = {
    "opportunity": "/api/v1/Opportunity",
    "resource": "/api/v1/Resource",
    "opportunity_resource": "/api/v1/OpportunityResource",
    "user": "/api/v1/User",
}


def read_routes() -> list[Route]:
    """Return the table of reading endpoints."""
    found: list[Route] = [
        Route(method="POST", pattern="/api/Auth/ExchangeToken", handler=exchange_token, open=True),
        Route(method="POST", pattern="/oAuth2/Token", handler=refresh_token, open=True),
        Route(method="GET", pattern="/api/v1/MetaData", handler=metadata, read=True),
        Route(method="GET", pattern="/api/v1/MetaData/Skills/Areas/{id}/Skills", handler=skills, read=True),
        Route(method="POST", pattern="/api/v1/Webhook", handler=add_webhook),
        Route(method="GET", pattern="/api/v1/Webhook/List", handler=list_webhooks),
        Route(method="GET", pattern="/api/v1/Webhook/Meta/Actions", handler=webhook_actions),
        Route(method="GET", pattern=paths.USERS_ARRAY, handler=partial(search.all_users, under=None)),
        Route(method="GET", pattern=paths.USERS_OBJECT, handler=partial(search.all_users, under="users")),
    ]
    for entity, path in _PATHS.items():
        for name, handler in (("Search", search.bare), ("PagedSearch", search.paged)):
            bound: Any = partial(handler, entity=entity)
            found.append(Route(method="POST", pattern=f"{path}/{name}", handler=bound, read=True))
        if entity != "user":  # no by-id read of users is known
            found.append(
                Route(
                    method="GET",
                    pattern=path + "/{id}",
                    handler=partial(answer_by_id, entity=entity),
                    read=True,
                )
            )
    return found
