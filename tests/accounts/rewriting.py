"""A proxy before the simulated account that rewrites the records it answers: an account that changes."""

import contextlib
import re
from collections.abc import Callable
from typing import Any

import msgspec
import orjson

from tests.rewriting import Proxy, Reply, serving

Record = dict[str, Any]
CANDIDATE = r"/api/v1/Resource/\d+"
CANDIDATES = r"/api/v1/Resource/PagedSearch"
APPLICATIONS = r"/api/v1/OpportunityResource/PagedSearch"
APPLICATION = r"/api/v1/OpportunityResource/\d+"
JOB = r"/api/v1/Opportunity/\d+"
JOBS = r"/api/v1/Opportunity/PagedSearch"
STATUSES = r"/api/v1/MetaData"


class Rewriting(Proxy):
    """``rules``: a path's pattern -> what is done to each record that is answered there."""

    def __init__(self) -> None:
        super().__init__()
        self.rules: dict[str, Callable[[Record], None]] = {}
        self.answered = 0
        """Calls that a rule was applied to."""
        self.rewrite = self._apply

    def drop(self, path: str, *keys: str) -> None:
        """From now on, answer the records at ``path`` without these keys."""

        def without(record: Record) -> None:
            for key in keys:
                record.pop(key, None)

        self.rules[path] = without

    def _apply(self, reply: Reply) -> Reply:
        body = reply.body
        for path, rule in self.rules.items():
            if body and reply.status == 200 and re.fullmatch(path, reply.path):
                self.answered += 1
                body = _rewritten(body, rule)
        return msgspec.structs.replace(reply, body=body)


def _rewritten(body: bytes, rule: Callable[[Record], None]) -> bytes:
    answer = orjson.loads(body)
    by_id = "id" in answer or "opportunityResourceId" in answer
    lists = [] if by_id else [value for value in answer.values() if isinstance(value, list)]
    for record in [row for rows in lists for row in rows] if lists else [answer]:
        rule(record)
    return orjson.dumps(answer)


def rewriting() -> contextlib.AbstractAsyncContextManager[Rewriting]:
    """A running proxy; set its ``upstream`` before the first call."""
    return serving(Rewriting())
