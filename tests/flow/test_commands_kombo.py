"""Kombo's published requests are taken as they are, and its own client's types read our results.

The requests are the examples of Kombo's Python SDK 1.4.0 (docs/sdks/ats/README.md), with only the ids that
must name records replaced.
"""

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
import pytest_asyncio
from kombo import models
from trackerrms_contracts.entities import Model

from tests.commanding import ending
from tests.databases import Databases
from tests.flow.commanded import REST, Bench, bridge_id, commanded, digest, warnings

pytestmark = pytest.mark.asyncio(loop_scope="module")

CV_TEXT = b"Hi there, Kombo is currently hiring engineers that love to work on developer products."
ATTACHMENTS = [
    {
        "name": "Frank Doe CV.txt",
        "data": "SGkgdGhlcmUsIEtvbWJvIGlzIGN1cnJlbnRseSBoaXJpbmcgZW5naW5lZXJzIHRoYXQgbG92ZSB0byB3b3JrIG9uIGRl"
        "dmVsb3BlciBwcm9kdWN0cy4=",
        "type": "CV",
        "content_type": "text/plain",
    }
]
ANSWERS = [
    {"question_id": "3phFBNXRweGnDmsU9o2vdPuQ", "answer": "Yes"},
    {
        "question_id": "EYJjhMQT3LtVKXnTbnRT8s6U",
        "answer": ["GUzE666zfyjeoCJX6A8n7wh6", "5WPHzzKAv8cx97KtHRUV96U8", "7yZfKGzWigXxxRTygqAfHvyE"],
    },
]
FRANK = {
    "first_name": "Frank",
    "last_name": "Doe",
    "company": "Acme Inc.",
    "title": "Head of Integrations",
    "email_address": "frank.doe@example.com",
    "phone_number": "+1-541-754-3010",
    "gender": "MALE",
    "salary_expectations": {"amount": 100000, "period": "YEAR"},
    "availability_date": "2021-01-01",
}
LINKS = ["https://www.linkedin.com/in/frank-doe-123456789/", "https://twitter.com/frankdoe"]
CREATE_CANDIDATE = {
    "candidate": FRANK
    | {
        "location": {"city": "New York", "country": "US", "state": "NY"},
        "social_links": [{"url": link} for link in LINKS],
    },
    "application": {"job_id": "BDpgnpZ148nrGh4mYHNxJBgx", "stage_id": "8x3YKRDcuRnwShdh96ShBNn1"},
    "attachments": ATTACHMENTS,
    "screening_question_answers": ANSWERS,
    "remote_fields": {},
}
CREATE_APPLICATION = {
    "candidate": FRANK
    | {"location": {"city": "New York", "zip_code": "10016", "state": "NY", "country": "US"}},
    "stage_id": "8x3YKRDcuRnwShdh96ShBNn1",
    "attachments": ATTACHMENTS,
    "screening_question_answers": ANSWERS,
    "remote_fields": {},
}
STAGE = {"stage_id": "3PJ8PZhZZa1eEdd2DtPNtVup", "remote_fields": {}}
REJECT = {
    "rejection_reason_id": "3PJ8PZhZZa1eEdd2DtPNtVup",
    "note": "Candidate was a great culture fit but didn't bring the hard skills we need.",
    "remote_fields": {},
}


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=["widget", "rest"])
async def bench(
    databases: Databases, kafka_bootstrap: str, request: pytest.FixtureRequest
) -> AsyncIterator[Bench]:
    settings = {"tracker": {"actions": REST}} if request.param == "rest" else {}
    async with commanded(databases, kafka_bootstrap, integration=settings) as made:
        await made.bridge.agree()
        yield made


async def _frank_is_nobody(bench: Bench) -> None:
    for candidate in await bench.people(str(FRANK["email_address"])):
        await bench.remote.change("delete", "resource", int(candidate))


def _answer(result: dict[str, Any]) -> bytes:
    """Our result as the body of Kombo's response."""
    assert ending(result) == "succeeded", result
    data = result["data"]
    return orjson.dumps({"status": "success", "data": data["result"], "warnings": data["warnings"]})


