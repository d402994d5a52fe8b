"""The last learned profile of each account."""

import msgspec
from msgspec import Struct
from trackerrms_contracts.profiles import AccountProfile

from bridge.store.database import Database, Tx

_profile = msgspec.json.Decoder(AccountProfile)


class StoredProfile(Struct, frozen=True, kw_only=True):
    """A stored profile. ``basis`` is a digest of the configuration that it was learned with."""

    profile: AccountProfile
    basis: bytes


async def load_profile(
    db: "Database | Tx", integration_id: str, *, host: str | None = None
) -> StoredProfile | None:
    """Return the profile of an account; ``None`` before it was learned.

    ``host``: return it only if it was learned at that host.
    """
    row = await db.fetchrow(
        "SELECT profile, basis FROM profiles WHERE integration_id = $1 AND ($2::text IS NULL OR host = $2)",
        integration_id,
        host,
    )
    return None if row is None else StoredProfile(profile=_profile.decode(row["profile"]), basis=row["basis"])


async def save_profile(
    db: "Database | Tx", integration_id: str, profile: AccountProfile, *, host: str, basis: bytes
) -> None:
    """Store the profile of an account in place of the earlier one."""
    await db.execute(
        "INSERT INTO profiles (integration_id, profile, host, basis, learned_at) VALUES ($1, $2, $3, $4, $5) "
        "ON CONFLICT (integration_id) DO UPDATE SET profile = excluded.profile, host = excluded.host, "
        "basis = excluded.basis, learned_at = excluded.learned_at",
        integration_id,
        msgspec.json.encode(profile).decode(),
        host,
        basis,
        profile.learned_at,
    )
