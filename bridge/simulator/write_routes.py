"""Writing endpoints of REST: candidates, placements, documents. Every effect is a change of the world.

Assumed, because no one has seen them: adding to the shortlist, moving a placement by PATCH, the body of
AttachDocument, that adding a candidate to a job twice answers 200 with the existing placement, that attaching
a document counts as a save.
"""

import base64
import binascii
from collections.abc import Mapping
from functools import partial
from typing import Any

from bridge.simulator import fields
from bridge.simulator.dialects import writes
from bridge.simulator.plain_fields import plain_keys
from bridge.simulator.rest_routes import answer_unknown_id
from bridge.simulator.routing import Invalid, Reply, Route, SimulatedCall, json_reply, problem, said
from bridge.simulator.site import Site
from bridge.simulator.world import ChangeRefused

DOCUMENT_TYPES = ("general", "resume", "photo", "specification", "logo", "agencyresume")

_FLAT_CONTACT = ("email", "email2", "mobilePhone", "telephone", "linkedin")
_WRITABLE = (
    *("firstName", "surname", "jobTitle", "note", "tagText", "workTypes", "quickSkills"),
    *("contactDetails", "address", "currentClient", "owner", "status"),
    *plain_keys("resource", by_id=True),
)


async def create_by_rest(site: Site, call: SimulatedCall) -> Reply:
    """Create a candidate (seen: 201 with the new id). One without any name is refused (assumed)."""
    given = _resource_fields(site, call.object())
    if not given.get("surname") and not given.get("firstName"):
        raise Invalid("surname is required")
    new_id = make_change(site, "create", "resource", None, given)
    record = site.world.live["resource"].get(new_id) or {}
    shown = site.speech.record("resource", new_id, record)
    answer, headers = writes.answer_creation(site.dialect, new_id, shown)
    return said(answer, headers)


async def patch_resource(site: Site, call: SimulatedCall) -> Reply:
    """Update a candidate partially; arrays replace the whole list; an unknown id is answered 204, as success
    may be."""
    if call.ids[0] not in site.world.live["resource"]:
        return absent(site, call.ids[0])
    given = _resource_fields(site, call.object())
    if site.dialect["patch_answer"] != "ignored":
        make_change(site, "update", "resource", call.ids[0], given)
    return _patched(site, "resource", call.ids[0])


def _patched(site: Site, entity: str, record_id: int) -> Reply:
    record = site.world.live[entity].get(record_id) or {}
    return said(writes.patched(site.dialect, record_id, site.speech.record(entity, record_id, record)))


def absent(site: Site, record_id: int) -> Reply:
    """Return the answer to a change of a record that doesn't exist."""
    answer = writes.write_absent(site.dialect, record_id)
    return answer_unknown_id(site) if answer is None else said(answer)


async def delete_resource(site: Site, call: SimulatedCall) -> Reply:
    """Delete a candidate with its placements; the reply is assumed."""
    if call.ids[0] not in site.world.live["resource"]:
        return absent(site, call.ids[0])
    return json_reply({"id": make_change(site, "delete", "resource", call.ids[0], {}), "success": True})


async def add_to_list(site: Site, call: SimulatedCall, group: str | None) -> Reply:
    """Add a candidate to a job's longlist (the first status) or shortlist (the first of its group).

    A body with ``opportunityResourceStatusId`` chooses another status (assumed).
    """
    job, candidate = call.ids
    if job not in site.world.live["opportunity"] or candidate not in site.world.live["resource"]:
        return answer_unknown_id(site)
    existing, twice = site.world.lookup.placement_of(job, candidate), site.dialect["duplicate_applications"]
    if existing is not None and twice != "accepted":
        if twice == "conflict":
            return problem(409, "The resource is already on this opportunity")
        return json_reply({"id": existing, "success": True})
    status = call.object().get("opportunityResourceStatusId", first_status(site, group))
    return json_reply({"id": create_placement(site, job, candidate, status), "success": True}, 201)


def first_status(site: Site, group: str | None) -> int:
    """Return the first placement status of a group, or of all."""
    ids = list(site.world.statuses)
    return next((n for n in ids if site.world.statuses[n]["group"] == group), ids[0])


def create_placement(site: Site, job: int, candidate: int, status: object) -> int:
    """Create a placement and return its id. Raises Invalid."""
    given = {"opportunityId": job, "resourceId": candidate, "opportunityResourceStatusId": status}
    return make_change(site, "create", "opportunity_resource", None, given)


async def patch_placement(site: Site, call: SimulatedCall) -> Reply:
    """Move a placement to another status, with the note of a rejection."""
    if call.ids[0] not in site.world.live["opportunity_resource"]:
        return absent(site, call.ids[0])
    body = call.object()
    given: dict[str, Any] = {
        key: body[key] for key in ("opportunityResourceStatusId", "rejectionReason") if key in body
    }
    if site.dialect["patch_answer"] != "ignored":
        move_by_rest(site, call.ids[0], given)
    return _patched(site, "opportunity_resource", call.ids[0])


