"""Losses of records (an emptied field, a removed owner), and when they are too many. Pure.

A loss of one record is a change. Many at once may be a withdrawn right, a failed import or a changed API, so
the limits of mass deletions apply to them too. If nearly every record that was read lost a value that it had,
a few are enough.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct
from trackerrms_contracts.entities import STRUCTS, Model

from bridge.capture.diff import SHARED, EntityChange
from bridge.hashing import emptied_fields, is_filled
from bridge.store.stored_records import LossCount, Snapshot

_LATELY, _FEWEST, _SHARE = 8, 6, 0.75
# A field that depends on another one: if that changed too, an empty value is expected.
_RULED = {(Model.APPLICATION, "rejection_reason_name"): "outcome", (Model.JOB, "closed_at"): "status"}
Parents = Mapping[str, frozenset[str]]
"""The records, as snapshots name them, by a hold's kind and key (``emptied_field:candidate.title``)."""


class Losses(Struct, frozen=True, kw_only=True):
    """Which records lost what, and which other records still have it."""

    lost: Parents
    kept: Parents


def losses_of(decisions: Sequence[EntityChange], live: Iterable[Snapshot], known: Iterable[str]) -> Losses:
    """Return the losses among the decisions on records whose entities until now were ``live``.

    ``known``: losses that are already counted for other records; ``kept`` covers those too.
    """
    lost: dict[str, set[str]] = defaultdict(set)
    balance: Counter[tuple[str, Model]] = Counter()
    for one in decisions:
        model, parent, before = one.snapshot.model, one.snapshot.parent, one.before
        if one.operation == "deleted":
            balance[parent, model] -= 1
        elif before is None or before.deleted:
            balance[parent, model] += 1
        else:
            emptied = emptied_fields(STRUCTS[model], before.fields, one.snapshot.fields)
            for name in emptied:
                if _RULED.get((model, name)) not in one.changed_fields:
                    lost[f"emptied_field:{model}.{name}"].add(parent)
    for (parent, model), count in balance.items():
        if count < 0:
            lost[f"derived_deletions:{model}"].add(parent)
    keys = {*lost, *known}
    kept = _kept(keys, list(live) if keys else [], lost)
    return Losses(lost={key: frozenset(found) for key, found in lost.items()}, kept=kept)


def _kept(keys: Iterable[str], live: Sequence[Snapshot], lost: Mapping[str, set[str]]) -> Parents:
    kept = {}
    for key in keys:
        model, _, field = key.partition(":")[2].partition(".")
        had = (s for s in live if s.model == model and s.model not in SHARED)
        parents = {s.parent for s in had if not field or is_filled(STRUCTS[s.model], s.fields, field)}
        kept[key] = frozenset(parents - lost.get(key, set()))
    return kept


def is_sudden(before: LossCount, lost: int, kept: int) -> bool:
    """Report whether nearly all of the last records that had the value lost it, including ``lost`` more."""
    lately = _plus(before, lost, kept)
    return lately.lately >= _FEWEST and lately.bits.bit_count() >= max(_FEWEST, lately.lately * _SHARE)


def add_accepted(before: LossCount, hour: int, lost: int, kept: int) -> LossCount:
    """Return the count with the accepted losses added."""
    now = _plus(before, lost, kept)
    same = before.hour == hour
    return LossCount(
        hour=hour,
        lost=lost + (before.lost if same else 0),
        lost_before=before.lost_before if same else within_an_hour(before, hour),
        lately=now.lately,
        bits=now.bits,
    )


def within_an_hour(count: LossCount, hour: int) -> int:
    """Return the losses of this hour and the one before."""
    if count.hour == hour:
        return count.lost + count.lost_before
    return count.lost if count.hour == hour - 1 else 0


def _plus(before: LossCount, lost: int, kept: int) -> LossCount:
    if lost + kept >= _LATELY:
        # Their order is unknown: only their share counts.
        ones = round(_LATELY * lost / (lost + kept))
        return LossCount(lately=_LATELY, bits=(1 << ones) - 1)
    bits = before.bits << (lost + kept) | ((1 << lost) - 1)
    lately = min(_LATELY, before.lately + lost + kept)
    return LossCount(lately=lately, bits=bits & ((1 << _LATELY) - 1))
