"""Unifies the records that a check read, as the poller does, to find those that would be parked."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from bridge.errors import Permanent
from bridge.json_types import JsonObject
from bridge.tracker.entity_set import Gap
from bridge.tracker.normalize import Normalizer
from bridge.tracker.profile_learning import RecordSample
from bridge.tracker.schema import Resource, ResourceName
from bridge.tracker.statuses import Statuses

_WHERE = "; keys of [integrations.tracker]"
_KEY_NAMED = re.compile(r"\bset |\bcorrect (?:fields|states|maps)\.|\bCorrect the words of states")


def statuses_of(normalizer: Normalizer, samples: Mapping[ResourceName, RecordSample]) -> Statuses:
    """Return the tenant's placement statuses, as far as they were read."""
    sample = samples.get("statuses")
    return normalizer.status_table([row.decode() for row in sample.all_rows] if sample else [])


def trouble_of(
    normalizer: Normalizer, resource: Resource, sample: RecordSample, statuses: Statuses
) -> str | None:
    """Return why records would be parked, or lose values that a setting can correct, and how many of those
    read.

    Returns ``None`` if there is no such record.
    """
    reasons: Counter[str] = Counter()
    gaps: Counter[Gap] = Counter()
    total = 0
    for row, state, detail in _records(resource, sample):
        total += 1
        try:
            normalizer.version(resource.name, row, detail)
            family = normalizer.normalize(
                resource.name, row, detail, state=state, known=statuses, place=total - 1
            )
            gaps.update(gap for gap in family.gaps if names_a_key(gap.reason))
        except Permanent as error:
            # "job 105: row:creationDate is …": cut the id, so that the same reason of other records is
            # counted together.
            reasons[str(error).partition(": ")[2] or str(error)] += 1
    if reasons:
        reason, _ = reasons.most_common(1)[0]
        return f"{reasons.total()} of {total} records can't be read and would be parked: {reason}{_WHERE}"
    if gaps:
        left_out = (
            f"{gap.field} is left out of {n} of {total} records: {gap.reason}" for gap, n in gaps.items()
        )
        return "; ".join(left_out) + _WHERE
    return None


def names_a_key(reason: str) -> bool:
    """Return true if a setting corrects the reason. Others must be corrected in TrackerRMS."""
    return _KEY_NAMED.search(reason) is not None


def _records(
    resource: Resource, sample: RecordSample
) -> Iterable[tuple[JsonObject, str | None, JsonObject | None]]:
    for state, rows in sample.rows.items():
        for row in rows:
            detail = sample.details.get(row.remote_id)
            if detail is None and resource.by_id is not None and resource.details != "never":
                continue
            yield row.decode(), state, detail
