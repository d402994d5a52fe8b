"""The profile of an account: what the bridge has found out about its API.

A profile is a list of findings. Each finding is about one assumption, has a verdict with its evidence, and
may have a setting: a value of one key of ``[integrations.tracker]`` that the bridge adopts. The operator's
own keys override learned ones.
"""

from datetime import datetime
from typing import Any, Literal

from msgspec import Struct

Verdict = Literal["proved", "refuted", "unknown"]


class Finding(Struct, frozen=True, kw_only=True):
    """A finding about one assumption.

    ``key`` is the key below ``[integrations.tracker]`` that corrects the assumption, and ``value`` what the
    account needs there. ``adopted`` means that the bridge uses it. A refuted finding that is not adopted is a
    question for the operator. ``evidence`` names keys, counts and statuses, never a record's values.
    """

    assumption: str
    verdict: Verdict
    evidence: str
    key: str | None = None
    value: Any = None
    adopted: bool = False

    @property
    def is_question(self) -> bool:
        """Return true if the operator must decide."""
        return self.verdict == "refuted" and not self.adopted


class AccountProfile(Struct, frozen=True, kw_only=True):
    """The findings about an account. ``resources`` are those that could be read; the others are not polled
    until they can be. ``requests`` is the number of calls for the last look."""

    learned_at: datetime
    requests: int
    resources: tuple[str, ...]
    findings: tuple[Finding, ...]
