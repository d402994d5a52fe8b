"""Findings of ``bridge check --write`` about the assumptions on writing."""

from collections.abc import Iterable, Mapping
from datetime import date

from trackerrms_contracts.profiles import Finding
from trackerrms_contracts.profiles import Verdict as Judgment

from bridge.tracker import assumptions
from bridge.tracker.check_reads import ReadVerdict
from bridge.tracker.schema import Resources


class TrialFindings:
    """Collects the findings. ``today`` is part of the evidence, because later checks show it again."""

    def __init__(self, today: date) -> None:
        self._today = today
        self._found: dict[str, Finding] = {}

    @property
    def all(self) -> tuple[Finding, ...]:
        """Return the findings in the order of discovery."""
        return tuple(self._found.values())

    def note(self, name: str, judgment: Judgment, evidence: str) -> None:
        """Record the verdict on one assumption. A refuted one stays refuted."""
        before = self._found.get(name)
        if before is not None and (before.verdict == "refuted" or judgment == "unknown"):
            return
        key = next(iter(assumptions.assumptions_by_name()[name].keys), None)
        self._found[name] = Finding(
            assumption=name, verdict=judgment, evidence=f"{self._today}: {evidence}", key=key
        )

    def compare(self, entity: str, sent: Mapping[str, object], read: Mapping[str, object], said: str) -> None:
        """Record for each sent value if it was read back. ``said`` describes the call and its answer."""
        for name, value in sent.items():
            kept = read.get(name) == value
            evidence = f"{said}; {'read back' if kept else f'not read back at fields.{entity}.{name}'}"
            self.note(f"writes.{entity}.{name}", "proved" if kept else "refuted", evidence)


def learn_from_trial(verdicts: Iterable[ReadVerdict], today: date) -> list[Finding]:
    """Return the findings from probing actions."""
    found = TrialFindings(today)
    for verdict in verdicts:
        works = verdict.result == "works"
        found.note(f"actions.{verdict.name}", "proved" if works else "refuted", verdict.reason)
    return list(found.all)


def off(settings: Resources, today: date) -> list[Finding]:
    """Return the findings for actions and fields that the configuration disables."""
    found = TrialFindings(today)
    for action in settings.actions.values():
        if action.call is None:
            found.note(f"actions.{action.name}", "proved", "configured to be off")
            found.note(f"trial.{action.name}", "proved", "configured to be off")
    for entity, writes in settings.writes.items():
        for field, places in writes.items():
            if not places:
                found.note(f"writes.{entity}.{field}", "proved", "configured to have no place")
    if settings.actions["attach_document"].via != "rest":
        for field in settings.writes["document"]:
            found.note(
                f"writes.document.{field}", "proved", "not used: documents are attached by another call"
            )
    return list(found.all)
