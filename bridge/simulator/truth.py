"""The unified records of a TrackerRMS record, by an independent interpretation of docs/assumptions.md.

Written separately from the bridge's normalizer, so that one mistake can't hide in both. References are given
as ``remote:<remote id>``. A record has every field of its model except those that the bridge sets: ids,
``changed_at``, ``remote_deleted_at`` and raw data.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bridge.json_types import MutableObject
from bridge.simulator.absent import ABSENT
from bridge.simulator.generate import OWNER_SLOTS
from bridge.simulator.local_time import LocalTime
from bridge.simulator.plain_fields import plain_truth
from bridge.simulator.pools import COUNTRIES, OPPORTUNITY_STATUSES, ROLES

Unified = dict[str, Any]
TruthKey = tuple[str, str]  # (model, remote id)

MODELS = (
    "user",
    "job",
    "job_posting",
    "candidate",
    "application_stage",
    "application",
    "tag",
    "rejection_reason",
    "role",
    "candidate_tag",
    "job_user_role_assignment",
    "job_hiring_team_member",
)

NO_ROLE = "owner"

_EMAIL = re.compile(
    r"(?!\.)(?!.*\.\.)[A-Za-z0-9_'+,.-]*[A-Za-z0-9_+-]@([A-Za-z0-9][A-Za-z0-9-]*\.)+[A-Za-z]{2,}\Z"
)
_EMPLOYMENT = {
    "Permanent": "FULL_TIME",
    "Full Time": "FULL_TIME",
    "Part Time": "PART_TIME",
    "Contract": "CONTRACT",
    "Temporary": "CONTRACT",
    "Contract To Hire": "CONTRACT",
    "Seasonal": "SEASONAL",
    "Internship": "INTERNSHIP",
}
_PERIODS = {
    "annum": "YEAR",
    "year": "YEAR",
    "month": "MONTH",
    "fortnight": "TWO_WEEKS",
    "week": "WEEK",
    "day": "DAY",
    "hour": "HOUR",
}
_JOB_STATUSES = {"Draft": "DRAFT", "Archived": "ARCHIVED"}
_ROLE_TYPES = {
    "Hiring Manager": "HIRING_MANAGER",
    "Recruiter": "RECRUITER",
    "Coordinator": "COORDINATOR",
    "Sourcer": "SOURCER",
    "Resourcer": "SOURCER",
    "Interviewer": "INTERVIEWER",
}
_OUTCOMES = {"Rejected": "DECLINED", "Working": "HIRED", "Complete": "HIRED"}
_LONGEST_TAG_ID = 200


def true_text(value: Any) -> str | None:
    """Return a string unchanged; ``None`` if it is blank."""
    return value if isinstance(value, str) and value.strip() else None


def true_tags(tag_text: Any) -> list[str]:
    """Return the distinct tags of a ``tagText``, in order."""
    parts = (part.strip() for part in tag_text.split(",")) if isinstance(tag_text, str) else ()
    return list(dict.fromkeys(part for part in parts if part))


def true_tag_id(tag: str) -> str:
    """Return the remote id of a tag: its name. An overlong one follows the bridge's rule, not TrackerRMS."""
    if len(tag) <= _LONGEST_TAG_ID:
        return tag
    digest = hashlib.blake2b(tag.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return tag[: _LONGEST_TAG_ID - 1 - len(digest)] + "~" + digest


def amount(value: Any) -> float | None:
    """Return a salary as a number; ``None`` for other text ("Competitive")."""
    try:
        return float(str(value).replace(",", "")) if true_text(str(value or "")) else None
    except ValueError:
        return None


def owners(record: MutableObject) -> list[tuple[int, int | None]]:
    """Return (user id, role id) for each owner slot in use, in slot order."""
    slots = ((record[owner], record[role]) for owner, role, _ in OWNER_SLOTS)
    return [(owner, role) for owner, role in slots if owner is not None]


def role_ids(record: MutableObject) -> set[str]:
    """Return the remote ids of the roles in use on a job."""
    return {NO_ROLE if role is None else str(role) for _, role in owners(record)}


class Unifier:
    """Derives unified records. ``role_names`` says if by-id reads show the names of owners' roles."""

    def __init__(self, local: LocalTime, statuses: Mapping[int, MutableObject], job_code_prefix: str) -> None:
        self._job_code_prefix = job_code_prefix
        self._utc = local.utc
        self._statuses = statuses
        self.role_names = True
        self._of: dict[str, Callable[[int, MutableObject], Iterator[tuple[TruthKey, Unified]]]] = {
            "user": self._user,
            "resource": self._resource,
            "opportunity": self._opportunity,
            "opportunity_resource": self._placement,
        }

    def unify(self, entity: str, record_id: int, record: MutableObject | None) -> dict[TruthKey, Unified]:
        """Return what one TrackerRMS record yields, without the shared tags and roles."""
        return {} if record is None else dict(self._of[entity](record_id, record))

    def _user(self, record_id: int, record: MutableObject) -> Iterator[tuple[TruthKey, Unified]]:
        yield (
            ("user", str(record_id)),
            {
                **ABSENT["user"],
                "remote_id": str(record_id),
                "first_name": true_text(record["firstName"]),
                "last_name": true_text(record["surname"]),
                "email": _email(true_text(record["email"])),
                "status": "ACTIVE" if record["active"] else "INACTIVE",
            },
        )

    def _resource(self, record_id: int, record: MutableObject) -> Iterator[tuple[TruthKey, Unified]]:
        remote_id = str(record_id)
        yield (("candidate", remote_id), self._candidate(remote_id, record))
        for tag in true_tags(record["tagText"]):
            tagged = {"candidate_id": f"remote:{remote_id}", "tag_id": f"remote:{true_tag_id(tag)}"}
            yield (("candidate_tag", f"{remote_id}:{true_tag_id(tag)}"), tagged)

    def _candidate(self, remote_id: str, record: MutableObject) -> Unified:
        phones = ((true_text(record["mobilePhone"]), "MOBILE"), (true_text(record["telephone"]), None))
        addresses = (_email(true_text(record["email"])), _email(true_text(record["email2"])))
        return {
            **ABSENT["candidate"],
            **plain_truth("candidate", record),
            "remote_id": remote_id,
            "first_name": true_text(record["firstName"]),
            "last_name": true_text(record["surname"]),
            "company": true_text(record["clientName"]),
            "title": true_text(record["jobTitle"]),
            "phone_numbers": [{"phone_number": number, "type": kind} for number, kind in phones if number],
            "email_addresses": [{"email_address": a, "type": None} for a in addresses if a],
            "social_media": _social(true_text(record["linkedin"])),
            "location": _address(record),
            "remote_created_at": self._utc(record["creationDate"]),
            "remote_updated_at": self._utc(record["lastUpdatedDateTime"]),
        }

    def _opportunity(self, record_id: int, record: MutableObject) -> Iterator[tuple[TruthKey, Unified]]:
        remote_id = str(record_id)
        yield (("job", remote_id), self._job(remote_id, record))
        if true_text(record["advertStatus"]):
            yield (("job_posting", remote_id), self._posting(remote_id, record))
        yield from self._team(remote_id, record)

    def _job(self, remote_id: str, record: MutableObject) -> Unified:
        status, state = OPPORTUNITY_STATUSES[record["opportunityStatusId"]]
        visibility = "INTERNAL"
        if record["advertStatus"] == "A":
            visibility = "PUBLIC" if record["publishOnline"] else "UNLISTED"
        work_type, per = true_text(record["workType"]), true_text(record["publishSalaryPer"])
        closed_at = (
            true_text(record["dateFilled"]) or true_text(record["filled"]) or true_text(record["closed"])
        )
        return {
            **ABSENT["job"],
            **plain_truth("job", record),
            "remote_id": remote_id,
            "name": true_text(record["opportunityName"]),
            "job_code": true_text(record["publishReference"]) or self._code(remote_id),
            "description": true_text(record["opportunityDescription"])
            or true_text(record["publishDescription"]),
            "confidential": False,
            "employment_type": _EMPLOYMENT.get(work_type, work_type) if work_type else None,
            "status": _JOB_STATUSES.get(status, "OPEN" if state == "open" else "CLOSED"),
            "visibility": visibility,
            "category": true_text(record["publishSector"]),
            "department": true_text(record["departmentName"]),
            **_salary(amount(record["publishSalaryFrom"]), amount(record["publishSalaryTo"])),
            "salary_period": _PERIODS.get(per, per) if per else None,
            "location": _place(record),
            "opened_at": self._utc(record["dateOpened"]),
            "closed_at": self._utc(closed_at),
            "remote_created_at": self._utc(record["creationDate"]),
            "remote_updated_at": self._utc(record["lastUpdatedDateTime"]),
        }

    def _code(self, remote_id: str) -> str | None:
        return f"{self._job_code_prefix}{remote_id}" if self._job_code_prefix else None

    def _posting(self, remote_id: str, record: MutableObject) -> Unified:
        return {
            **ABSENT["job_posting"],
            **plain_truth("job_posting", record),
            "remote_id": remote_id,
            "title": true_text(record["publishTitle"]),
            "description_html": true_text(record["publishDescription"]),
            "status": {"A": "ACTIVE", "C": "INACTIVE"}.get(record["advertStatus"]),
            "visibility": "PUBLIC" if record["publishOnline"] else "UNLISTED",
            "job_id": f"remote:{remote_id}",
            "remote_created_at": self._utc(record["publishStartDate"]),
            "remote_updated_at": self._utc(record["publishDate"]),
        }

    def _team(self, job: str, record: MutableObject) -> Iterator[tuple[TruthKey, Unified]]:
        roles: dict[int, dict[int | None, None]] = {}
        for owner, role in owners(record):
            roles.setdefault(owner, {})[role] = None
        for owner, held in roles.items():
            member = f"{job}:{owner}"
            kinds = dict.fromkeys(self.role(role)["unified_type"] for role in held)
            yield (
                ("job_hiring_team_member", member),
                {
                    "roles": [kind for kind in kinds if kind],
                    "job_id": f"remote:{job}",
                    "user_id": f"remote:{owner}",
                },
            )
            for role in held:
                role_id = NO_ROLE if role is None else str(role)
                assignment = {"job_user_id": f"remote:{member}", "role_id": f"remote:{role_id}"}
                yield (("job_user_role_assignment", f"{member}:{role_id}"), assignment)

    def role(self, role: int | None) -> Unified:
        """Return a role on jobs. An owner without a role id has the role ``owner``."""
        name = ROLES.get(role) if role is not None and self.role_names else None
        return {
            "remote_id": NO_ROLE if role is None else str(role),
            "remote_label": name or "Owner",
            "scope": "JOB",
            "unified_type": _ROLE_TYPES.get(name) if name else None,
        }

    def _placement(self, record_id: int, record: MutableObject) -> Iterator[tuple[TruthKey, Unified]]:
        status = self._statuses[record["opportunityResourceStatusId"]]
        outcome = _OUTCOMES.get(status["group"], "PENDING")
        reason = (
            true_text(record["rejectionReason"]) or true_text(status["name"])
            if outcome == "DECLINED"
            else None
        )
        yield (
            ("application", str(record_id)),
            {
                **ABSENT["application"],
                "remote_id": str(record_id),
                "outcome": outcome,
                "rejection_reason_name": reason,
                "current_stage_id": f"remote:{record['opportunityResourceStatusId']}",
                "job_id": f"remote:{record['opportunityId']}",
                "candidate_id": f"remote:{record['resourceId']}",
                "remote_created_at": self._utc(record["creationDate"]),
            },
        )

    def statuses(self) -> dict[TruthKey, Unified]:
        """Return the stages in their order, and the rejection reasons among them."""
        found: dict[TruthKey, Unified] = {}
        for place, (status_id, status) in enumerate(self._statuses.items()):
            named = {"remote_id": str(status_id), "name": true_text(status["name"])}
            found["application_stage", str(status_id)] = {
                **ABSENT["application_stage"],
                **named,
                "global_index": place,
            }
            if status["group"] == "Rejected":
                found["rejection_reason", str(status_id)] = named
        return found


def _salary(low: float | None, high: float | None) -> Unified:
    one = low if high is None or low == high else high if low is None else None
    return {"salary_amount": one, "salary_amount_from": low, "salary_amount_to": high}


def _email(address: str | None) -> str | None:
    """Return an address as in the unified models, with its domain in lower case; ``None`` for other text."""
    if not address:
        return None
    local, at, domain = address.rpartition("@")
    spelled = local + at + domain.lower()
    return spelled if _EMAIL.match(spelled) else None


def _social(link: str | None) -> list[Unified]:
    if link is None:
        return []
    return [{"link": link, "type": "LINKEDIN", "username": true_text(link.partition("/in/")[2])}]


def _address(record: MutableObject) -> Unified | None:
    keys = ("addressLine1", "addressLine2", "town", "county", "postcode", "country")
    line_1, line_2, town, county, postcode, country = (true_text(record[key]) for key in keys)
    parts = [part for part in (line_1, line_2, town, county, postcode, country) if part]
    if not parts:
        return None
    return {
        "city": town,
        "country": COUNTRIES.get(country, country) if country else None,
        "raw": ", ".join(parts),
        "state": county,
        "street_1": line_1,
        "street_2": line_2,
        "zip_code": postcode,
    }


def _place(record: MutableObject) -> Unified | None:
    found: Unified = {
        "city": true_text(record["locationCity"]),
        "country": None,
        "raw": true_text(record["location"]),
        "state": true_text(record["locationState"]),
        "street_1": None,
        "street_2": None,
        "zip_code": true_text(record["postcodeLocation"]),
    }
    return found if any(found.values()) else None
