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
    """No usable answer after every retry; ``status`` is the last answer's, where one came."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class EffectUnknown(Transient):
    """A call that may not be repeated was sent, and its answer was lost."""


class Unreadable(Transient):
    """A success without what was asked for; a scan that meets it is incomplete."""


class EmptyBody(Unreadable):
    """200 with nothing in it, which TrackerRMS does now and then."""


class NoContent(EmptyBody):
    """204 where a page was asked for."""


class BadJson(Unreadable):
    """200 with a body that is no JSON."""


class BadCharset(BadJson):
    """200 with bytes that the charset has no letters for, or that may be of two charsets."""


class NoRows(Unreadable):
    """JSON without the list of rows that the table names."""


class NotTheRecord(Unreadable):
    """By id, a success with something that is not the record asked for. Nothing may be derived from it."""


class OtherRecord(NotTheRecord):
    """By id, a record with another id than the one asked for."""

    def __init__(self, message: str, other_id: str) -> None:
        super().__init__(message)
        self.other_id = other_id


class AccountFault(Transient):
    """Nobody but a person can mend it: show it, try again after ``retry_after_seconds``."""

    retry_after_seconds = 300.0


class CredentialsRefused(AccountFault):
    """TrackerRMS does not take the bearer token, the refresh token, or the JWT it just gave."""


class AnotherAccount(CredentialsRefused):
    """The credential opens another account than the one that the integration's records are from."""


class NoCredentials(CredentialsRefused):
    """A call needs credentials that the integration lacks, or has and are not taken: the message says
    what to add."""


class WrongHost(AccountFault):
    """The exchange did not meet TrackerRMS's REST API: most likely another region's account."""


class Refused(Permanent):
    """TrackerRMS understood and said no."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class AlreadyThere(Refused):
    """The record to be made is there already; ``status`` is 409."""

    def __init__(self, message: str) -> None:
        super().__init__(message, 409)


class AnswerTooLarge(Refused):
    """The answer is over the size limit; it was not read to its end."""
