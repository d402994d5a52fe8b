"""Attribution of changes that a poll or a sweep finds to commands that are still in progress.

When a command ends, it requests a read of its records, whose events then name the command. A poll may read
them between the command's call and that end. Without this module, its event would not name the command.
"""

from collections.abc import Iterable

from trackerrms_contracts.entities import Application, Candidate, Model

from bridge.hashing import Hasher
from bridge.store.attempts import ADDING, CREATING
from bridge.store.in_progress import CommandInProgress, ReadByCommand
from bridge.tracker.entity_set import EntitySet, Ids

TOUCHED = frozenset({"candidates", "applications"})
"""Resources whose records commands write."""
_Pair = tuple[str | None, str | None]


class Attribution:
    """The commands in progress at one moment, indexed by the records that they may have changed."""

    def __init__(
        self,
        integration_id: str,
        hasher: Hasher,
        doing: Iterable[CommandInProgress],
        reads: Iterable[ReadByCommand],
    ) -> None:
        self._hasher = hasher
        self._ids = Ids(integration_id=integration_id)
        self._touched: dict[tuple[str, str], str] = {(r.resource, str(r.row_id)): r.command_id for r in reads}
        self._made_at: dict[str, str] = {}
        self._made_for: dict[_Pair, str] = {}
        self._set: dict[str, list[CommandInProgress]] = {}
        for one in doing:
            self._expect(one)

    def __bool__(self) -> bool:
        """Report whether any command is in progress."""
        return bool(self._touched or self._made_at or self._made_for or self._set)

    def of(self, family: EntitySet) -> str | None:
        """Return the id of the command that made this record's latest state, ``None`` if no command did."""
        for member in family.members:
            match member.record:
                case Application() as record:
                    found = self._setting(record) or self._made_for.get((record.candidate_id, record.job_id))
                case Candidate() as record:
                    found = self._making(record)
                case _:
                    continue
            return found or self._touched.get((family.resource, family.remote_id))
        return None

    def _expect(self, one: CommandInProgress) -> None:
        progress = one.progress
        if one.subject.startswith("application:"):
            self._set.setdefault(one.subject.removeprefix("application:"), []).append(one)
        elif progress is not None:
            if progress.candidate is not None:
                self._touched["candidates", progress.candidate] = one.command_id
            elif progress.started == CREATING:
                self._made_at[one.subject.removeprefix("address:")] = one.command_id
            if progress.application is not None:
                self._touched["applications", progress.application] = one.command_id
            elif progress.started == ADDING:
                candidate = self._ids.maybe(Model.CANDIDATE, progress.candidate)
                self._made_for[candidate, self._ids.maybe(Model.JOB, str(one.job_id))] = one.command_id

    def _setting(self, record: Application) -> str | None:
        """Return the command that sets the application to its present state."""
        for one in self._set.get(record.id, ()):
            if record.outcome == "DECLINED" if one.target is None else record.current_stage_id == one.target:
                return one.command_id
        return None

    def _making(self, record: Candidate) -> str | None:
        if not self._made_at:
            return None
        addresses = (
            self._hasher.address(mail.email_address) for mail in record.email_addresses if mail.email_address
        )
        return next((self._made_at[a.hex()] for a in addresses if a.hex() in self._made_at), None)
