"""The demo's scenario: the changes made in TrackerRMS, in order, then the commands."""

import base64
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct
from trackerrms_contracts.commands import CommandType

CANDIDATES, JOBS, APPLICATIONS, USERS = 300, 50, 400, 12
SEED = 11


class ScenarioStep(Struct, frozen=True, kw_only=True):
    """A change.

    ``after`` names a step whose events must arrive first. ``new`` gives the id of the created record a name,
    which ``uses`` (field → name) of a later step refers to.
    """

    says: str
    op: str
    entity: str
    id: int | None = None
    fields: Mapping[str, Any] = {}
    new: str | None = None
    uses: Mapping[str, str] = {}
    after: str | None = None


_DELETED = "A candidate is deleted"

STEPS = (
    ScenarioStep(says="A candidate's job title", op="update", entity="resource", id=105,
         fields={"jobTitle": "Head of Data"}),
    ScenarioStep(says=_DELETED, op="delete", entity="resource", id=116),
    ScenarioStep(says="A candidate gets a new tag", op="update", entity="resource", id=110,
         fields={"tagText": "HGV Class 1, Open to relocate"}),
    ScenarioStep(says="An application advances", op="update", entity="opportunity_resource", id=521,
         fields={"opportunityResourceStatusId": 6}),
    ScenarioStep(says="An application is rejected", op="update", entity="opportunity_resource", id=530,
         fields={"opportunityResourceStatusId": 10, "rejectionReason": "Found a better fit",
                 "activeRecord": False}),
    ScenarioStep(says="A job changes its owner", op="update", entity="opportunity", id=1009,
         fields={"fifthOwnerId": 24, "fifthOwnerRoleId": 5}),
    ScenarioStep(says="A job's advert is rewritten", op="update", entity="opportunity", id=1010,
         fields={"advertStatus": "A", "publishOnline": True, "publishTitle": "Data Engineer, Leeds"}),
    ScenarioStep(says="A new candidate", op="create", entity="resource", new="candidate",
         fields={"firstName": "Ada", "surname": "Example", "jobTitle": "Engineer",
                 "email": "ada@example.org", "tagText": "Python"}),
    ScenarioStep(says="… is added to a job", op="create", entity="opportunity_resource",
         fields={"opportunityId": 1003, "opportunityResourceStatusId": 2}, uses={"resourceId": "candidate"}),
    ScenarioStep(says="A colleague's e-mail changes", op="update", entity="user", id=23,
         fields={"email": "new.address@agency.example"}),
    ScenarioStep(says="A new stage in the pipeline", op="create", entity="status",
         fields={"name": "Reference Check", "group": "Internal"}),
    ScenarioStep(says="The candidate is restored", op="undelete", entity="resource", id=116, after=_DELETED),
)  # fmt: skip

# --- commands ---------------------------------------------------------------------------------------------

EMAIL = "grace@example.org"
CV_STORED = "CV.pdf (resume)"
_CV = b"%PDF-1.4\n% Grace Example, radio engineer, Leeds\n%%EOF\n"

CreatedIds = Mapping[str, str]
"""The ids of what the first command created, by name."""


class Order(Struct, frozen=True, kw_only=True):
    """A command. ``events`` are the events that it must cause, for the created candidate or application.
    Two orders with one ``command_id`` are the same command, published twice."""

    says: str
    kind: CommandType
    data: Callable[[CreatedIds], Mapping[str, Any]]
    events: tuple[str, ...] = ()
    command_id: str = ""


FIRST_COMMAND = "Kafka admits the consumer"
STATUSES = {"method": "GET", "path": "/api/v1/MetaData"}

_APPLICATION = {
    "candidate": {
        "first_name": "Grace", "last_name": "Example", "email_address": EMAIL, "title": "Radio Engineer",
        "location": {"city": "Leeds", "country": "GB"},
        "social_links": [{"url": "https://www.linkedin.com/in/grace-example"}],
    },
    "application": {"job_id": "remote:1014", "stage_id": "remote:2"},
    "attachments": [{"name": "CV.pdf", "type": "CV", "content_type": "application/pdf",
                     "data": base64.b64encode(_CV).decode()}],
    "source": {"name": "Careers page"},
}  # fmt: skip

COMMANDS = (
    Order(says="Grace applies, with her CV", kind="candidate.create", command_id="grace-applies",
          data=lambda made: _APPLICATION, events=("candidate.created", "application.created")),
    Order(says="… the same command again", kind="candidate.create", command_id="grace-applies",
          data=lambda made: _APPLICATION),
    Order(says="List her documents", kind="passthrough.request",
          data=lambda made: {"method": "GET",
                             "path": f"/api/v1/Resource/{made['remote_candidate']}/Documents"}),
    Order(says="She moves to the interview", kind="application.move_to_stage",
          data=lambda made: {"application_id": made["application"], "stage_id": "remote:5"},
          events=("application.updated",)),
    Order(says="She is rejected, with a note", kind="application.reject",
          data=lambda made: {"application_id": made["application"], "rejection_reason_id": "remote:11",
                             "note": "Somebody signed yesterday"},
          events=("application.updated",)),
)  # fmt: skip
