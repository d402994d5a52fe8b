"""Failed by-id reads of one batch. A few failures belong to the records, many to the server."""

import asyncio

from bridge.errors import BridgeError
from bridge.tracker.by_id import RecordGone
from bridge.tracker.errors import CredentialsRefused, Unreadable

# So many listed records that are gone by id, with none that can be read, are not just a lagging list.
_MOST_GONE = 3


class ReadFailures:
    """Counts failed reads. ``answered`` is a record of the batch that could be read."""

    def __init__(self, tolerated: int) -> None:
        self.asking = asyncio.Lock()
        self.server_answers: bool | None = None
        self.answered: int | None = None
        self._tolerated = tolerated
        self._noted: list[BridgeError] = []
        self._gone: list[RecordGone] = []
        self._access = False

    def note(self, error: BridgeError) -> None:
        """Count a failed read."""
        self._noted.append(error)
        self._access = self._access or isinstance(error, CredentialsRefused)

    def note_gone(self, answer: RecordGone) -> None:
        """Count a record that is listed but gone by id."""
        self._gone.append(answer)

    @property
    def too_many(self) -> bool:
        """Return true if there are too many failures to blame the records. One rejected token is enough."""
        return self._access or len(self._noted) > self._tolerated

    @property
    def doubtful(self) -> bool:
        """Return true if an existing record must be read before this batch is believed."""
        if self.too_many:
            return True
        if any(not answer.sure for answer in self._gone):
            return True
        return self.answered is None and len(self._gone) >= _MOST_GONE

    def trouble(self, resource: str) -> BridgeError:
        """Return the error to raise if no existing record can be read."""
        if self._noted:
            return self._noted[0]
        return Unreadable(
            f"{len(self._gone)} listed {resource} are {self._gone[0]} by id, and none can be read: "
            f"set paths.{resource}_by_id in [integrations.tracker], or correct absence"
        )
