"""Index for the lookups of commands, written as records are read: addresses, pairs, and ids."""

from collections.abc import Iterable, Sequence

from trackerrms_contracts.entities import Application, Candidate, Model

from bridge.hashing import Hasher
from bridge.store import lookups
from bridge.store.database import Tx
from bridge.store.lookups import NAMED, ApplicationPair
from bridge.tracker.entity_set import EntitySet


async def index_records(tx: Tx, integration_id: str, hasher: Hasher, families: Sequence[EntitySet]) -> None:
    """Store the addresses of candidates, the pairs of applications, and the ids that a command may name."""
    records = [(int(f.remote_id), m.record) for f in families for m in f.members]
    addresses = {n: _addresses(hasher, r) for n, r in records if isinstance(r, Candidate)}
    pairs = [
        ApplicationPair(application_id=n, candidate=r.candidate_id, job=r.job_id)
        for n, r in records
        if isinstance(r, Application) and r.candidate_id is not None and r.job_id is not None
    ]
    await lookups.put_addresses(tx, integration_id, addresses)
    await lookups.put_pairs(tx, integration_id, pairs)
    await lookups.put_ids(tx, integration_id, list(_named(families)))


def _addresses(hasher: Hasher, candidate: Candidate) -> set[bytes]:
    return {hasher.address(e.email_address) for e in candidate.email_addresses if e.email_address}


def _named(families: Iterable[EntitySet]) -> Iterable[tuple[Model, str]]:
    for family in families:
        for member in family.members:
            if member.model in NAMED:
                yield member.model, member.remote_id
