"""Refuse a credential that opens another account than the integration's records are from.

A valid token of another account is accepted by every host that has both, and ids count from 1 in each.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from bridge.credentials import KnownAccount
from bridge.errors import Permanent
from bridge.tracker.errors import AnotherAccount, Unreadable
from bridge.tracker.schema import ResourceName

COMPARED: tuple[ResourceName, ...] = ("jobs", "users")
_FEWEST = 2
_ENOUGH = 5

ReadList = Callable[[ResourceName], Awaitable[Sequence[Mapping[str, Any]]]]
"""The rows of a list's first page."""


async def check_account(known: KnownAccount, read: ReadList, where: str) -> None:
    """Compare some records with those that are known; a list that can't be read tells nothing.

    Raises ``AnotherAccount``, and what reading raises where the account can't be reached. ``where`` is the
    host, for the message.
    """
    if not any([(await known.recognized(resource, ())).stored for resource in COMPARED]):
        return
    listed = same_id = same = stored = 0
    for resource in COMPARED:
        try:
            rows = await read(resource)
        except (Permanent, Unreadable):
            continue
        found = await known.recognized(resource, rows)
        listed, same_id, same = listed + len(rows), same_id + found.same_id, same + found.same
        stored += found.stored
    others = same_id >= _FEWEST and same * 2 < same_id
    strangers = same_id < _FEWEST and min(listed, stored) >= _ENOUGH
    if others or strangers:
        raise AnotherAccount(
            f"the credential is accepted at {where}, and opens another account: of {listed} jobs and users "
            f"that were read, {same_id} have the id of a known one and {same} are that one; nothing is read "
            "or written. Set the credential of this integration's own account, and give another account an "
            "[[integrations]] of its own; if it is the same account all the same, set "
            'integrations.tracker.account_change = "accept" until the next start'
        )
