"""Shortens the verdicts on the assumptions about an account for the screen."""

from collections.abc import Sequence

import msgspec

from bridge.cli.check_results import CheckLine
from bridge.tracker import assumptions

_SHOWN = 6


def summarized(findings: Sequence[CheckLine]) -> list[CheckLine]:
    """Return one line for all proved assumptions, one for all that need a trial, and the others
    as they are."""
    proved = [one for one in findings if one.result == "works"]
    untried = [one for one in findings if _is_untried(one)]
    others = [one for one in findings if one.result != "works" and not _is_untried(one)]
    first = findings[0]
    lines = []
    if proved:
        said = f"{len(proved)} of {len(findings)} assumptions (--verbose shows each, with its evidence)"
        lines.append(msgspec.structs.replace(first, name="proved", result="works", reason=said))
    if untried:
        names = ", ".join(one.name for one in untried[:_SHOWN]) + (", …" if len(untried) > _SHOWN else "")
        said = f"{assumptions.NOT_TRIED['writing']} ({len(untried)}: {names})"
        lines.append(msgspec.structs.replace(first, name="about writing", result="unknown", reason=said))
    return [*lines, *others]


def _is_untried(finding: CheckLine) -> bool:
    return (finding.result, finding.reason) == ("unknown", assumptions.NOT_TRIED["writing"])
