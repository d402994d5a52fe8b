"""What belongs to the installation as a whole: the key that field hashes are keyed with.

The hash key is random and sealed under ``sealing.key``, not derived from it: ``sealing.key`` can be
exchanged one day without every record seeming changed.
"""

import os

from bridge.sealing import Sealer
from bridge.store.database import Tx

_PURPOSE = "the installation's hash key"


async def hash_key(tx: Tx, sealer: Sealer) -> bytes:
    """The 32 bytes; made on the first call, whichever process makes it, and the same ever after.

    Raises ``EnvironmentFault`` when ``sealer`` is not of the key that the installation was made with.
    """
    sealed = await _stored(tx)
    if sealed is None:
        # Two first processes: the second insert waits for the first one's commit, then finds its row.
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
