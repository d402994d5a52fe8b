"""What can be asked about accounts. Operations of the API, as in ``endpoint_handlers``."""

from trackerrms_contracts.profiles import AccountProfile

from bridge.api import errors
from bridge.api.calls import ApiCall, ApiResponse
from bridge.store import profiles


async def get_profile(call: ApiCall) -> ApiResponse[AccountProfile]:
    """Look at an account's profile

    What was found out about the account's API, with the evidence for each finding: what is as assumed, what
    was adopted, and what the operator must decide. Only a token that is not bound to an owner may ask.
    """
    account = call.path["account_id"]
    if call.owner is None and account in call.parts.integrations:
        known = await profiles.load_profile(call.parts.db, account)
        if known is not None:
            return ApiResponse(value=known.profile)
    raise errors.RequestRefused(
        404, "no such account, or none that this token may see, or its profile is not learned yet"
    )
