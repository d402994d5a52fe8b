"""Detectors, which determine the value of each switch of the simulator's dialects from the exchanges.

Grouped like the switches in ``bridge.simulator.dialects``. A detector returns the name of the value, or
``None`` if nothing that was seen determines it. ``UNSEEN`` lists the switches that reading can't determine,
with the reasons.
"""

from collections.abc import Callable, Mapping
from typing import Final

from bridge.cli.recording.detectors import (
    absence,
    candidate_records,
    dates,
    filters,
    job_records,
    lists,
    paths,
    records,
    statuses,
    tokens,
    values,
    wire,
    writes,
)
from bridge.cli.recording.seen import SeenAccount

Detector = Callable[[SeenAccount], str | None]

DETECTORS: Final[Mapping[str, Detector]] = {
    **lists.DETECTORS,
    **filters.DETECTORS,
    **records.DETECTORS,
    **candidate_records.DETECTORS,
    **job_records.DETECTORS,
    **dates.DETECTORS,
    **values.DETECTORS,
    **statuses.DETECTORS,
    **absence.DETECTORS,
    **paths.DETECTORS,
    **tokens.DETECTORS,
    **writes.DETECTORS,
    **wire.DETECTORS,
}

_BY_WRITING: Final = "visible only when writing"
UNSEEN: Final[Mapping[str, str]] = dict.fromkeys(
    (
        *("create_answer", "patch_answer", "write_absent", "duplicate_candidates", "duplicate_applications"),
        *("attach_keys", "widget_record_id", "widget_columns", "rejection_column", "stage_column"),
    ),
    _BY_WRITING,
)
