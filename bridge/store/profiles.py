"""The profile of each account, as it was last learned."""

import msgspec

from bridge.store.database import Database, Tx
from contracts.profiles import AccountProfile

_profile = msgspec.json.Decoder(AccountProfile)


async def load(db: "Database | Tx", integration_id: str, basis: bytes | None = None) -> AccountProfile | None:
    """Return the profile of an account; ``None`` before it was learned.

    ``basis``: return it only where it was learned on that basis (host and configuration).
    """
    row = await db.fetchrow("SELECT profile, basis FROM profiles WHERE integration_id = $1", integration_id)
    if row is None or (basis is not None and row["basis"] != basis):
        return None
    return _profile.decode(row["profile"])


async def save(db: "Database | Tx", integration_id: str, profile: AccountProfile, basis: bytes) -> None:
    """Store the profile of an account in place of the earlier one."""
    await db.execute(
        "INSERT INTO profiles (integration_id, profile, basis, learned_at) VALUES ($1, $2, $3, $4) "
        "ON CONFLICT (integration_id) DO UPDATE SET profile = excluded.profile, basis = excluded.basis, "
        "learned_at = excluded.learned_at",
        integration_id,
        msgspec.json.encode(profile).decode(),
        basis,
        profile.learned_at,
    )
