"""Context of the commands of one TrackerRMS account: its ids, its stages, and its lookups."""

import time
from collections.abc import Callable, Collection

from msgspec import Struct
from trackerrms_contracts import ids
from trackerrms_contracts.entities import Model

from bridge.commands.errors import CommandFailed, input_invalid
from bridge.config import CommandsConfig, IntegrationConfig
from bridge.hashing import Hasher
from bridge.outbound import Outbound
from bridge.store import cursors, lookups, scans
from bridge.store.database import Database
from bridge.tracker import record_lookups
from bridge.tracker.client import Client
from bridge.tracker.normalize import Normalizer
from bridge.tracker.record_lookups import StatusFound
from bridge.tracker.statuses import Status, Statuses

_STATUSES_SECONDS = 300.0
_ASKED_AGAIN_SECONDS = 5.0
_RESOURCES = {
    Model.USER: "users",
    Model.JOB: "jobs",
    Model.APPLICATION: "applications",
    Model.APPLICATION_STAGE: "statuses",
    Model.REJECTION_REASON: "statuses",
}
_LAG_MARGIN = 1.25
# So many digits always fit a 64-bit integer.
_LONGEST_ID = 18


class CommandLimits(Struct, frozen=True, kw_only=True):
    """The limits of one integration's commands.

    ``in_flight``: the maximum number of concurrent commands. ``readback_seconds``: how long a list may hide a
    write; a longer measured lag of the list overrides it.
    """

    in_flight: int = 16
    readback_seconds: float = 60.0


class CommandTerms(Struct, frozen=True, kw_only=True):
    """The settings that an account's commands are executed with."""

    integration: IntegrationConfig
    config: CommandsConfig
    limits: CommandLimits
    topic_prefix: str
    max_message_bytes: int


class Account:
    """An integration, for the handlers. Everything is looked up when needed; only the stages are cached."""

    def __init__(
        self,
        terms: CommandTerms,
        db: Database,
        client: Client,
        outbound: Outbound,
        hasher: Hasher,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self.id = terms.integration.id
        self.terms = terms
        self.db = db
        self.client = client
        self.outbound = outbound
        self.hasher = hasher
        self._timer = timer
        self._statuses: dict[str, StatusFound] = {}
        self._statuses_at = float("-inf")

    @property
    def normalizer(self) -> Normalizer:
        """Return a normalizer with the current settings: a profile may be learned at any time."""
        return self.client.normalizer

    async def remote_id(self, model: Model, reference: str, where: str) -> str:
        """Return the TrackerRMS id that an input names. ``where`` is its key. Raises ``CommandFailed``."""
        try:
            known, remote = ids.parse_reference(reference)
        except ValueError as error:
            raise input_invalid(f"{where}: {error}") from None
        if remote is None:
            remote = await self._looked_up(model, known or "", where)
        digits = remote.lstrip("0")
        if not (digits.isdecimal() and digits.isascii() and len(digits) <= _LONGEST_ID):
            raise input_invalid(f"{where}: the id in TrackerRMS must be a whole number, as in remote:17")
        return digits

    async def _looked_up(self, model: Model, known: str, where: str) -> str:
        found = await lookups.find_remote_id(self.db, self.id, known)
        if found is not None and found[0] is model:
            return found[1]
        if found is not None:
            raise input_invalid(f"{where}: is the id of a {found[0]}, expected a {model}")
        resource = _RESOURCES[model]
        if not await self.is_read(resource):
            raise CommandFailed(
                "INTEGRATION.SETUP_SYNC_PENDING",
                f"{where}: no {model} with this id is known, and {resource} have not been read "
                "completely yet; remote:<the id in TrackerRMS> works at once",
                retryable=True,
            )
        raise input_invalid(
            f"{where}: no {model} with this id is known; remote:<the id in TrackerRMS> does not need to be"
        )

    async def is_read(self, resource: str) -> bool:
        """Report whether all records of a resource have been read once."""
        return await scans.last_finished_age(self.db, self.id, resource) is not None or (
            resource in ("users", "statuses")
            and (await cursors.load_cursor(self.db, self.id, resource)).polled_at is not None
        )

    async def readback_seconds(self, resource: str) -> float:
        """Return the seconds for which a list may not show a record that was just written."""
        lag = (await cursors.load_cursor(self.db, self.id, resource)).index_lag_seconds
        return max(self.terms.limits.readback_seconds, lag * _LAG_MARGIN)

    async def statuses(self, wanted: Collection[str] = ()) -> dict[str, StatusFound]:
        """Return the placement statuses by remote id; read them again if one of ``wanted`` is missing."""
        age = self._timer() - self._statuses_at
        missing = any(status not in self._statuses for status in wanted)
        if age > _STATUSES_SECONDS or (missing and age > _ASKED_AGAIN_SECONDS):
            found = await record_lookups.placement_statuses(self.client)
            self._statuses = {status.remote_id: status for status in found}
            self._statuses_at = self._timer()
        return self._statuses

    async def status(self, reference: str, where: str, *, reason: bool = False) -> StatusFound:
        """Return the stage, or the rejection reason, that an input names. Raises ``CommandFailed``."""
        model = Model.REJECTION_REASON if reason else Model.APPLICATION_STAGE
        remote_id = await self.remote_id(model, reference, where)
        found = (await self.statuses([remote_id])).get(remote_id)
        if found is None:
            raise input_invalid(f"{where}: TrackerRMS has no placement status {remote_id}")
        if reason and not found.declined:
            raise input_invalid(
                f"{where}: placement status {remote_id} is not a rejection reason; use one of the group "
                "Rejected, or one that maps.status_group or maps.outcome makes a rejection"
            )
        return found

    async def status_table(self, stage: str | None) -> Statuses:
        """Return the statuses in the form that the normalizer takes."""
        found = await self.statuses([stage] if stage else [])
        return {s.remote_id: Status(name=s.name, group=s.group) for s in found.values()}
