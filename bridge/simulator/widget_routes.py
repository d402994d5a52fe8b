"""The older widget API: only POST, errors in the body of HTTP 200, its own credentials.

Assumed: where checkPerson puts what it found, the id in its ``recordLink``, that it is live; that a repeated
application is status 3; the column ``rejectionreason`` of a placement.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from bridge.simulator import pools
from bridge.simulator.dialects import writes
from bridge.simulator.dialects.absence import Raw
from bridge.simulator.routing import Invalid, Reply, Route, SimulatedCall, said
from bridge.simulator.shapes import display
from bridge.simulator.site import Site
from bridge.simulator.write_routes import (
    create_placement,
    first_status,
    make_change,
    move_by_rest,
    store_document,
)

Body = dict[str, Any]

_RESOURCE = {
    "firstname": "firstName",
    "lastname": "surname",
    "jobtitle": "jobTitle",
    "company": "clientName",
    "address1": "addressLine1",
    "address2": "addressLine2",
    "city": "town",
    "state": "county",
    "zipcode": "postcode",
    "country": "country",
    "homephone": "telephone",
    "workphone": "telephone",
    "cellphone": "mobilePhone",
    "email": "email",
    "linkedin": "linkedin",
    "source": "source",
    "salary": "currentSalaryNum",
    "note": "note",
}
_RESOURCE_COLUMNS = {
    "firstname": "firstName",
    "surname": "surname",
    "jobtitle": "jobTitle",
    "addressline1": "addressLine1",
    "addressline2": "addressLine2",
    "town": "town",
    "county": "county",
    "postcode": "postcode",
    "country": "country",
    "email": "email",
    "email2": "email2",
    "mobilephone": "mobilePhone",
    "homephone": "telephone",
    "workphone": "telephone",
    "tag": "tagText",
    "note": "note",
    "wheredidyouhear": "source",
    "desiredsalary": "desiredSalary",
    "currentsalarynum": "currentSalaryNum",
    "desiredsalarynum": "desiredSalaryNum",
    "noticeperiod": "noticePeriod",
    "resourcestatusid": "statusId",
}
_PLACEMENT_COLUMNS = {
    "opportunityresourcestatusid": "opportunityResourceStatusId",
    "rejectionreason": "rejectionReason",
}
_NUMBERS = ("noticePeriod", "statusId", "opportunityResourceStatusId")
_AMOUNTS = ("currentSalaryNum", "desiredSalaryNum")
_TYPES = {"R": ("resource", _RESOURCE_COLUMNS), "X": ("opportunity_resource", _PLACEMENT_COLUMNS)}


class WidgetDenied(Exception):
    """An error status in the reply: 1 user not found, 2 not active, 3 can't be overwritten."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def answer(message: str = "success", status: int = 0, **more: Any) -> Body:
    """Return the widget API's reply."""
    return {"status": status, "message": message, "count": 0, **more}


async def handle_widget_call(
    site: Site, call: SimulatedCall, name: str, function: Callable[[Site, Body], Body]
) -> Reply:
    """Unwrap the request, check the credentials, call the function. The inner name isn't checked, because
    TrackerRMS tolerates a wrong one."""
    try:
        outer = call.object().get("trackerrms")
        inner = next(iter(outer.values()), None) if isinstance(outer, dict) else None
        if not isinstance(inner, dict):
            raise Invalid("no trackerrms object")
        _authorize(site, call, _part(inner, "credentials"))
        status, value = 200, function(site, inner)
    except WidgetDenied as error:
        status, value = 200, answer(str(error), error.status)
    except Invalid:
        status, refusal = writes.widget_invalid(site.dialect)
        if isinstance(refusal, Raw):
            return said((status, refusal))
        value = refusal
    return said((status, writes.widget_replied(site.dialect, name, value)))


def _part(body: Body, name: str) -> Body:
    found = body.get(name) or {}
    if not isinstance(found, dict):
        raise Invalid(f"{name} must be an object")
    return found


def _authorize(site: Site, call: SimulatedCall, credentials: Body) -> None:
    scheme, _, header = call.headers.get("Authorization", "").partition(" ")
    tokens = (header if scheme.lower() == "bearer" else "", credentials.get("oauthtoken"))
    known = site.tokens.is_bearer if site.quirks["bearer_for_widget"] else site.tokens.is_access
    if any(isinstance(token, str) and token and known(token) for token in tokens):
        return
    if site.tokens.is_user(credentials.get("username"), credentials.get("password")):
        return
    if not site.tokens.is_api_key(credentials.get("apikey")):
        raise WidgetDenied(1, "user not found")  # seen: also for a REST JWT


