"""Learns how an account writes texts: signs as HTML writes them, and what parts a candidate's tags."""

from collections.abc import Iterable, Sequence
from typing import Any

from bridge.tracker import html_texts, values
from bridge.tracker.findings import Findings
from bridge.tracker.values import TagSeparator

_FEWEST = 2
_MARKS: tuple[tuple[TagSeparator, str], ...] = ((";", ";"), ("|", "|"), ("line", "\n"))


def learn_texts(findings: Findings, records: Iterable[Any]) -> bool:
    """Settle whether texts are written as HTML writes them; return whether that was adopted just now."""
    found = html_texts.signs(records)
    said = f"{found.plain} texts hold &, <, > or a quote as it is, {found.written} as HTML writes it"
    if found.plain:
        findings.prove("texts", said)
    elif found.written >= _FEWEST:
        findings.adopt("texts", said, "texts", "html")
        return True
    else:
        findings.leave_open("texts", said, "texts")
    return False


def learn_blank_flags(findings: Findings, flags: Sequence[Any]) -> None:
    """Settle what a blank yes or no of users means: no, where nothing else says no. ``None`` is blank too."""
    blank = sum(values.is_blank_text(flag) for flag in flags)
    said = [
        values.flag(flag)
        for flag in flags
        if not values.is_blank_text(flag) and not isinstance(flag, list | dict)
    ]
    told = (
        f"of {len(flags)} users {blank} have a blank one, {said.count(False)} say no, {said.count(True)} yes"
    )
    if not blank:
        findings.prove("blank_flag", told)
    elif said.count(True) >= _FEWEST and False not in said:
        findings.adopt("blank_flag", told, "blank_flag", "no")
    else:
        findings.ask("blank_flag", told, "blank_flag", "unknown")


def learn_tags(findings: Findings, texts: Sequence[Any]) -> None:
    """Settle what parts the tags of a text."""
    told = [text.strip(values.INVISIBLE) for text in texts if isinstance(text, str)]
    commas = sum("," in text for text in told)
    counts = {name: sum(mark in text for text in told) for name, mark in _MARKS}
    name = max(counts, key=lambda one: counts[one])
    said = f"of {len(told)} tag texts {commas} hold a comma, {counts[name]} hold {name}"
    if commas:
        findings.prove("tag_separator", said)
    elif counts[name] >= _FEWEST and sum(map(bool, counts.values())) == 1:
        findings.adopt("tag_separator", said, "tag_separator", name)
    elif any(counts.values()):
        findings.ask("tag_separator", said, "tag_separator", name)
    else:
        findings.leave_open("tag_separator", said, "tag_separator")
