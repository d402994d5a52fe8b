"""By-id reads of one batch that failed. With a few records it is theirs; with many, the server's."""

import asyncio

from bridge.errors import BridgeError
from bridge.tracker.by_id import RecordGone
from bridge.tracker.errors import CredentialsRefused, Unreadable

# So many records listed and gone by id, and none that is there, are no accident of a list that runs behind.
_MOST_GONE = 3


class ReadFailures:
    """Counts them; ``answered`` is a record of the batch that was there."""

    def __init__(self, tolerated: int) -> None:
        self.asking = asyncio.Lock()
        self.server_answers: bool | None = None
        self.answered: int | None = None
        self._tolerated = tolerated
        self._noted: list[BridgeError] = []
        self._gone: list[RecordGone] = []
        self._access = False

    def note(self, error: BridgeError) -> None:
        """Count one more."""
        self._noted.append(error)
        self._access = self._access or isinstance(error, CredentialsRefused)

    def note_gone(self, answer: RecordGone) -> None:
        """Count a record that is listed, and not there by id."""
        self._gone.append(answer)

    @property
    def too_many(self) -> bool:
        """Whether there are too many to be put down to the records unasked; a refused token is at once."""
        return self._access or len(self._noted) > self._tolerated

    @property
    def doubtful(self) -> bool:
        """Whether a record that exists must be asked for, before this batch is believed."""
        if self.too_many:
            return True
        if any(not answer.sure for answer in self._gone):
            return True
        return self.answered is None and len(self._gone) >= _MOST_GONE

    def trouble(self, resource: str) -> BridgeError:
        """What to raise where no record that exists is answered."""
        if self._noted:
            return self._noted[0]
        return Unreadable(
            f"{len(self._gone)} records of the list of {resource} are {self._gone[0]} by id, and none is "
            f"read: set paths.{resource}_by_id in [integrations.tracker], or correct absence"
        )