def check_logon(site: Site, body: Body) -> Body:
    """Confirm the credentials, which were checked before."""
    return answer()


def check_person(site: Site, body: Body) -> Body:
    """Return the person with an e-mail, telephone or LinkedIn address."""
    details = _part(body, "details")
    wanted = [
        value
        for key in ("email", "phone", "linkedin")
        if isinstance(value := details.get(key), str) and value
    ]
    found = sorted({n for value in wanted for n in site.world.lookup.resources(value)})
    found = _shown_people(site, found)
    record = site.world.live["resource"].get(found[0]) if found else None
    if record is None:
        return answer(recordLink="", recordTypes="", firstRecord=None)
    first = {
        "fullname": display(record),
        "jobtitle": record["jobTitle"],
        "company": record["clientName"],
        "phone": record["telephone"],
        "cell": record["mobilePhone"],
        "email": record["email"],
        "linkedin": record["linkedin"],
    }
    more = {
        "count": len(found),
        "recordLink": writes.shape_person_link(site.dialect, found[0]),
        "recordTypes": "R",
        "firstRecord": first,
    }
    return {"status": 0, "message": "success", **more}


def _shown_people(site: Site, found: list[int]) -> list[int]:
    """Return the candidates with an address that checkPerson finds."""
    match site.dialect["person_search"]:
        case "nobody":
            return []
        case "stale":
            base = site.world.live["resource"].base
            return [n for n in found if n < base.first_id + base.count]
        case _:
            return found


def create_by_widget(site: Site, body: Body) -> Body:
    """Create a candidate, and its application if requested. A known e-mail is status 3 unless overwritten."""
    instructions, resource = _part(body, "instructions"), _part(body, "resource")
    given = _created(site, resource)
    job = _number(instructions["assigntoopportunity"]) if instructions.get("assigntoopportunity") else None
    if job is not None and job not in site.world.live["opportunity"]:
        raise Invalid("no such opportunity")
    twice = site.dialect["duplicate_candidates"]
    known = site.world.lookup.resources(str(given.get("email") or "")) if twice != "accepted" else []
    if known and twice == "refused" and not instructions.get("overwriteresource"):
        raise WidgetDenied(3, "record found and cannot be overwritten")
    op, candidate = ("update", known[0]) if known else ("create", None)
    resource_id = make_change(site, op, "resource", candidate, given)
    if job is not None and site.world.lookup.placement_of(job, resource_id) is None:
        create_placement(site, job, resource_id, _initial_status(site, instructions))
    record = site.world.live["resource"].get(resource_id)
    name = display(record) if record else ""
    return answer("updated" if known else "created", recordId=resource_id, recordName=name)


def _created(site: Site, resource: Body) -> Body:
    given = {
        ours: resource[theirs] for theirs, ours in _RESOURCE.items() if resource.get(theirs) not in (None, "")
    }
    if "firstName" not in given and "surname" not in given:
        first, _, last = str(resource.get("fullname") or "").strip().rpartition(" ")
        given.update(firstName=first, surname=last)
    if not given.get("surname") and not given.get("firstName"):
        raise Invalid("a name is required")
    if isinstance(given.get("currentSalaryNum"), str):
        given["currentSalaryNum"] = _number(given["currentSalaryNum"])
    statuses = {name: n for n, name in pools.RESOURCE_STATUSES.items()}
    if str(resource.get("status")) in statuses:
        given["statusId"] = statuses[str(resource["status"])]
    return given


def _initial_status(site: Site, instructions: Body) -> int:
    if str(instructions.get("assigntolist", "short")).startswith("long"):
        return first_status(site, None)
    return first_status(site, "Applied" if instructions.get("shortlistedby") == "resource" else "Shortlisted")


