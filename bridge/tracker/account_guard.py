"""Rejects a credential that opens another account than the one the integration's records came from.

A host that serves both accounts accepts a valid token of either, and ids count from 1 in each.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from bridge.errors import Permanent
from bridge.runtime.account_ports import KnownAccount
from bridge.tracker.errors import AnotherAccount, Unreadable
from bridge.tracker.schema import ResourceName

COMPARED: tuple[ResourceName, ...] = ("jobs", "users")
_FEWEST = 2
_ENOUGH = 5

ReadList = Callable[[ResourceName], Awaitable[Sequence[Mapping[str, Any]]]]
"""Reads the rows of a list's first page."""


async def check_account(known: KnownAccount, read: ReadList, where: str) -> None:
    """Compare some records with the known ones. A list that can't be read is skipped.

    Raises ``AnotherAccount``, and what reading raises if the account can't be reached. ``where`` is the host,
    for the message.
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
            f"{where} accepts the credential, but it opens another account: of {listed} jobs and users "
            f"read, {same_id} have the id of a known one and {same} are the same record. Nothing is read or "
            "written. Set the credential of this integration's own account, and add a separate "
            "[[integrations]] for another account; if it is the same account, set "
            'integrations.tracker.account_change = "accept" until the next start'
        )