def move_by_rest(site: Site, placement: int, given: dict[str, Any]) -> int:
    """Change a placement's status or reason; a rejected one is no longer active. Raises Invalid."""
    chosen = given.get("opportunityResourceStatusId")
    status = site.world.statuses.get(chosen) if isinstance(chosen, int) else None
    if status is not None:
        given["activeRecord"] = status["group"] != "Rejected"
    return make_change(site, "update", "opportunity_resource", placement, given)


async def attach_by_rest(site: Site, call: SimulatedCall) -> Reply:
    """Attach a base64 file. Assumed keys: ``resourceId``, ``filename``, ``documentType``, ``filecontent``."""
    body = call.object()
    resource_id = body.get("resourceId", body.get("recordId"))
    if not isinstance(resource_id, int):
        raise Invalid("resourceId must be a whole number")
    if resource_id not in site.world.live["resource"]:
        return answer_unknown_id(site)
    name, content = writes.file_given(site.dialect, body)
    kind = body.get("documentType", "general")
    return json_reply({"id": store_document(site, resource_id, name, kind, content), "success": True}, 201)


def store_document(site: Site, resource_id: int, name: object, kind: object, content: object) -> int:
    """Store a document of a candidate and return its id. Raises Invalid."""
    if not isinstance(name, str) or not name or kind not in DOCUMENT_TYPES or not isinstance(content, str):
        raise Invalid("filename, a known documentType and filecontent are required")
    try:
        base64.b64decode(content, validate=True)
    except binascii.Error as error:
        raise Invalid("filecontent must be base64") from error
    held = site.documents.setdefault(resource_id, [])
    number = sum(map(len, site.documents.values())) + 1
    held.append({"documentId": number, "filename": name, "documentType": kind, "filecontent": content})
    make_change(site, "update", "resource", resource_id, {})
    return number


async def list_documents(site: Site, call: SimulatedCall) -> Reply:
    """Return a candidate's documents, without their content."""
    if call.ids[0] not in site.world.live["resource"]:
        return answer_unknown_id(site)
    held = site.documents.get(call.ids[0], [])
    listed = [{key: value for key, value in one.items() if key != "filecontent"} for one in held]
    return json_reply(writes.documents_listed(site.dialect, listed))


async def read_document(site: Site, call: SimulatedCall) -> Reply:
    """Return a document's name and content in base64 (seen)."""
    for one in site.documents.get(call.ids[0], []):
        if one["documentId"] == call.ids[1]:
            content = str(one["filecontent"])
            data = base64.b64decode(content)
            return said(writes.document_answered(site.dialect, str(one["filename"]), content, data))
    return answer_unknown_id(site)


def make_change(site: Site, op: str, entity: str, record_id: int | None, given: Mapping[str, Any]) -> int:
    """Make a change in the world. Raises Invalid if TrackerRMS would answer 400."""
    try:
        return site.world.change(op, entity, record_id, **given)
    except (fields.BadField, ChangeRefused) as error:
        raise Invalid(str(error)) from error


def _resource_fields(site: Site, body: dict[str, Any]) -> dict[str, Any]:
    flat = () if site.quirks["flat_email_dropped"] else _FLAT_CONTACT
    given = {key: value for key, value in body.items() if key in _WRITABLE or key in flat}
    given = {key: value for key, value in given.items() if value is not None}
    for key in ("contactDetails", "address", "currentClient", "owner", "status"):
        if key in given:
            given[key] = fields.known_parts("resource", key, given[key])
    if "quickSkills" in given:
        given["quickSkills"] = _known_skills(site, given["quickSkills"])
    return given


def _known_skills(site: Site, value: Any) -> Any:
    if not isinstance(value, list):
        return value
    names = dict(site.world.pools.skills)
    kept = []
    for skill in value:
        key = skill.get("id") if isinstance(skill, dict) else None
        if key == 0 and isinstance(skill.get("name"), str):
            kept.append({"id": 0, "name": skill["name"]})  # seen: id 0 is a skill in free text
        elif isinstance(key, int) and key in names:
            kept.append({"id": key, "name": names[key]})
        elif not site.quirks["unknown_skills_dropped"]:
            raise Invalid("unknown skill")
    return kept


def write_routes() -> list[Route]:
    """Return the table of writing endpoints."""
    resource, placed = "/api/v1/Resource", "/api/v1/Opportunity/{id}/%s/resource/{id}"
    longlist, shortlist = partial(add_to_list, group=None), partial(add_to_list, group="Shortlisted")
    return [
        Route(method="POST", pattern=resource, handler=create_by_rest),
        Route(method="PATCH", pattern=resource + "/{id}", handler=patch_resource),
        Route(method="DELETE", pattern=resource + "/{id}", handler=delete_resource),
        Route(method="POST", pattern=placed % "longlist", handler=longlist),
        Route(method="POST", pattern=placed % "shortlist", handler=shortlist),
        Route(method="PATCH", pattern="/api/v1/OpportunityResource/{id}", handler=patch_placement),
        Route(method="POST", pattern=resource + "/AttachDocument", handler=attach_by_rest),
        Route(method="GET", pattern=resource + "/{id}/Documents", handler=list_documents, read=True),
        Route(method="GET", pattern=resource + "/{id}/Document/{id}", handler=read_document, read=True),
    ]
