"""Derives settings and questions from an account's profile. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from trackerrms_contracts.profiles import AccountProfile, Finding


def learned_settings(profile: AccountProfile) -> dict[str, Any]:
    """Return the adopted settings in the form of the table ``[integrations.tracker]``."""
    return nested((f.key, f.value) for f in profile.findings if f.adopted and f.key is not None)


def merged(earlier: AccountProfile | None, later: AccountProfile) -> AccountProfile:
    """Return the later profile, with the earlier one's findings about what it did not cover."""
    if earlier is None:
        return later
    about = {finding.assumption for finding in later.findings}
    kept = [finding for finding in earlier.findings if finding.assumption not in about]
    return msgspec.structs.replace(
        later,
        resources=tuple(dict.fromkeys((*earlier.resources, *later.resources))),
        findings=(*kept, *later.findings),
    )


def with_findings(known: AccountProfile, findings: Iterable[Finding]) -> AccountProfile:
    """Return the profile with its findings replaced by these.

    An unknown finding does not replace a known one.
    """
    later = {finding.assumption: finding for finding in findings}
    return msgspec.structs.replace(
        known,
        findings=tuple(_better(earlier, later.get(earlier.assumption)) for earlier in known.findings),
    )


def _better(earlier: Finding, later: Finding | None) -> Finding:
    if later is None or (later.verdict == "unknown" and earlier.verdict != "unknown"):
        return earlier
    return later


def nested(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return tables for dotted keys: ``rows.jobs`` becomes ``{"rows": {"jobs": …}}``."""
    tables: dict[str, Any] = {}
    for key, value in pairs:
        *names, last = key.split(".")
        table = tables
        for name in names:
            table = table.setdefault(name, {})
        table[last] = value
    return tables


def answer_lines(finding: Finding) -> str | None:
    """Return the lines of ``bridge.toml`` that answer a question; ``None`` if no value is known."""
    if finding.key is None or finding.value is None:
        return None
    *names, last = ("integrations", "tracker", *finding.key.split("."))
    return f"[{'.'.join(names)}]\n{last} = {as_toml(finding.value)}"


def as_toml(value: Any) -> str:
    """Format a value as TOML."""
    if isinstance(value, Mapping):
        inner = ", ".join(f"{msgspec.json.encode(key).decode()} = {as_toml(v)}" for key, v in value.items())
        return f"{{ {inner} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(as_toml(item) for item in value)}]"
    return msgspec.json.encode(value).decode()
