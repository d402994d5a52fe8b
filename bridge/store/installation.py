"""State of the installation as a whole: the key of the field hashes.

The hash key is random and sealed under ``sealing.key``, not derived from it. So ``sealing.key`` can be
exchanged one day without every record appearing changed.
"""

import os

from bridge.sealing import Sealer
from bridge.store.database import Tx

_PURPOSE = "the installation's hash key"


async def hash_key(tx: Tx, sealer: Sealer) -> bytes:
    """Return the 32 bytes. The first call creates them, in whichever process; they never change.

    Raises ``EnvironmentFault`` if ``sealer`` has another key than the installation was created with.
    """
    sealed = await _stored(tx)
    if sealed is None:
        # If two processes are first, the second insert waits for the first one's commit and then finds its
        # row.
        await tx.execute(
            "INSERT INTO installation (sealed_hash_key) VALUES ($1) ON CONFLICT DO NOTHING",
            sealer.seal(_PURPOSE, os.urandom(32)),
        )
        sealed = await _stored(tx)
        assert sealed is not None  # noqa: S101 (the insert either made the row or met one)
    return sealer.open(_PURPOSE, sealed)


async def _stored(tx: Tx) -> bytes | None:
    sealed: bytes | None = await tx.fetchval("SELECT sealed_hash_key FROM installation")
    return sealed
