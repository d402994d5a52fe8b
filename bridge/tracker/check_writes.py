"""The scope test that writes: carries out each action on a candidate created for it, then removes the
candidate.

The candidate has a unique mark in its job title and e-mail address. Only a candidate with that mark is
removed: if TrackerRMS answers the creation with an existing person, that person stays. Field shapes are the
vendor's for the widget API; those of REST are as certain as the table's calls.
"""

import base64
import secrets
from collections.abc import Awaitable, Mapping, Sequence

import msgspec
from msgspec import Struct
from trackerrms_contracts.profiles import Finding
from trackerrms_contracts.profiles import Verdict as Judgment

from bridge.clock import utc_now
from bridge.errors import BridgeError, Throttled
from bridge.tracker import check_reads, check_writes_records, record_lookups, writes
from bridge.tracker.by_id import RecordGone
from bridge.tracker.check_reads import ReadVerdict
from bridge.tracker.check_writes_findings import TrialFindings
from bridge.tracker.check_writes_records import WriteSkipped
from bridge.tracker.client import Client
from bridge.tracker.errors import AccountFault, Refused, Unreachable, Unreadable
from bridge.tracker.record_lookups import ApplicationFound, CandidateFound, Document
from bridge.tracker.writes import WriteReceipt

FIRST_NAME, LAST_NAME = "Bridge", "Check"
NOTE = "Trial of the bridge: may be removed"
CLEANUP = ("find_candidate", "remove_candidate")
"""The verdicts that are not about an action but about removing the trial's records."""
_FILENAME = "bridge-check.txt"
# Fields that creation may not accept; each is read back after the update.
_UPDATES: Mapping[str, str | float] = {
    "company": "Bridge Check",
    "phone": "+44 7700 900000",
    "additional_phone": "+44 7700 900001",
    "linkedin": "https://www.linkedin.com/in/bridge-check",
    "street_1": "1 Trial Street",
    "city": "Leeds",
    "state": "West Yorkshire",
    "zip_code": "LS1 4AP",
    "country": "GB",
    "salary_amount": 1,
    "salary_text": NOTE,
    "source": FIRST_NAME,
}
WAIT_SECONDS = 20.0
"""How long to wait for the list of applications. TrackerRMS's search may lag by hours, but a person waits."""


class TrialResult(Struct, frozen=True, kw_only=True):
    """The outcome of the trial: a verdict for each action and for the removal, and the ids of the records."""

    verdicts: tuple[ReadVerdict, ...]
    ids: Mapping[str, str]
    """The ids of ``candidate``, ``job`` and ``application``, as far as the trial created them."""
    findings: tuple[Finding, ...]
    """The findings about the assumptions on writing."""


async def run_trial(client: Client, wait_seconds: float = WAIT_SECONDS) -> TrialResult:
    """Create a candidate, attach a document, add it to the newest open job, move, reject and remove it.

    ``wait_seconds``: how long to search the list of applications if no answer has the new one's id. The
    removal is tried in any case. Raises only ``Fatal``, after the removal.
    """
    trial = _Trial(client, wait_seconds)
    try:
        await trial.write()
    finally:
        await trial.remove()
    return TrialResult(verdicts=tuple(trial.verdicts), ids=trial.ids, findings=trial.findings.all)


