"""Detectors: what in the exchanges tells the value of each switch of the simulator's dialects.

Grouped as ``bridge.simulator.dialects`` groups the switches. A detector returns the name of the value, or
``None`` where nothing that was seen tells it. ``UNSEEN`` are the switches that no reading tells, with why.
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

_BY_WRITING: Final = "shows in writing only"
UNSEEN: Final[Mapping[str, str]] = dict.fromkeys(
    (
        *("create_answer", "patch_answer", "write_absent", "duplicate_candidates", "duplicate_applications"),
        *("attach_keys", "widget_record_id", "widget_columns", "rejection_column", "stage_column"),
    ),
    _BY_WRITING,
)