async def test_create_candidate(bench: Bench) -> None:
    await _frank_is_nobody(bench)
    job, stage = await bench.job(), bridge_id(Model.APPLICATION_STAGE, "4")
    place = {"application": {"job_id": bridge_id(Model.JOB, job), "stage_id": stage}}
    result = await bench.caller.run("candidate.create", CREATE_CANDIDATE | place)
    told = models.PostAtsCandidatesPositiveResponse.model_validate_json(_answer(result)).data
    [frank] = await bench.people("frank.doe@example.com")
    assert (told.id, told.remote_id) == (bridge_id(Model.CANDIDATE, frank), frank)
    assert (told.first_name, told.last_name, told.company) == ("Frank", "Doe", "Acme Inc.")
    assert told.title == "Head of Integrations"
    assert [mail.email_address for mail in told.email_addresses or []] == ["frank.doe@example.com"]
    assert [phone.phone_number for phone in told.phone_numbers or []] == ["+1-541-754-3010"]
    assert told.location
    assert (told.location.city, told.location.country, told.location.state) == ("New York", "US", "NY")
    [application] = told.applications
    assert application.remote_id == (await bench.applications(frank))[0]
    assert (application.outcome, application.rejection_reason_name) == ("PENDING", None)
    assert application.current_stage is not None
    assert (application.current_stage.id, application.current_stage.name) == (stage, "CV Sent")
    assert application.job is not None
    assert (application.job.id, application.job.remote_id) == (bridge_id(Model.JOB, job), job)
    assert told.tags == []
    assert await bench.documents(frank) == [("Frank Doe CV.txt", "resume", digest(CV_TEXT))]
    note = (await bench.stored("resource", frank))["note"]
    assert note == "Profile: https://twitter.com/frankdoe\nAvailable from: 2021-01-01"
    assert [w.partition(":")[0] for w in warnings(result)] == [
        "screening_question_answers",
        "candidate.gender",
    ]


async def test_create_application(bench: Bench) -> None:
    await _frank_is_nobody(bench)
    job, stage = await bench.job(), bridge_id(Model.APPLICATION_STAGE, "5")
    data = CREATE_APPLICATION | {"job_id": f"remote:{job}", "stage_id": stage}
    result = await bench.caller.run("application.create", data)
    answer = models.PostAtsJobsJobIDApplicationsPositiveResponse.model_validate_json(_answer(result))
    told = answer.data
    [frank] = await bench.people("frank.doe@example.com")
    [application] = await bench.applications(frank)
    assert (told.id, told.remote_id) == (bridge_id(Model.APPLICATION, application), application)
    assert (told.outcome, told.rejection_reason_name) == ("PENDING", None)
    assert (told.job_id, told.candidate_id) == (bridge_id(Model.JOB, job), bridge_id(Model.CANDIDATE, frank))
    assert told.current_stage_id == stage
    assert told.candidate is not None
    assert (told.candidate.id, told.candidate.last_name) == (told.candidate_id, "Doe")
    assert told.candidate.location
    assert told.candidate.location.zip_code == "10016"
    assert told.job is not None
    assert told.job.remote_id == job
    assert [warning.message.partition(":")[0] for warning in answer.warnings] == [
        "screening_question_answers",
        "candidate.gender",
    ]


async def test_move_application_to_stage(bench: Bench) -> None:
    application, stage = await bench.an_application(), bridge_id(Model.APPLICATION_STAGE, "6")
    data = STAGE | {"application_id": f"remote:{application}", "stage_id": stage}
    answer = _answer(await bench.caller.run("application.move_to_stage", data))
    told = models.PutAtsApplicationsApplicationIDStagePositiveResponse.model_validate_json(answer)
    assert told.warnings == []
    assert (await bench.stored("opportunity_resource", application))["opportunityResourceStatusId"] == 6


async def test_reject_application(bench: Bench) -> None:
    application, reason = await bench.an_application(), bridge_id(Model.REJECTION_REASON, "11")
    data = REJECT | {"application_id": f"remote:{application}", "rejection_reason_id": reason}
    answer = _answer(await bench.caller.run("application.reject", data))
    told = models.PostAtsApplicationsApplicationIDRejectPositiveResponse.model_validate_json(answer)
    assert told.warnings == []
    stored = await bench.stored("opportunity_resource", application)
    assert (stored["opportunityResourceStatusId"], stored["rejectionReason"]) == (11, REJECT["note"])


@pytest.mark.parametrize(
    ("action", "example"),
    [
        (models.PostAtsCandidatesRequestBody, CREATE_CANDIDATE),
        (models.PostAtsJobsJobIDApplicationsRequestBody, CREATE_APPLICATION),
        (models.PutAtsApplicationsApplicationIDStageRequestBody, STAGE),
        (models.PostAtsApplicationsApplicationIDRejectRequestBody, REJECT),
    ],
)
async def test_the_examples_are_what_kombo_takes(action: Any, example: dict[str, Any]) -> None:
    action.model_validate(example)
