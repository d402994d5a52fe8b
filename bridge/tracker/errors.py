"""Errors between the bridge and TrackerRMS, named for what to do next.

    Transient
    ├── Unreachable        no answer: name not found, refused, cut off, too slow; or 5xx after every retry
    ├── EffectUnknown      the answer to a write was lost: read back, never repeat blindly
    ├── Unreadable         answered 2xx with something other than a page or a record
    │   ├── EmptyBody
    │   │   └── NoContent  204
    │   ├── BadJson
    │   │   └── BadCharset     bytes that are invalid in the charset
    │   ├── NoRows         JSON without the configured rows
    │   └── NotTheRecord   JSON or a web page instead of the requested record
    │       └── OtherRecord   another record: the requested one was merged into it, or answers are mixed up
    └── AccountFault       the account's settings need a person; reported, and retried slowly
        ├── CredentialsRefused
        │   └── AnotherAccount   accepted, but for another account than that of the known records
        └── WrongHost      the host of another region, or not a host of TrackerRMS
    Throttled              429, for longer than a call may wait
    Permanent
    └── Refused            403, 404, 405, 400 …: this call can't succeed unchanged; has the status
        ├── AlreadyThere   the record already exists and was not overwritten
        └── AnswerTooLarge   the answer exceeds the size limit

A write that is ``Refused`` with a status of 500 or more may have been carried out: read back.

Messages name methods, paths, hosts, statuses and ids; never a token or a record's value.
"""

from bridge.errors import Permanent, Transient


class Unreachable(Transient):
    """No usable answer after every retry. ``status`` is the status of the last answer, if there was one."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class EffectUnknown(Transient):
    """The answer to a call that must not be repeated was lost."""


class Unreadable(Transient):
    """A success without the requested data. A scan that gets it is incomplete."""


class EmptyBody(Unreadable):
    """A 200 with an empty body, which TrackerRMS sends occasionally."""


class NoContent(EmptyBody):
    """A 204 instead of a page."""


class BadJson(Unreadable):
    """A 200 whose body is not JSON."""


class BadCharset(BadJson):
    """A 200 whose bytes are invalid in the charset, or valid in two charsets."""


class NoRows(Unreadable):
    """JSON without the configured list of rows."""


class NotTheRecord(Unreadable):
    """A successful by-id answer that is not the requested record. Nothing may be derived from it."""


class OtherRecord(NotTheRecord):
    """A by-id answer with another id than the requested one."""

    def __init__(self, message: str, other_id: str) -> None:
        super().__init__(message)
        self.other_id = other_id


class AccountFault(Transient):
    """An error that only a person can correct: it is reported, and retried after ``retry_after_seconds``."""

    retry_after_seconds = 300.0


class CredentialsRefused(AccountFault):
    """TrackerRMS rejects the bearer token, the refresh token, or the JWT it just issued."""


class AnotherAccount(CredentialsRefused):
    """The credential opens another account than the one the integration's records came from."""


class NoCredentials(CredentialsRefused):
    """A call needs credentials that the integration lacks, or that TrackerRMS rejects. The message says what
    to add."""


class WrongHost(AccountFault):
    """The exchange did not reach TrackerRMS's REST API; the account is probably in another region."""


class Refused(Permanent):
    """TrackerRMS understood the call and refused it."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class AlreadyThere(Refused):
    """The record to be created already exists; ``status`` is 409."""

    def __init__(self, message: str) -> None:
        super().__init__(message, 409)


class AnswerTooLarge(Refused):
    """The answer exceeds the size limit and was not read completely."""