class _Trial:
    def __init__(self, client: Client, wait_seconds: float) -> None:
        self._client = client
        self._wait_seconds = wait_seconds
        self._mark = f"bridge-check-{secrets.token_hex(6)}"
        self._email = f"{self._mark}@example.com"
        self._lost = False
        self._answered: str | None = None
        self.verdicts: list[ReadVerdict] = []
        self.findings = TrialFindings(utc_now().date())
        self.ids: dict[str, str] = {}

    async def write(self) -> None:
        """Carry out every action in turn. An action that depends on a failed one is not tried."""
        self.findings.note("writes.candidate.owner", "unknown", "no trial names a user as the owner")
        await self._step("create_candidate", self._create())
        await self._step("update_candidate", self._update())
        if record_lookups.can_find_people(self._client):
            await self._step("find_person", self._find_person())
        await self._step("attach_document", self._attach())
        await self._step("add_to_job", self._add_to_job())
        await self._step("move_stage", self._move())
        await self._step("reject", self._reject())

    async def remove(self) -> None:
        """Delete the candidate and verify that it is gone. Report what is left if it is not."""
        if self._lost:
            await self._step(CLEANUP[0], self._find_lost())
            self._explain(
                f"it is unknown if a candidate {FIRST_NAME} {LAST_NAME} with the job title {self._mark} was "
                "created; look for it in TrackerRMS and remove it by hand"
            )
        if "candidate" in self.ids:
            await self._step(CLEANUP[1], self._remove())
            self._explain(
                f"candidate {self.ids['candidate']} ({FIRST_NAME} {LAST_NAME}) is left in TrackerRMS; "
                "remove it by hand"
            )

    def _explain(self, what: str) -> None:
        last = self.verdicts[-1]
        if last.result != "works":
            self.verdicts[-1] = msgspec.structs.replace(last, reason=f"{what} ({last.reason})")

    async def _step(self, name: str, work: Awaitable[str]) -> None:
        self.verdicts.append(await check_reads.judge_trial(name, self._run(name, work)))

    async def _run(self, name: str, work: Awaitable[str]) -> ReadVerdict:
        try:
            reason = await work
        except (WriteSkipped, Throttled, Unreachable) as error:
            self._judge(name, "unknown", str(error))
            raise
        except BridgeError as error:
            self._judge(name, "refuted", str(error))
            raise
        self._judge(name, "proved", reason)
        return ReadVerdict(name=name, result="works", reason=reason)

    def _judge(self, name: str, judgment: Judgment, evidence: str) -> None:
        if name != CLEANUP[0]:
            self.findings.note(f"trial.{name}", judgment, evidence)
        if judgment == "proved" and name in self._client.settings.actions:
            self.findings.note(f"actions.{name}", judgment, evidence)

    async def _create(self) -> str:
        self._lost = True
        sent = {
            "first_name": FIRST_NAME,
            "last_name": LAST_NAME,
            "title": self._mark,
            "email": self._email,
            "note": NOTE,
        }
        try:
            written = await writes.create_candidate(self._client, sent)
        except (Refused, AccountFault, Throttled) as error:
            self._lost = isinstance(error, Refused) and error.status >= 500
            raise
        self._answered = written.record_id or await check_writes_records.made(
            self._client, self._email, self._is_ours
        )
        if self._answered is None:
            raise Unreadable(
                f"{written.said}, without the new candidate's id, and it can't be found by its e-mail; "
                "choose another call with actions.create_candidate or paths.create_candidate"
            )
        found = await self._candidate(self._answered)
        self._lost = False
        if not self._is_ours(found):
            raise Unreadable(
                f"{written.said}, but candidate {self._answered} is not the one that was sent; it is left "
                "unchanged"
            )
        self.ids["candidate"] = self._answered
        stored = {name: sent[name] for name in written.stored}
        self.findings.compare("candidate", stored, found.fields, written.said)
        return f"{written.said}; candidate {self._answered} read back"

    async def _update(self) -> str:
        candidate = self._need("candidate")
        second = f"second-{self._email}"
        wanted = {**_UPDATES, "additional_email": second}
        written = await writes.update_candidate(self._client, candidate, wanted)
        found = (await self._candidate(candidate)).fields
        lost = sorted(name for name in written.stored if found[name] != wanted[name])
        stored = {name: wanted[name] for name in written.stored}
        self.findings.compare("candidate", stored, found, written.said)
        for name, said in written.refused.items():
            self.findings.note(f"writes.candidate.{name}", "refuted", said)
        if len(lost) == len(written.stored):
            raise Unreadable(
                f"{written.said}, but none of its fields is read back; correct paths.update_candidate, or "
                "choose another call with actions.update_candidate"
            )
        said = f"{written.said}; read back on candidate {candidate}"
        if written.refused:
            first = next(iter(written.refused))
            raise Refused(
                f"{said}, but TrackerRMS refused {', '.join(written.refused)} ({written.refused[first]}); "
                f"correct {writes.place_to_correct(first, 'candidate')} and so on, or set them to []",
                400,
            )
        missing = f", except {', '.join(lost)}; correct writes.candidate or fields.candidate" if lost else ""
        return said + missing

    async def _find_person(self) -> str:
        candidate = self._need("candidate")
        found = await record_lookups.person_by_email(self._client, self._email)
        off = 'set actions.find_person = "off" if it does not find people'
        if found is None:
            raise Unreadable(f"no person is found by the e-mail address of candidate {candidate}; {off}")
        if found.remote_id not in (None, candidate):
            raise Unreadable(f"searched for candidate {candidate}, but {found.remote_id} was found; {off}")
        return f"candidate {candidate} found by e-mail" + (
            "" if found.remote_id else ", but the answer has no record id"
        )

    async def _attach(self) -> str:
        candidate = self._need("candidate")
        content = base64.b64encode(b"Written by bridge check --write.\n").decode()
        written = await self._attached(candidate, content)
        try:
            held = await record_lookups.read_documents(self._client, candidate)
        except (Refused, Unreadable) as error:
            self.findings.note("paths.documents", "refuted", str(error))
            return f"{written.said}; not read back: {error}"
        await self._look_at_documents(candidate, held, content)
        if _FILENAME not in [document.filename for document in held]:
            raise Unreadable(
                f"{written.said}, but the candidate's documents do not include it; correct "
                "fields.document.filename, or choose another call with actions.attach_document"
            )
        return f"{written.said}; listed among candidate {candidate}'s documents"

    async def _attached(self, candidate: str, content: str) -> WriteReceipt:
        """Attach the file. By REST, the answer shows if the field names are right."""
        settings = self._client.settings
        names = settings.writes["document"] if settings.actions["attach_document"].via == "rest" else ()
        try:
            written = await writes.attach_document(
                self._client, candidate, filename=_FILENAME, document_type="general", content_base64=content
            )
        except Refused as error:
            for name in names:
                self.findings.note(f"writes.document.{name}", "refuted", str(error))
            raise
        for name in names:
            self.findings.note(f"writes.document.{name}", "proved", written.said)
        return written

    async def _look_at_documents(self, candidate: str, held: Sequence[Document], content: str) -> None:
        """Judge the list of documents by the attached one, and the file itself."""
        said = f"{len(held)} documents are listed for candidate {candidate}"
        self.findings.note("paths.documents", "proved", said)
        if not held:
            return
        attached = next((document for document in held if document.filename == _FILENAME), None)
        typed = any(document.document_type for document in held)
        for name, read in (("id", True), ("filename", attached is not None), ("document_type", typed)):
            self.findings.note(f"fields.document.{name}", "proved" if read else "refuted", said)
        if attached is not None:
            await self._look_at_file(candidate, attached.remote_id, content)

    async def _look_at_file(self, candidate: str, document: str, content: str) -> None:
        try:
            same = await record_lookups.document_content(
                self._client, candidate, document
            ) == base64.b64decode(content)
        except (Refused, Unreadable) as error:
            self.findings.note("paths.document", "refuted", str(error))
            return
        said = f"document {document} is {'' if same else 'not '}the file that was attached"
        self.findings.note("paths.document", "proved" if same else "refuted", said)

    async def _add_to_job(self) -> str:
        candidate = self._need("candidate")
        job, among = await check_writes_records.newest_open_job(self._client)
        self.ids["job"] = job
        written = await writes.add_to_job(self._client, job, candidate)
        application = await check_writes_records.await_application(
            self._client, job, candidate, written.record_id, self._wait_seconds
        )
        if application is None:
            raise Unreadable(
                f"{written.said}, but no application of candidate {candidate} on job {job} is listed. If "
                "the list of applications is late, try again later; if none was created, choose another "
                "call with actions.add_to_job or paths.add_to_job"
            )
        self.ids["application"] = application
        return f"{written.said}; application {application} on job {job}, the newest of {among} open ones"

    async def _move(self) -> str:
        application = self._need("application")
        now = (await self._application(application)).stage
        stage = await self._stage(declined=False, other_than=now)
        written = await writes.move_stage(self._client, application, stage)
        await self._expect_stage(application, stage, written)
        return f"{written.said}; application {application} read back at stage {stage}"

    async def _reject(self) -> str:
        application = self._need("application")
        stage = await self._stage(declined=True, other_than=None)
        written = await writes.reject(self._client, application, stage, NOTE)
        found = await self._expect_stage(application, stage, written)
        self._judge_reason(written, found)
        said = f"{written.said}; application {application} read back at stage {stage}"
        key = writes.place_to_correct(writes.REASON)
        if writes.REASON in written.refused:
            raise Refused(
                f"{said}, but TrackerRMS refused its note ({written.refused[writes.REASON]}); set {key} to "
                "the right place, or to [] to omit it: rejections work without it",
                400,
            )
        if not writes.can_write_reason(self._client):
            return f"{said}; its note is not written, because {key} has no place for this call"
        if found.rejection_reason != NOTE:
            raise Unreadable(
                f"{written.said} and rejected, but its note is not read back; correct "
                f"fields.application.rejection_reason, or {key}"
            )
        return f"{said} with its note"

    def _judge_reason(self, written: WriteReceipt, found: ApplicationFound) -> None:
        if writes.REASON in written.refused:
            name = f"writes.application.{writes.REASON}"
            self.findings.note(name, "refuted", written.refused[writes.REASON])
        elif writes.can_write_reason(self._client):
            read = {writes.REASON: found.rejection_reason}
            self.findings.compare("application", {writes.REASON: NOTE}, read, written.said)

    async def _remove(self) -> str:
        candidate = self.ids["candidate"]
        delete = self._client.settings.calls["delete_candidate"]
        path = delete.filled(candidate=candidate)
        answer = await self._client.request(delete.method, path)
        said = f"{delete.method} {path} answered {answer.status}"
        found = await self._client.detail("candidates", candidate)
        if not isinstance(found, RecordGone):
            raise Refused(f"{said}, but it can still be read by id", answer.status)
        return f"{said}; by id it is answered {found.status}" + await self._left_application()

    async def _left_application(self) -> str:
        application = self.ids.get("application")
        if application is None:
            return ""
        found = await self._client.detail("applications", application)
        gone = isinstance(found, RecordGone)
        said = f"application {application} of the deleted candidate is {'gone' if gone else 'still there'}"
        self.findings.note("trial.remove_application", "proved" if gone else "refuted", said)
        return "" if gone else f"; its application {application} is still there"

    async def _find_lost(self) -> str:
        """Find the candidate whose creation had no readable answer: by the answered id, or in the newest
        rows."""
        for candidate in (
            [self._answered] if self._answered else await check_writes_records.recent(self._client)
        ):
            found = await record_lookups.read_candidate(self._client, candidate)
            if found is not None and self._is_ours(found):
                self.ids["candidate"] = candidate
                return f"candidate {candidate} was created nonetheless"
        raise Unreadable("the list of candidates does not show it yet")

    async def _stage(self, *, declined: bool, other_than: str | None) -> str:
        """Return a placement status that rejects, or one of an application in progress."""
        for status in await record_lookups.placement_statuses(self._client):
            if status.remote_id != other_than and status.outcome == ("DECLINED" if declined else "PENDING"):
                return status.remote_id
        what = "that rejects" if declined else "to move to"
        cure = "; maps.outcome defines which reject (DECLINED)" if declined else ""
        raise WriteSkipped(f"no placement status {what} is in the list{cure}")

    async def _expect_stage(self, application: str, stage: str, written: WriteReceipt) -> ApplicationFound:
        found = await self._application(application)
        self.findings.compare("application", {"stage": stage}, {"stage": found.stage}, written.said)
        if found.stage != stage:
            raise Unreadable(
                f"{written.said}, but the application is not read back at stage {stage}; correct "
                f"{writes.place_to_correct('stage')} or fields.application.stage_id"
            )
        return found

    async def _application(self, application: str) -> ApplicationFound:
        found = await record_lookups.read_application(self._client, application)
        if found is None:
            raise Unreadable(f"application {application} was just written, but can't be read by id")
        return found

    async def _candidate(self, candidate: str) -> CandidateFound:
        found = await record_lookups.read_candidate(self._client, candidate)
        if found is None:
            raise Unreadable(f"candidate {candidate} was just written, but can't be read by id")
        return found

    def _is_ours(self, found: CandidateFound) -> bool:
        return found.fields["title"] == self._mark or self._email in found.emails

    def _need(self, name: str) -> str:
        if name not in self.ids:
            raise WriteSkipped(f"not tried: the trial {name} was not created")
        return self.ids[name]
