"""Creating a candidate and its application, step by step, so that any run can go on where another stopped.

Before a call that may not be sent twice, the step is noted as started; after it, what came of it. A step
found started is looked for in TrackerRMS first (invariant 10): is the candidate, the application, the
document there? What nobody can tell stays undetermined; nothing is repeated blindly.
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
from bridge.commands.errors import Failed, Undetermined, input_invalid
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

# Clocks differ a little, and TrackerRMS dates in whole seconds.
_EARLIER = timedelta(minutes=10)
_SOON_SECONDS = 2.0


class WorkflowInput(Struct, frozen=True, kw_only=True):
    """What a command asks for, with the ids of TrackerRMS in place of references."""

    person: CandidateValues
    job: str
    stage: str | None
    files: tuple[File, ...]


class WorkflowResult(Struct, frozen=True, kw_only=True):
    """What there is in the end. ``candidate`` is as read when everything was written."""

    progress: AttemptProgress
    candidate: CandidateFound
    warnings: tuple[str, ...]


class CandidateWorkflow:
    """One command's way through an attempt; ``carry_out`` may be called again after it raised."""

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
        """Every step that is left, then what TrackerRMS has now.

        Raises ``Failed`` (``Undetermined``), and what the tracker's door raises.
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
        """Find the person by address, or make it."""
        known = self.progress.candidate
        if known is not None:
            if await record_lookups.read_candidate(self._client, known) is not None:
                return
            # Deleted since an earlier command failed: all of its work went with it.
            await self._save(AttemptProgress(), None, f"candidate {known} is gone: beginning anew")
        found = await self._existing()
        lost_answer = self.progress.started == CREATING
        if found is not None:
            what = f"candidate {found} " + ("was made by the call" if lost_answer else "has this address")
            await self._step_done(what, new_address=True, candidate=found, made=lost_answer)
            return
        if lost_answer and not record_lookups.can_find_people(self._client):
            await self._may_repeat(CREATING, "candidates")
        fields = self._wanted.person.whole()
        try:
            written = await self._write(CREATING, lambda: writes.create_candidate(self._client, fields))
        except AlreadyThere as error:
            if not lost_answer:
                # Somebody else made it: it is not ours to write over when it is found.
                await self._save(msgspec.structs.replace(self.progress, started=None), None, str(error))
            raise self._known_by_nobody(str(error)) from error
        if written.record_id is None:
            raise Undetermined(
                f"{written.said}, without the candidate's id", retry_after_seconds=_SOON_SECONDS
            )
        filled = set(fields) <= written.stored
        what = f"{written.said}: candidate {written.record_id}"
        await self._step_done(what, new_address=True, candidate=written.record_id, made=True, filled=filled)

    async def _existing(self) -> str | None:
        """The candidate who has this address: by the bridge's own index, then by TrackerRMS's search."""
        for remote_id in await lookups.candidates_at(self._account.db, self._account.id, self._place.address):
            if await self._has_address(str(remote_id)):
                return str(remote_id)
        if record_lookups.can_find_people(self._client):
            return await self._person()
        if self.progress.started == CREATING:
            return await self._recently_made()
        if not await self._account.is_read("candidates"):
            raise Failed(
                "INTEGRATION.SETUP_SYNC_PENDING",
                "whether the candidate exists can't be told before all candidates have been read once",
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
            raise self._known_by_nobody("TrackerRMS knows this address")
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

    def _known_by_nobody(self, said: str) -> Failed:
        return Failed(
            "INTEGRATION.SETUP_SYNC_PENDING",
            f"{said}, and does not say which record has it; the bridge has read none with it yet, and looks "
            "again until its polls find it",
            retryable=True,
        )

    async def _fill(self) -> None:
        """What the creating call had no place for; of a candidate that was there, what is blank."""
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
                f"candidate {candidate} existed already; what it says was kept: {', '.join(kept)}"
            )
        what = "nothing was missing"
        if missing:
            # Setting values twice is setting them once: there is nothing to look for.
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
            # Deleted since an earlier command failed: this is a new application.
            fresh = msgspec.structs.replace(self.progress, application=None, staged=None)
            await self._save(fresh, None, f"application {known} is gone: adding anew")
        lost_answer = self.progress.started == ADDING
        there = await self._application_there(look_at_list=lost_answer)
        if there is not None and not lost_answer:
            raise self._already_applied(there)
        if there is not None:
            await self._step_done(f"application {there} was made by the call", application=there)
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

    def _already_applied(self, application: str | None) -> Failed:
        which = "" if application is None else f": application {application}"
        return Failed(
            "ATS.APPLICATION_ALREADY_EXISTS",
            f"candidate {self._made_candidate()} has applied to job {self._wanted.job} before{which}",
        )

    def _not_listed(self, said: str) -> Undetermined:
        return Undetermined(
            f"{said}, and no list shows the application of candidate {self._made_candidate()} on job "
            f"{self._wanted.job} yet",
            retry_after_seconds=_SOON_SECONDS,
        )

    async def _move(self) -> None:
        stage, application = self._wanted.stage, self.progress.application
        if stage is None or application is None or self.progress.staged == stage:
            return
        # Setting the stage twice is setting it once; the read at the end shows whether it took.
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
        """Whether the call whose answer was lost attached it. Raises ``Undetermined`` where none can tell."""
        try:
            for document in await record_lookups.read_documents(self._client, candidate):
                if document.filename == file.name and file.content == await record_lookups.document_content(
                    self._client, candidate, document.remote_id
                ):
                    return True
        except Refused as error:
            raise Undetermined(f"whether {file.digest[:12]} was attached can't be told: {error}") from error
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
            raise Failed(
                "REMOTE.SERVICE_UNAVAILABLE",
                f"candidate {candidate} was there a moment ago, and is answered as gone",
                retryable=True,
            )
        return found

    def _made_candidate(self) -> str:
        if self.progress.candidate is None:
            raise AssertionError("the candidate comes first")
        return self.progress.candidate

    # --- noting steps ---

    async def _write(self, step: str, call: Callable[[], Awaitable[WriteReceipt]]) -> WriteReceipt:
        """Send a call that may not be sent twice. What leaves its effect open leaves the step started."""
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
            # It was not carried out, or not even sent.
            await self._save(msgspec.structs.replace(self.progress, started=None), None, str(error))
            raise

    async def _may_repeat(self, action: str, resource: str) -> None:
        """Raise ``Undetermined`` unless a call that no list shows may be sent again by now."""
        window = await self._account.readback_seconds(resource)
        left = window - (utc_now() - self._started_at()).total_seconds()
        if not writes.can_repeat(self._client, action):
            raise Undetermined(
                f"whether {action} took effect can't be told: nothing shows it so far",
                retry_after_seconds=max(left, _SOON_SECONDS),
            )
        if left > 0:
            raise Undetermined(
                f"{action} may have taken effect: its answer was lost, and the list may be late",
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
    """The job, if somebody can apply to it. Raises ``Failed``."""
    if found is None:
        raise input_invalid(f"{where}: TrackerRMS has no job {job}")
    if found.closed:
        raise Failed("ATS.JOB_CLOSED", f"job {job} is closed in TrackerRMS")
    return found
