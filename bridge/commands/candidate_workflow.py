"""Creation of a candidate and its application in steps, so that any run can continue where another stopped.

Before a call that must not be sent twice, the step is saved as started; after the call, its outcome is saved.
A run that finds a step started first checks TrackerRMS for its effect (invariant 10): does the candidate, the
application or the document exist? If that can't be determined, the command remains undetermined; nothing is
repeated blindly.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import msgspec
from msgspec import Struct
from trackerrms_contracts import ids
from trackerrms_contracts.entities import Model

from bridge.clock import utc_now
from bridge.commands.account import Account
from bridge.commands.candidate_fields import CandidateValues
from bridge.commands.completion import CommandLedger, Place
from bridge.commands.errors import CommandFailed, Undetermined, input_invalid, vanished
from bridge.commands.files import File, encoded
from bridge.errors import Throttled
from bridge.store import lookups
from bridge.store.attempts import ADDING, CREATING, AttemptProgress
from bridge.tracker import record_lookups, writes
from bridge.tracker.errors import (
    AccountFault,
    AlreadyThere,
    AnswerTooLarge,
    EffectUnknown,
    Refused,
    Unreachable,
    Unreadable,
)
from bridge.tracker.record_lookups import CandidateFound
from bridge.tracker.writes import WriteReceipt

# Clocks differ a little, and TrackerRMS's times are whole seconds.
_EARLIER = timedelta(minutes=10)
_SOON_SECONDS = 2.0


class WorkflowInput(Struct, frozen=True, kw_only=True):
    """The input of a command, with TrackerRMS ids in place of references."""

    person: CandidateValues
    job: str
    stage: str | None
    files: tuple[File, ...]


class WorkflowResult(Struct, frozen=True, kw_only=True):
    """The final state. ``candidate`` is as read after everything was written."""

    progress: AttemptProgress
    candidate: CandidateFound
    warnings: tuple[str, ...]


class CandidateWorkflow:
    """The workflow of one command in an attempt. ``carry_out`` may be called again after it raised."""

    def __init__(
        self,
        account: Account,
        ledger: CommandLedger,
        place: Place,
        wanted: WorkflowInput,
        progress: AttemptProgress,
    ) -> None:
        self._account = account
        self._client = account.client
        self._ledger = ledger
        self._place = place
        self._wanted = wanted
        self._email = str(wanted.person.fields["email"])
        self.progress = progress

    async def carry_out(self) -> WorkflowResult:
        """Run the remaining steps. Return what TrackerRMS has then.

        Raises ``CommandFailed`` (``Undetermined``) and the tracker's errors.
        """
        await self._candidate()
        await self._fill()
        await self._add()
        await self._move()
        for file in self._wanted.files:
            await self._attach(file)
        return await self._applied()

    # --- the candidate ---

    async def _candidate(self) -> None:
        """Find the candidate by address, or create it."""
        known = self.progress.candidate
        if known is not None:
            if await record_lookups.read_candidate(self._client, known) is not None:
                return
            # Deleted since an earlier command failed, with everything that the command had done.
            await self._save(AttemptProgress(), None, f"candidate {known} is gone: starting over")
        found = await self._existing()
        lost_answer = self.progress.started == CREATING
        if found is not None:
            what = f"candidate {found} " + ("was created by the call" if lost_answer else "has this address")
            await self._step_done(what, new_address=True, candidate=found, made=lost_answer)
            return
        if lost_answer and not record_lookups.can_find_people(self._client):
            await self._may_repeat(CREATING, "candidates")
        fields = self._wanted.person.whole()
        try:
            written = await self._write(CREATING, lambda: writes.create_candidate(self._client, fields))
        except AlreadyThere as error:
            if not lost_answer:
                # Someone else created it, so it must not be overwritten when it is found.
                await self._save(msgspec.structs.replace(self.progress, started=None), None, str(error))
            raise self._unidentified(str(error)) from error
        if written.record_id is None:
            raise Undetermined(
                f"{written.said}, without the candidate's id", retry_after_seconds=_SOON_SECONDS
            )
        filled = set(fields) <= written.stored
        what = f"{written.said}: candidate {written.record_id}"
        await self._step_done(what, new_address=True, candidate=written.record_id, made=True, filled=filled)

    async def _existing(self) -> str | None:
        """Return the candidate with this address, from the bridge's own index or TrackerRMS's search."""
        for remote_id in await lookups.candidates_at(self._account.db, self._account.id, self._place.address):
            if await self._has_address(str(remote_id)):
                return str(remote_id)
        if record_lookups.can_find_people(self._client):
            return await self._person()
        if self.progress.started == CREATING:
            return await self._recently_made()
        if not await self._account.is_read("candidates"):
            raise CommandFailed(
                "INTEGRATION.SETUP_SYNC_PENDING",
                "it is unknown whether the candidate exists until all candidates have been read once",
                retryable=True,
            )
        return None

    async def _person(self) -> str | None:
        person = await record_lookups.person_by_email(self._client, self._email)
        if person is None:
            return None
        if person.remote_id is not None and await self._has_address(person.remote_id):
            return person.remote_id
        recent = await self._recently_made() if self.progress.started == CREATING else None
        if recent is None:
            raise self._unidentified("TrackerRMS knows this address")
        return recent

    async def _recently_made(self) -> str | None:
        for remote_id in await record_lookups.recent_candidates(self._client, self._since()):
            if await self._has_address(remote_id):
                return remote_id
        return None

    async def _has_address(self, remote_id: str) -> bool:
        found = await record_lookups.read_candidate(self._client, remote_id)
        if found is None:
            return False
        return any(self._account.hasher.address(mail) == self._place.address for mail in found.emails)

    def _unidentified(self, said: str) -> CommandFailed:
        return CommandFailed(
            "INTEGRATION.SETUP_SYNC_PENDING",
            f"{said}, without naming the record that has it; the bridge has not read one with it yet, and "
            "tries again until its polls find it",
            retryable=True,
        )

    async def _fill(self) -> None:
        """Write what the creating call could not; of an existing candidate, only its blank fields."""
        if self.progress.filled:
            return
        candidate = self._made_candidate()
        found = await self._read_candidate()
        person, made = self._wanted.person, self.progress.made
        missing = person.missing(found.fields, made=made)
        warnings = list(self.progress.warnings)
        kept = [] if made else person.kept(found.fields)
        if kept:
            warnings.append(
                f"candidate {candidate} existed already; it keeps its own values of {', '.join(kept)}"
            )
        what = "nothing was missing"
        if missing:
            # Setting values twice has the same effect as once, so there is no need to check.
            written = await writes.update_candidate(self._client, candidate, missing)
            what = written.said
            warnings += [
                f"TrackerRMS refused {name} ({said}); correct {writes.place_to_correct(name, 'candidate')}, "
                "or set it to [] to leave the value out"
                for name, said in written.refused.items()
            ]
        await self._step_done(what, filled=True, warnings=tuple(warnings))

    # --- the application ---

    async def _add(self) -> None:
        known = self.progress.application
        if known is not None:
            if await self._is_ours(known):
                return
            # Deleted since an earlier command failed: create a new application.
            fresh = msgspec.structs.replace(self.progress, application=None, staged=None)
            await self._save(fresh, None, f"application {known} is gone: adding again")
        lost_answer = self.progress.started == ADDING
        there = await self._application_there(look_at_list=lost_answer)
        if there is not None and not lost_answer:
            raise self._already_applied(there)
        if there is not None:
            await self._step_done(f"application {there} was created by the call", application=there)
            return
        if lost_answer:
            await self._may_repeat(ADDING, "applications")
        job, candidate = self._wanted.job, self._made_candidate()
        try:
            written = await self._write(ADDING, lambda: writes.add_to_job(self._client, job, candidate))
        except AlreadyThere as error:
            if lost_answer:
                raise self._not_listed(str(error)) from error
            await self._save(msgspec.structs.replace(self.progress, started=None), None, str(error))
            raise self._already_applied(None) from error
        application = written.record_id
        if application is None or not await self._is_ours(application):
            raise self._not_listed(written.said)
        await self._step_done(f"{written.said}: application {application}", application=application)

    async def _application_there(self, *, look_at_list: bool) -> str | None:
        job, candidate = self._wanted.job, self._made_candidate()
        ours = self._account.id
        for application in await lookups.applications_of(
            self._account.db,
            ids.entity_id(ours, Model.CANDIDATE, candidate),
            ids.entity_id(ours, Model.JOB, job),
        ):
            if await self._is_ours(str(application)):
                return str(application)
        if look_at_list:
            return await record_lookups.find_application(self._client, job, candidate, self._since())
        return None

    async def _is_ours(self, application: str) -> bool:
        found = await record_lookups.read_application(self._client, application)
        return found is not None and (found.job, found.candidate) == (
            self._wanted.job,
            self._made_candidate(),
        )

    def _already_applied(self, application: str | None) -> CommandFailed:
        which = "" if application is None else f": application {application}"
        return CommandFailed(
            "ATS.APPLICATION_ALREADY_EXISTS",
            f"candidate {self._made_candidate()} has already applied to job {self._wanted.job}{which}",
        )

    def _not_listed(self, said: str) -> Undetermined:
        return Undetermined(
            f"{said}, but no list shows the application of candidate {self._made_candidate()} on job "
            f"{self._wanted.job} yet",
            retry_after_seconds=_SOON_SECONDS,
        )

    async def _move(self) -> None:
        stage, application = self._wanted.stage, self.progress.application
        if stage is None or application is None or self.progress.staged == stage:
            return
        # Setting the stage twice has the same effect as once. The read at the end shows whether it was
        # stored.
        written = await writes.move_stage(self._client, application, stage)
        await self._step_done(f"{written.said}: stage {stage}", staged=stage)

    # --- documents ---

    async def _attach(self, file: File) -> None:
        if file.digest in self.progress.documents:
            return
        step, candidate = f"attach_document {file.digest[:12]}", self._made_candidate()
        what = "is among the candidate's documents"
        if self.progress.started != step or not await self._is_attached(candidate, file):
            written = await self._write(
                step,
                lambda: writes.attach_document(
                    self._client,
                    candidate,
                    filename=file.name,
                    document_type=file.document_type,
                    content_base64=encoded(file.content),
                ),
            )
            what = written.said
        await self._step_done(f"{step}: {what}", documents=(*self.progress.documents, file.digest))

    async def _is_attached(self, candidate: str, file: File) -> bool:
        """Report whether the call whose answer was lost attached the file. Raises ``Undetermined`` if
        unknown."""
        try:
            for document in await record_lookups.read_documents(self._client, candidate):
                if document.filename == file.name and file.content == await record_lookups.document_content(
                    self._client, candidate, document.remote_id
                ):
                    return True
        except Refused as error:
            raise Undetermined(f"can't determine whether {file.digest[:12]} was attached: {error}") from error
        return False

    # --- the end ---

    async def _applied(self) -> WorkflowResult:
        found = await self._read_candidate()
        warnings = list(self.progress.warnings)
        person = self._wanted.person
        made = self.progress.made
        lost = person.unstored(
            found.fields, person.whole() if made else person.missing(found.fields, made=False)
        )
        if lost:
            warnings.append(f"TrackerRMS did not keep {', '.join(lost)}")
        return WorkflowResult(progress=self.progress, candidate=found, warnings=tuple(warnings))

    async def _read_candidate(self) -> CandidateFound:
        candidate = self._made_candidate()
        found = await record_lookups.read_candidate(self._client, candidate)
        if found is None:
            raise vanished("candidate", candidate)
        return found

    def _made_candidate(self) -> str:
        if self.progress.candidate is None:
            raise AssertionError("the candidate is created first")
        return self.progress.candidate

    # --- noting steps ---

    async def _write(self, step: str, call: Callable[[], Awaitable[WriteReceipt]]) -> WriteReceipt:
        """Send a call that must not be sent twice. If its effect is unknown, the step stays started."""
        await self._save(
            msgspec.structs.replace(self.progress, started=step, started_at=utc_now()),
            step,
            "started",
        )
        try:
            return await call()
        except (EffectUnknown, Unreadable) as error:
            raise Undetermined(str(error), retry_after_seconds=_SOON_SECONDS) from error
        except AlreadyThere:
            raise
        except (Refused, Unreachable, Throttled, AccountFault) as error:
            if isinstance(error, AnswerTooLarge) or (isinstance(error, Refused) and error.status >= 500):
                raise Undetermined(str(error), retry_after_seconds=_SOON_SECONDS) from error
            # It was not executed, or not even sent.
            await self._save(msgspec.structs.replace(self.progress, started=None), None, str(error))
            raise

    async def _may_repeat(self, action: str, resource: str) -> None:
        """Raise ``Undetermined`` unless a call whose effect no list shows may be sent again now."""
        window = await self._account.readback_seconds(resource)
        left = window - (utc_now() - self._started_at()).total_seconds()
        if not writes.can_repeat(self._client, action):
            raise Undetermined(
                f"can't determine whether {action} took effect: nothing shows it so far",
                retry_after_seconds=max(left, _SOON_SECONDS),
            )
        if left > 0:
            raise Undetermined(
                f"{action} may have taken effect: its answer was lost, and the list may lag",
                retry_after_seconds=min(left, _SOON_SECONDS),
            )

    def _started_at(self) -> datetime:
        return self.progress.started_at or utc_now()

    def _since(self) -> datetime:
        return self._started_at() - _EARLIER

    async def _step_done(self, what: str, *, new_address: bool = False, **changes: object) -> None:
        after = msgspec.structs.replace(self.progress, started=None, started_at=None, **changes)
        await self._save(after, None, what, new_address=new_address)

    async def _save(
        self, progress: AttemptProgress, step: str | None, what: str, *, new_address: bool = False
    ) -> None:
        await self._ledger.save(self._place, progress, step, what, new_address=new_address)
        self.progress = progress


def check_job(found: record_lookups.JobFound | None, job: str, where: str) -> record_lookups.JobFound:
    """Return the job if it accepts applications. Raises ``CommandFailed``."""
    if found is None:
        raise input_invalid(f"{where}: TrackerRMS has no job {job}")
    if found.closed:
        raise CommandFailed("ATS.JOB_CLOSED", f"job {job} is closed in TrackerRMS")
    return found
