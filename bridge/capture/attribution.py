"""Whose change a poll or a sweep has met: a command's that is still under way, or somebody else's.

The command's own end asks for its records to be read, and they are told as its doing then. A poll may read
them between the call and that end; without this its event would say that nobody of ours did it.
"""

from collections.abc import Iterable

from trackerrms_contracts.entities import Application, Candidate, Model

from bridge.hashing import Hasher
from bridge.store.attempts import ADDING, CREATING
from bridge.store.in_progress import CommandInProgress, ReadByCommand
from bridge.tracker.entity_set import EntitySet, Ids

TOUCHED = frozenset({"candidates", "applications"})
"""The resources whose records commands write."""
_Pair = tuple[str | None, str | None]


class Attribution:
    """The commands of one moment, ready to be asked about many records."""

    def __init__(
        self,
        integration_id: str,
        hasher: Hasher,
        doing: Iterable[CommandInProgress],
        told: Iterable[ReadByCommand],
    ) -> None:
        self._hasher = hasher
        self._ids = Ids(integration_id=integration_id)
        self._touched: dict[tuple[str, str], str] = {(t.resource, str(t.row_id)): t.command_id for t in told}
        self._made_at: dict[str, str] = {}
        self._made_for: dict[_Pair, str] = {}
        self._set: dict[str, list[CommandInProgress]] = {}
        for one in doing:
            self._expect(one)

    def __bool__(self) -> bool:
        """Whether there is any command to ask about."""
        return bool(self._touched or self._made_at or self._made_for or self._set)

    def of(self, family: EntitySet) -> str | None:
        """The id of the command whose doing this record's latest state is; ``None`` where it is none's."""
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
        """The command that sets what the application says now."""
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
