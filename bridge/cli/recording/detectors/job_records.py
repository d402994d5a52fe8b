"""Detects the switches of jobs, applications and users from their keys: owners, adverts, references."""

from collections.abc import Mapping
from typing import Any, Final

from bridge.cli.recording.detectors.records import is_nested, plain_rows, row_case
from bridge.cli.recording.seen import SeenAccount, unwrapped_row
from bridge.json_types import JsonObject

_OWN_STATUS: Final = ("opportunityresourcestatusid", "opportunityresourcestatusname")


def job_text(seen: SeenAccount) -> str | None:
    """Detect from the place of the description."""
    rows = plain_rows(seen, "jobs")
    if not rows:
        return None
    if any("opportunitydescription" in row for row in rows):
        return "row"
    if any("description" in row or "advertdescription" in row for row in rows):
        return "description"
    records = seen.records("jobs")
    if not records:
        return None
    return "record" if any("opportunitydescription" in record for record in records) else "absent"


def advert(seen: SeenAccount) -> str | None:
    """Detect from the enclosing object in by-id records."""
    records = seen.records("jobs")
    if not records or not is_nested(seen):
        return None
    keys = {key for record in records for key in record}
    if "advertdetails" in keys:
        return "advertDetails"
    if "advert" in keys:
        return "advert"
    return "flat" if {"publishtitle", "publishdate", "advertstatus"} & keys else "absent"


def job_status(seen: SeenAccount) -> str | None:
    """Detect from the keys of rows."""
    rows = plain_rows(seen, "jobs")
    if not rows:
        return None
    keys = {key for row in rows for key in row}
    if any(isinstance(row.get("opportunitystatus"), dict) for row in rows):
        return "object"
    for key, name in (
        ("opportunitystatusdesc", "desc"),
        ("opportunitystatusname", "name"),
        ("opportunitystatusid", "id"),
    ):
        if key in keys:
            return name
    return "text" if "status" in keys else None


def detect_owner_slots(seen: SeenAccount) -> str | None:
    """Detect from the keys of rows."""
    rows = plain_rows(seen, "jobs")
    if not rows:
        return None
    keys = {key for row in rows for key in row}
    if "owner1id" in keys:
        return "numbered"
    if "owners" in keys:
        return "list"
    if {"thirdownerid", "fifthownerid"} & keys:
        return "five"
    return "two" if "opportunityownerid" in keys else "absent"


def owner_roles(seen: SeenAccount) -> str | None:
    """Detect from the place of a role in rows and in by-id records."""
    rows, slots = plain_rows(seen, "jobs"), detect_owner_slots(seen)
    inner = [owner for record in seen.records("jobs") for owner in _owners(record)]
    listed = [owner for row in rows for owner in _owners(row)]
    if not inner or not rows or slots in (None, "absent"):
        return None
    if slots == "list":
        in_rows = any(owner.get("roleid") is not None for owner in listed)
    else:
        in_rows = any("role" in key for row in rows for key in row)
    by_id, by_name = (any(key in owner for owner in inner) for key in ("roleid", "rolename"))
    if in_rows:
        return "both" if by_id else "rows"
    return "records" if by_id else "names" if by_name else "absent"


def record_owners(seen: SeenAccount) -> str | None:
    """Detect from the key of a by-id record's owners, and of an owner's id."""
    records = seen.records("jobs")
    if not records or not is_nested(seen):
        return None
    if any("jobowners" in record for record in records):
        return "jobOwners"
    if not any("owners" in record for record in records):
        return "absent"
    for record in records:
        for owner in _owners(record):
            return "user" if "user" in owner else "owners" if "ownerid" in owner else "id"
    return None


def _owners(record: JsonObject) -> list[JsonObject]:
    held = record.get("owners", record.get("jobowners"))
    return [one for one in held if isinstance(one, dict)] if isinstance(held, list) else []


def application_status(seen: SeenAccount) -> str | None:
    """Detect from the keys of rows or by-id records."""
    records = plain_rows(seen, "applications") or seen.records("applications")
    if not records:
        return None
    keys = {key for record in records for key in record}
    number, name = (key in keys for key in _OWN_STATUS)
    if number and name:
        return "both"
    if number or name:
        return "id" if number else "name"
    if "opportunityresourcestatus" in keys:
        return "object"
    if "placementstatusid" in keys:
        return "placement"
    if "statusid" in keys:
        return "statusId"
    return "status" if "status" in keys else None


def application_refs(seen: SeenAccount) -> str | None:
    """Detect from the keys of rows or by-id records."""
    records = plain_rows(seen, "applications") or seen.records("applications")
    if not records:
        return None
    keys = {key for record in records for key in record}
    if "jobid" in keys:
        return "job"
    if any(isinstance(record.get("opportunity"), dict) for record in records):
        return "objects"
    return "ids" if "opportunityid" in keys else "names"


def rejection(seen: SeenAccount) -> str | None:
    """Detect from the key of the note."""
    records = plain_rows(seen, "applications") or seen.records("applications")
    keys = {key for record in records for key in record}
    names = {
        "rejectionreason": "rejectionReason",
        "reasonforrejection": "reason",
        "statusnote": "statusNote",
    }
    return next((name for key, name in names.items() if key in keys), "absent" if records else None)


def users_shape(seen: SeenAccount) -> str | None:
    """Detect from the keys of users, and from inactive users in the list."""
    raw, rows = [unwrapped_row(row) for row in seen.raw_rows("users")], seen.rows("users")
    if not rows or users_by_widget(seen):
        return None
    keys = {key for row in rows for key in row}
    if any("Username" in row for row in raw) and row_case(seen) != "pascal":
        return "pascal"
    if "username" in keys:
        return "username" if "emailaddress" in keys else "pascal"
    if "displayas" in keys:
        return "display"
    if "name" in keys and "surname" not in keys:
        return "last_first"
    if "status" in keys:
        return "status"
    if "email" not in keys:
        return "no_email"
    if "active" not in keys:
        return "no_active"
    return "active_only" if _misses_owners(seen) else "split"


def users_by_widget(seen: SeenAccount) -> bool:
    """Return true if users were read by the widget API."""
    return seen.settings.users_from == "widget"


def _misses_owners(seen: SeenAccount) -> bool:
    """Return true if every user is active and jobs have owners that are not listed."""
    users = seen.rows("users")
    active = {str(row.get("active")).lower() for row in users}
    known = {str(row.get("userid")) for row in users}
    owners = {str(one.get("ownerid")) for job in seen.records("jobs") for one in _owners(job)}
    owners |= {
        str(value)
        for row in seen.rows("jobs")
        for key, value in row.items()
        if key.endswith("ownerid") and value is not None
    }
    return len(active) == 1 and bool(owners - known - {"None"}) and _all_users(seen)


def _all_users(seen: SeenAccount) -> bool:
    pages = seen.heads("users")
    return not pages or any(not page.rows for page in pages.values())


DETECTORS: Final[Mapping[str, Any]] = {
    "job_text": job_text,
    "advert": advert,
    "job_status": job_status,
    "owner_slots": detect_owner_slots,
    "owner_roles": owner_roles,
    "record_owners": record_owners,
    "application_status": application_status,
    "application_refs": application_refs,
    "rejection": rejection,
    "users_shape": users_shape,
}
