"""The scope test that writes: each action carried out for real on a candidate made for it, then removed.

The candidate carries a mark of its own in its job title and e-mail address. Only what bears that mark is
removed: should TrackerRMS answer a creation with a person it knew, that person stays. Field shapes are the
vendor's for the widget API; those of REST are as sure as the table's calls.
"""

import base64
import secrets
from collections.abc import Awaitable, Mapping
from datetime import timedelta
from typing import Any

import msgspec
from msgspec import Struct

from bridge.errors import Permanent, Throttled
from bridge.tracker import pages, probe, writing
from bridge.tracker.client import Client, Gone, utc_now
from bridge.tracker.probe import Verdict
from bridge.tracker.problems import AccountFault, Refused, Unreadable
from bridge.tracker.reading import Reader, Record
from bridge.tracker.shapes import ResourceName, map_key
from bridge.tracker.writing import Written

FIRST_NAME, LAST_NAME = "Bridge", "Check"
NOTE = "Trial of the bridge: may be removed"
CLEANUP = ("find_candidate", "remove_candidate")
"""Names of the verdicts that are no action's: whether the trial left anything behind."""
_FILENAME = "bridge-check.txt"
_JOB_PAGES = 20
_RECENT_PAGES = 3
_RECENT = timedelta(minutes=10)


class Tried(Struct, frozen=True, kw_only=True):
    """What came of the trial: a verdict for each action and for the removal, and the ids of the records."""

    verdicts: tuple[Verdict, ...]
    ids: Mapping[str, str]
    """``candidate``, ``job``, ``application``: as far as the trial came."""


async def run(client: Client) -> Tried:
    """Create a candidate, attach a document, add it to the newest open job, move and reject it, remove it.

    The removal is tried whatever happened before. Raises what ends the process (``Fatal``), after that.
    """
    trial = _Trial(client)
    try:
        await trial.write()
    finally:
        await trial.remove()
    return Tried(verdicts=tuple(trial.verdicts), ids=trial.ids)