def apply_for_job(site: Site, body: Body) -> Body:
    """Add a candidate to a job's list (``resourceApplication``); ids are text or numbers."""
    instructions = _part(body, "instructions")
    job, candidate = (_number(instructions.get(key)) for key in ("opportunityid", "resourceid"))
    if job not in site.world.live["opportunity"] or candidate not in site.world.live["resource"]:
        raise Invalid("no such record")
    existing, twice = site.world.lookup.placement_of(job, candidate), site.dialect["duplicate_applications"]
    if existing is not None and twice == "conflict":
        raise Invalid("already on the job")
    if existing is not None and twice == "success":
        return answer("created", recordId=existing, recordName="")
    if existing is not None and twice == "known":
        raise WidgetDenied(3, "record found and cannot be overwritten")
    placement = create_placement(site, job, candidate, _initial_status(site, instructions))
    return answer("created", recordId=placement, recordName="")


def attach_by_widget(site: Site, body: Body) -> Body:
    """Attach a base64 file to a candidate (record type R)."""
    file = _part(body, "file")
    resource_id = _number(file.get("recordId"))
    if file.get("recordType") != "R" or resource_id not in site.world.live["resource"]:
        raise Invalid("no such record")
    kind = file.get("documentType", "general")
    number = store_document(site, resource_id, file.get("filename"), kind, file.get("data"))
    return answer("created", recordId=number, recordName=file["filename"])


def update_record(site: Site, body: Body) -> Body:
    """Set columns of a candidate (R) or a placement (X); values are text."""
    instructions, updates = _part(body, "instructions"), body.get("updates")
    entity, columns = _TYPES.get(str(instructions.get("recordtype")), ("", {}))
    record_id = _number(instructions.get("recordid"))
    if not entity or record_id not in site.world.live[entity] or not isinstance(updates, list):
        raise Invalid("no such record")
    if entity == "opportunity_resource":
        columns = writes.with_columns(site.dialect, columns)
    given: Body = {}
    for update in updates:
        column = columns.get(str(update.get("column")).lower()) if isinstance(update, dict) else None
        if column is None and site.dialect["widget_columns"] == "ignored":
            continue
        if column is None:
            raise Invalid("no such column")
        given[column] = _column(column, update.get("value"))
    if entity == "opportunity_resource":
        move_by_rest(site, record_id, given)
    else:
        make_change(site, "update", entity, record_id, given)
    return answer("updated", recordId=record_id)


def _column(column: str, value: Any) -> Any:
    if column not in _AMOUNTS:
        return _number(value) if column in _NUMBERS else value
    try:
        amount = float(value)
    except (TypeError, ValueError) as error:
        raise Invalid("not a number") from error
    return int(amount) if amount.is_integer() else amount


def _number(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        raise Invalid("not a number") from error


def answer_settings(site: Site, body: Body) -> Body:
    """Answer ``getSettingsData``: lists, and the users with one name each; no placement statuses, no owner
    roles."""
    users = []
    for user_id in site.world.live["user"].ids():
        user = site.world.live["user"].get(user_id) or {}
        shown = {
            "UserId": user_id,
            "Username": display(user),
            "Email": user["email"],
            "Active": user["active"],
        }
        users.append({**shown, "LastLogon": None})
    lists = {
        "opportunityStatuses": {n: name for n, (name, _) in pools.OPPORTUNITY_STATUSES.items()},
        "opportunityWorkTypes": dict(enumerate(pools.WORK_TYPES, start=1)),
        "resourceStatuses": pools.RESOURCE_STATUSES,
        "resourceSources": dict(enumerate((s for s in pools.SOURCES if s), start=1)),
        "departments": pools.DEPARTMENTS,
        "skills": dict(site.world.pools.skills),
    }
    named: dict[str, Any] = {
        key: [{"Id": n, "Name": name} for n, name in pairs.items()] for key, pairs in lists.items()
    }
    return answer(**named, customFields=[], customFieldLists=[], users=users)


_FUNCTIONS: dict[str, Callable[[Site, Body], Body]] = {
    "checkLogon": check_logon,
    "checkPerson": check_person,
    "createResource": create_by_widget,
    "resourceApplication": apply_for_job,
    "attachDocument": attach_by_widget,
    "updateRecord": update_record,
    "getSettingsData": answer_settings,
}


def widget_routes() -> list[Route]:
    """Return the table of widget functions."""
    return [
        Route(
            method="POST",
            pattern=f"/api/widget/{name}",
            handler=partial(handle_widget_call, name=name, function=function),
            open=True,
        )
        for name, function in _FUNCTIONS.items()
    ]
