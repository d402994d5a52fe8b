"""Learns how an account writes texts: HTML escapes, blank flags, and the separator of tags."""

from collections.abc import Iterable, Sequence
from typing import Any

from bridge.tracker import html_texts, values
from bridge.tracker.findings import Findings
from bridge.tracker.values import TagSeparator

_FEWEST = 2
_MARKS: tuple[tuple[TagSeparator, str], ...] = ((";", ";"), ("|", "|"), ("line", "\n"))


def learn_texts(findings: Findings, records: Iterable[Any]) -> bool:
    """Learn if texts are HTML-escaped. Return true if that was adopted just now."""
    found = html_texts.signs(records)
    said = f"{found.plain} texts hold a literal &, <, > or quote, {found.written} an HTML-escaped one"
    if found.plain:
        findings.prove("texts", said)
    elif found.written >= _FEWEST:
        findings.adopt("texts", said, "texts", "html")
        return True
    else:
        findings.leave_open("texts", said, "texts")
    return False


def learn_blank_flags(findings: Findings, flags: Sequence[Any]) -> None:
    """Learn the meaning of a blank yes-or-no field of users: no, if no value says no. ``None`` is
    blank too."""
    blank = sum(values.is_blank_text(flag) for flag in flags)
    said = [
        values.flag(flag)
        for flag in flags
        if not values.is_blank_text(flag) and not isinstance(flag, list | dict)
    ]
    counted = (
        f"of {len(flags)} users, {blank} are blank, {said.count(False)} say no, {said.count(True)} say yes"
    )
    if not blank:
        findings.prove("blank_flag", counted)
    elif said.count(True) >= _FEWEST and False not in said:
        findings.adopt("blank_flag", counted, "blank_flag", "no")
    else:
        findings.ask("blank_flag", counted, "blank_flag", "unknown")


def learn_tags(findings: Findings, texts: Sequence[Any]) -> None:
    """Learn what separates the tags of a text."""
    tags = [text.strip(values.INVISIBLE) for text in texts if isinstance(text, str)]
    commas = sum("," in text for text in tags)
    counts = {name: sum(mark in text for text in tags) for name, mark in _MARKS}
    name = max(counts, key=lambda one: counts[one])
    said = f"of {len(tags)} tag texts {commas} hold a comma, {counts[name]} hold {name}"
    if commas:
        findings.prove("tag_separator", said)
    elif counts[name] >= _FEWEST and sum(map(bool, counts.values())) == 1:
        findings.adopt("tag_separator", said, "tag_separator", name)
    elif any(counts.values()):
        findings.ask("tag_separator", said, "tag_separator", name)
    else:
        findings.leave_open("tag_separator", said, "tag_separator")