class _Trial:
    def __init__(self, client: Client) -> None:
        self._client = client
        self._mark = f"bridge-check-{secrets.token_hex(6)}"
        self._lost = False
        self._answered: str | None = None
        self.verdicts: list[Verdict] = []
        self.ids: dict[str, str] = {}

    async def write(self) -> None:
        """Every action in turn; one that needs what an earlier one did not make is told so."""
        await self._step("create_candidate", self._create())
        await self._step("attach_document", self._attach())
        await self._step("add_to_job", self._add_to_job())
        await self._step("move_stage", self._move())
        await self._step("reject", self._reject())

    async def remove(self) -> None:
        """Delete the candidate and look that it is gone; say what is left where it is not."""
        if self._lost:
            await self._step(CLEANUP[0], self._find_lost())
            self._explain(
                f"nobody can tell whether a candidate {FIRST_NAME} {LAST_NAME} with the job title "
                f"{self._mark} was made; look for it in TrackerRMS and remove it by hand"
            )
        if "candidate" in self.ids:
            await self._step(CLEANUP[1], self._remove())
            self._explain(
                f"candidate {self.ids['candidate']} ({FIRST_NAME} {LAST_NAME}) is left in TrackerRMS: remove "
                "it by hand"
            )

    def _explain(self, what: str) -> None:
        last = self.verdicts[-1]
        if last.result != "works":
            self.verdicts[-1] = msgspec.structs.replace(last, reason=f"{what} ({last.reason})")

    async def _step(self, name: str, work: Awaitable[str]) -> None:
        self.verdicts.append(await probe.judged(name, self._told(name, work)))

    async def _told(self, name: str, work: Awaitable[str]) -> Verdict:
        return Verdict(name=name, result="works", reason=await work)

    async def _create(self) -> str:
        self._lost = True
        try:
            written = await writing.create_candidate(
                self._client,
                first_name=FIRST_NAME,
                last_name=LAST_NAME,
                title=self._mark,
                email=f"{self._mark}@example.com",
                note=NOTE,
            )
        except (Refused, AccountFault, Throttled) as error:
            self._lost = isinstance(error, Refused) and error.status >= 500
            raise
        self._answered = written.record_id
        if self._answered is None:
            raise Unreadable(f"{written.said}, without the new candidate's id")
        ours = self._is_ours(await self._record("candidates", self._answered))
        self._lost = False
        if not ours:
            raise Unreadable(
                f"{written.said}, and candidate {self._answered} is not the one that was sent; "
                "it is left alone"
            )
        self.ids["candidate"] = self._answered
        return f"{written.said}; candidate {self._answered} read back"

    async def _attach(self) -> str:
        candidate = self._need("candidate")
        content = base64.b64encode(b"Written by bridge check --write.\n").decode()
        written = await writing.attach_document(
            self._client, candidate, filename=_FILENAME, document_type="general", content_base64=content
        )
        listed = writing.documents_call(self._client)
        answer = await self._client.request(listed.method, listed.filled(id=candidate), repeatable=True)
        if answer.status != 200 or not answer.body.strip():
            return f"{written.said}; not read back, for its list of documents answered {answer.status}"
        if _FILENAME not in _texts(pages.decode(answer.body)):
            raise Unreadable(f"{written.said}, and the candidate's documents do not name it")
        return f"{written.said}; named among candidate {candidate}'s documents"

    async def _add_to_job(self) -> str:
        candidate = self._need("candidate")
        job, among = await self._newest_open_job()
        self.ids["job"] = job
        written = await writing.add_to_job(self._client, job, candidate)
        application = await self._application_of(job, candidate, written)
        if application is None:
            raise Unreadable(
                f"{written.said}, and no application of candidate {candidate} on job {job} is seen"
            )
        self.ids["application"] = application
        return f"{written.said}; application {application} on job {job}, the newest of {among} open ones"

    async def _move(self) -> str:
        application = self._need("application")
        now = (await self._application(application)).reference("stage_id")
        stage = await self._stage(declined=False, other_than=now)
        written = await writing.move_stage(self._client, application, stage)
        await self._expect_stage(application, stage, written)
        return f"{written.said}; application {application} read back at stage {stage}"

    async def _reject(self) -> str:
        application = self._need("application")
        stage = await self._stage(declined=True, other_than=None)
        written = await writing.reject(self._client, application, stage, NOTE)
        found = await self._expect_stage(application, stage, written)
        if found.text("rejection_reason") != NOTE:
            raise Unreadable(
                f"{written.said} and rejected, but its note is not read back; correct "
                "fields.application.rejection_reason"
            )
        return f"{written.said}; application {application} read back at stage {stage} with its note"

    async def _remove(self) -> str:
        candidate = self.ids["candidate"]
        delete = writing.delete_call(self._client)
        path = delete.filled(id=candidate)
        answer = await self._client.request(delete.method, path)
        said = f"{delete.method} {path} answered {answer.status}"
        found = await self._client.detail("candidates", candidate)
        if not isinstance(found, Gone):
            raise Refused(f"{said}, and it is still read by id", answer.status)
        return f"{said}; read by id it is answered {found.status}" + await self._left_application()

    async def _left_application(self) -> str:
        application = self.ids.get("application")
        if application is None:
            return ""
        found = await self._client.detail("applications", application)
        return "" if isinstance(found, Gone) else f"; its application {application} is still there"

    async def _find_lost(self) -> str:
        """The candidate whose creation was not answered readably: by the answer's id, or the newest rows."""
        for candidate in [self._answered] if self._answered else await self._recent_with_mark():
            if self._is_ours(await self._record("candidates", candidate)):
                self.ids["candidate"] = candidate
                return f"candidate {candidate} was made nonetheless"
        raise Unreadable("the list of candidates does not show it by now")

    async def _recent_with_mark(self) -> list[str]:
        table = self._client.settings["candidates"]
        found = []
        for number in range(1, _RECENT_PAGES + 1):
            page = await self._client.pages("candidates", updated_after=utc_now() - _RECENT, number=number)
            rows = [Reader(table.entity, table.fields, row.decode(), None) for row in page.rows]
            found += [row.id for row in rows if row.text("title") == self._mark]
            if not page.has_next:
                break
        return found

    async def _newest_open_job(self) -> tuple[str, int]:
        """The open job with the highest id, and among how many; of a long list, its first pages."""
        state = self._client.settings["jobs"].states[0]
        found: list[str] = []
        for number in range(1, _JOB_PAGES + 1):
            page = await self._client.pages("jobs", state=state, number=number)
            found += [row.remote_id for row in page.rows]
            if not page.has_next:
                break
        if not found:
            raise NotTried("there is no open job to add the candidate to")
        return max(found, key=int), len(found)

    async def _application_of(self, job: str, candidate: str, written: Written) -> str | None:
        """The application that the answer names, when it is of this job and candidate."""
        if written.record_id is None:
            return None
        found = await self._application(written.record_id)
        same = (found.reference("job_id"), found.reference("candidate_id")) == (job, candidate)
        return written.record_id if same else None

    async def _stage(self, *, declined: bool, other_than: str | None) -> str:
        """A placement status that rejects, or one in which an application goes on."""
        table = self._client.settings["statuses"]
        page = await self._client.statuses()
        for row in page.rows:
            status = Reader(table.entity, table.fields, row.decode(), None)
            outcome = self._outcome(status)
            if status.id != other_than and outcome == ("DECLINED" if declined else None):
                return status.id
        what = "that rejects" if declined else "to move to"
        raise NotTried(f"no placement status {what} is in the list")

    def _outcome(self, status: Reader) -> str | None:
        known = self._client.settings.maps.outcome
        words = (status.text("name"), status.text("group"))
        return next((known[map_key(word)] for word in words if word and map_key(word) in known), None)

    async def _expect_stage(self, application: str, stage: str, written: Written) -> Reader:
        found = await self._application(application)
        if found.reference("stage_id") != stage:
            raise Unreadable(f"{written.said}, and the application is not read back at stage {stage}")
        return found

    async def _application(self, application: str) -> Reader:
        table = self._client.settings["applications"]
        return Reader(table.entity, table.fields, None, await self._record("applications", application))

    async def _record(self, name: ResourceName, remote_id: str) -> Record:
        found = await self._client.detail(name, remote_id)
        if isinstance(found, Gone):
            raise Unreadable(f"{name} {remote_id} was just written, and by id it is answered {found.status}")
        return found.record

    def _is_ours(self, record: Record) -> bool:
        table = self._client.settings["candidates"]
        found = Reader(table.entity, table.fields, None, record)
        return self._mark == found.text("title") or f"{self._mark}@example.com" == found.text("email")

    def _need(self, name: str) -> str:
        if name not in self.ids:
            raise NotTried(f"not tried: there is no trial {name}")
        return self.ids[name]


class NotTried(Permanent):
    """An action that needs what is not there."""


def _texts(value: Any) -> set[str]:
    """Every text in a JSON value."""
    if isinstance(value, str):
        return {value}
    inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    return {text for one in inner for text in _texts(one)}
