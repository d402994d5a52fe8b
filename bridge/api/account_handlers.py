"""Handlers for accounts. Each is an operation of the API, as in ``endpoint_handlers``."""

from trackerrms_contracts.profiles import AccountProfile

from bridge.api import errors
from bridge.api.calls import ApiCall, ApiResponse
from bridge.store import profiles


async def get_profile(call: ApiCall) -> ApiResponse[AccountProfile]:
    """Get an account's profile

    Returns what the bridge found out about the account's API, with the evidence for each finding: what is as
    assumed, what was adopted, and what the operator must decide. Requires a token that is not bound to an
    owner.
    """
    account = call.path["account_id"]
    if call.owner is None and account in call.parts.integrations:
        known = await profiles.load_profile(call.parts.db, account)
        if known is not None:
            return ApiResponse(value=known.profile)
    raise errors.RequestRefused(
        404, "no such account, or this token may not see it, or its profile is not learned yet"
    )
