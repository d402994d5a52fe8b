"""The profile of an account: what its API looks like, as far as the bridge has found out.

A profile is a list of findings. Each finding is about one assumption, has a verdict and its evidence, and may
carry a setting: a value of one key of ``[integrations.tracker]`` that the bridge adopts. The operator's own
keys win over what was learned.
"""

from datetime import datetime
from typing import Any, Literal

from msgspec import Struct

Verdict = Literal["proved", "refuted", "unknown"]


class Finding(Struct, frozen=True, kw_only=True):
    """What was found out about one assumption.

    ``key`` is the key below ``[integrations.tracker]`` that corrects the assumption, ``value`` what the
    account calls for there; ``adopted`` says that the bridge uses it. A finding that is refuted and not
    adopted is a question for the operator. ``evidence`` names keys, counts and statuses, never the value of a
    record.
    """

    assumption: str
    verdict: Verdict
    evidence: str
    key: str | None = None
    value: Any = None
    adopted: bool = False

    @property
    def is_question(self) -> bool:
        """Whether the operator must decide."""
        return self.verdict == "refuted" and not self.adopted


class AccountProfile(Struct, frozen=True, kw_only=True):
    """The findings about an account. ``resources`` are those that could be read; a resource that could not
    is not polled until it can. ``requests`` is how many calls the last look took."""

    learned_at: datetime
    requests: int
    resources: tuple[str, ...]
    findings: tuple[Finding, ...]
