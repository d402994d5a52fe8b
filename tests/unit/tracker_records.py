"""TrackerRMS records for tests, as ``docs/assumptions.md`` describes them, and a normalizer to read them."""

from typing import Any

from trackerrms_contracts import ids
from trackerrms_contracts.entities import Model

from bridge.tracker import resources
from bridge.tracker.entity_set import EntitySet
from bridge.tracker.normalize import Normalizer


def normalizer(
    time_zone: str = "Europe/London", keep_remote_data: bool = False, **tracker: Any
) -> Normalizer:
    """A normalizer of the integration ``acme`` with a ``tracker`` table."""
    return Normalizer("acme", resources.configure_resources(tracker), time_zone, keep_remote_data)


def job_row(**changed: Any) -> dict[str, Any]:
    """A row of Opportunity/PagedSearch; ``changed`` keys lie over it."""
    return {
        "opportunityId": 1026,
        "opportunityName": "Account Manager",
        "opportunityStatusId": 3,
        "opportunityStatusDesc": "First Interview",
        "opportunityDescription": "Sell things.",
        "location": "Sheffield, South Yorkshire",
        "locationCity": "Sheffield",
        "locationState": "South Yorkshire",
        "postcodeLocation": "S1 2AB",
        "opportunityOwnerId": 20,
        "ownerRoleId": 1,
        "workType": "Permanent",
        "currencyCode": "GBP",
        "publishOnline": "y",
        "publishTitle": "Account Manager (m/f)",
        "publishDescription": "<p>Sell</p>",
        "publishSector": "Sales",
        "publishSalaryFrom": "40000",
        "publishSalaryTo": "50000",
        "publishSalaryPer": "annum",
        "publishReference": "JOB-1026",
        "publishStartDate": "2026-09-02T00:00:00",
        "publishDate": "2026-09-03T09:14:00",
        "advertStatus": "A",
        "dateOpened": "2026-09-01T00:00:00",
        "creationDate": "2026-09-01T08:00:00",
        "lastUpdatedDateTime": "2026-12-03T09:14:00",
        "dateFilled": None,
        **changed,
    }


def job_detail(**changed: Any) -> dict[str, Any]:
    """The Opportunity of ``job_row`` by id."""
    return {
        "id": 1026,
        "name": "Account Manager",
        "status": {"id": 3, "name": "First Interview"},
        "department": {"id": 4, "name": "Field Sales"},
        "workType": {"id": 1, "name": "Permanent"},
        "owners": [{"ownerId": 20, "rank": 1, "roleId": 1, "roleName": "Recruiter"}],
        "history": {"awarded": None, "filled": None, "closed": None},
        **changed,
    }


def candidate_detail(**changed: Any) -> dict[str, Any]:
    """A Resource by id."""
    return {
        "id": 109,
        "firstName": "Sarah",
        "surname": "Johnson",
        "jobTitle": "Developer",
        "source": "Website",
        "contactDetails": {
            "email": "sarah@example.com",
            "email2": "s.j@example.org",
            "mobilePhone": "+44 7700 900123",
            "telephone": "020 7946 0958",
            "linkedin": "https://www.linkedin.com/in/sarah-j/?x=1",
        },
        "address": {
            "addressLine1": "1 High Street",
            "addressLine2": "",
            "town": "Leeds",
            "county": "West Yorkshire",
            "postcode": "LS1 1AA",
            "country": "United Kingdom",
        },
        "currentClient": {"id": 5, "name": "Acme Ltd"},
        "tagText": "PHP, Senior",
        "creationDate": "2026-01-05T10:00:00",
        "lastUpdatedDateTime": "2026-07-05T10:00:00",
        **changed,
    }


def application_row(**changed: Any) -> dict[str, Any]:
    """A row of OpportunityResource/PagedSearch."""
    return {
        "opportunityResourceId": 7,
        "opportunityId": 1026,
        "resourceId": 109,
        "opportunityResourceStatusId": 2,
        "opportunityResourceStatusName": "CV Sent",
        "rejectionReason": "",
        "creationDate": "2026-01-06T10:00:00",
        "lastUpdatedDateTime": "2026-01-07T10:00:00",
        **changed,
    }


STATUS_ROWS: list[dict[str, Any]] = [
    {"id": 1, "name": "Applied", "group": "Applied"},
    {"id": 2, "name": "CV Sent", "group": "Shortlisted"},
    {"id": 3, "name": "Too junior", "group": "Rejected"},
    {"id": 4, "name": "On Assignment", "group": "Working"},
    {"id": 5, "name": "Placed", "group": "Complete"},
]


def only(family: EntitySet, model: Model) -> Any:
    """The one record of that model in a family."""
    (member,) = family.of(model)
    return member.record


def of_id(model: Model, remote_id: str) -> str:
    """The id of acme's entity."""
    return ids.entity_id("acme", model, remote_id)
