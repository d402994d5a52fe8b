"""What can go wrong between the bridge and TrackerRMS, named for what to do next.

    Transient
    ├── Unreachable        no answer: name not found, refused, cut, too slow; or 5xx after every retry
    ├── EffectUnknown      a write was sent and its answer lost: read back, never blindly repeat
    ├── Unreadable         answered 2xx with something that is no page and no record
    │   ├── EmptyBody
    │   │   └── NoContent  204
    │   ├── BadJson
    │   │   └── BadCharset     bytes that are no letters of the charset that counts
    │   ├── NoRows         JSON, without the rows where the table says they are
    │   └── NotTheRecord   JSON or a web page, where a record was asked for by its id
    │       └── OtherRecord   another one: the one asked for was merged into it, or answers are mixed up
    └── AccountFault       the account's settings need a person; shown, and tried again slowly
        ├── CredentialsRefused
        │   └── AnotherAccount   accepted, and of another account than the records known
        └── WrongHost      another region's host, or none of TrackerRMS's
    Throttled              429, longer than a call may wait
    Permanent
    └── Refused            403, 404, 405, 400 …: this call will never succeed as it is; carries the status
        ├── AlreadyThere   a record that is there already, and was not overwritten
        └── TooLarge       an answer over the size limit

A write that is ``Refused`` with a status of 500 or more may have been carried out: read back.

Messages name methods, paths, hosts, statuses and ids; never a token nor a record's value.
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
