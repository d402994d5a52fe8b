"""Where to look for what a dialect makes of records and values."""

from typing import Any

from tests.simulator.account import Account
from tests.simulator.probing import Look, record, row, rows, some

_JOB = 1003
_TAGGED = {"tagText": "Python, VIP", "note": "Keen"}
_REACHED = {
    "email": "ann.lee@example.org",
    "email2": "ann@xn--bcher-kva.example",
    "mobilePhone": "+44 7700 900123",
    "telephone": "",
    "linkedin": "",
}
_LIVING = {"addressLine1": "1 High Street", "town": "Leeds", "country": "France"}


async def _first_keys(account: Account) -> Any:
    return list((await rows(account, "Opportunity"))[0])[1]


async def _record_keys(account: Account) -> Any:
    return list(await record(account, "Resource", 101))[1]


async def _row_shape(account: Account) -> Any:
    return [list((await rows(account, name))[0])[:2] for name in ("Resource", "OpportunityResource")]


async def _record_shape(account: Account) -> Any:
    said = await record(account, "Resource", 101)
    if isinstance(said, list):
        return "list", sorted(said[0])[:2]
    return list(said)[:3], sorted(key for key in said if key in ("email", "contactDetails", "resourceStatus"))


async def _row_id(account: Account) -> Any:
    lists = ("Opportunity", "Resource", "OpportunityResource", "User")
    return [next(iter((await rows(account, name))[0])) for name in lists]


async def _record_id(account: Account) -> Any:
    numbers = {"Opportunity": 1001, "Resource": 101, "OpportunityResource": 501}
    found = {number: await record(account, name, number) for name, number in numbers.items()}
    return [[key for key, value in one.items() if value == number] for number, one in found.items()]


async def _last_updated(account: Account) -> Any:
    shown = (await rows(account, "Resource"))[0], await record(account, "Resource", 101)
    return [[key for key in one if "pdated" in key or "odified" in key] for one in shown]


async def _creation(account: Account) -> Any:
    return [key for key in await record(account, "Resource", 101) if "reat" in key]


async def _saves(account: Account) -> Any:
    """The last update after saves of tags, a note and a title, a minute apart, and after a look."""
    await account.change("update", "resource", 101, lastUpdatedDateTime="2026-01-01T01:00:00")
    seen = []
    for change in ({"tagText": "X"}, {"note": "X"}, {"jobTitle": "X"}):
        account.clock.advance(60)
        await account.change("update", "resource", 101, **change)
        seen.append((await row(account, "Resource", 101))["lastUpdatedDateTime"][-8:])
    account.clock.advance(60)
    await record(account, "Resource", 101)
    seen.append((await row(account, "Resource", 101))["lastUpdatedDateTime"][-8:])
    account.clock.advance(-240)
    return seen


async def _tags(account: Account) -> Any:
    for number in (101, 102):
        await account.change("update", "resource", number, **_TAGGED)
    found = [await record(account, "Resource", number) for number in (101, 102)]
    return [some(one, "tagText", "tags", "tag") for one in found]


async def _contact(account: Account) -> Any:
    for number in (101, 102):
        await account.change("update", "resource", number, email="ann@example.org", mobilePhone="", **_BLANK)
    found = [await record(account, "Resource", number) for number in (101, 102)]
    return [some(one, "contactDetails", "contact", "contactInfo", "email") for one in found]


_BLANK = {"email2": "", "telephone": "", "linkedin": ""}


async def _contact_keys(account: Account) -> Any:
    return list((await record(account, "Resource", 101))["contactDetails"])


async def _address(account: Account) -> Any:
    await account.change(
        "update", "resource", 101, **_LIVING, addressLine2="", county="", postcode="", email=""
    )
    found = await record(account, "Resource", 101)
    return some(found, "address", "town"), found["contactDetails"].get("town")


async def _person_names(account: Account) -> Any:
    found = await record(account, "Resource", 101), await row(account, "Resource", 101)
    names = ("firstName", "firstname", "forename", "surname", "lastName", "displayAs")
    return [[key for key in names if key in one] for one in found]


async def _row_email(account: Account) -> Any:
    await account.change("update", "resource", 101, email="ann@example.org", mobilePhone="1")
    return some(await row(account, "Resource", 101), "email", "contactDetails")


async def _lookups(account: Account) -> Any:
    await account.change("update", "opportunity", _JOB, clientId=5, clientName="Acme")
    found = await record(account, "Opportunity", _JOB)
    return {key: value for key, value in found.items() if key.startswith("client")}


async def _job_text(account: Account) -> Any:
    await account.change("update", "opportunity", _JOB, opportunityDescription="A", publishDescription="B")
    keys = ("opportunityDescription", "publishDescription", "description", "advertDescription")
    found = await row(account, "Opportunity", _JOB), await record(account, "Opportunity", _JOB)
    return [some(one, *keys) for one in found]


async def _advert(account: Account) -> Any:
    found = await record(account, "Opportunity", _JOB)
    return [key for key in found if key in ("advertDetails", "advert", "advertStatus", "publishTitle")]


async def _job_status(account: Account) -> Any:
    found = await row(account, "Opportunity", _JOB)
    return {key: value for key, value in found.items() if "tatus" in key and key != "advertStatus"}


_OWNED = {
    "opportunityOwnerId": 21,
    "ownerRoleId": 2,
    "secondaryOwnerId": 22,
    "secondaryOwnerRoleId": 3,
    "thirdOwnerId": None,
    "thirdOwnerRoleId": None,
    "fourthOwnerId": None,
    "fourthOwnerRoleId": None,
    "fifthOwnerId": None,
    "fifthOwnerRoleId": None,
}


async def _owner_slots(account: Account) -> Any:
    await account.change("update", "opportunity", _JOB, **_OWNED)
    found = await row(account, "Opportunity", _JOB)
    slots = [key for key in found if "wner" in key and key.endswith("Id") and "ole" not in key]
    return found.get("owners", slots)


async def _owner_roles(account: Account) -> Any:
    await account.change("update", "opportunity", _JOB, **_OWNED)
    shown = await row(account, "Opportunity", _JOB)
    owner = (await record(account, "Opportunity", _JOB))["owners"][0]
    return "ownerRoleId" in shown, some(owner, "roleId", "roleName")


async def _record_owners(account: Account) -> Any:
    await account.change("update", "opportunity", _JOB, **_OWNED)
    found = await record(account, "Opportunity", _JOB)
    return {key: sorted(value[0])[:3] for key, value in found.items() if "wners" in key}


async def _application_status(account: Account) -> Any:
    await account.change("update", "opportunity_resource", 501, opportunityResourceStatusId=3)
    found = await record(account, "OpportunityResource", 501)
    return {key: value for key, value in found.items() if "tatus" in key}


async def _application_refs(account: Account) -> Any:
    found = await record(account, "OpportunityResource", 501)
    keys = ("opportunityId", "resourceId", "jobId", "candidateId")
    objects = {key: found[key]["id"] for key in ("opportunity", "resource") if key in found}
    return {**some(found, *keys), **objects}


async def _rejection(account: Account) -> Any:
    given = {"opportunityResourceStatusId": 10, "rejectionReason": "Too far"}
    await account.change("update", "opportunity_resource", 501, **given)
    found = await record(account, "OpportunityResource", 501)
    return [key for key, value in found.items() if value == "Too far"]


async def _users_shape(account: Account) -> Any:
    given = {"firstName": "Ann", "surname": "Lee", "email": "ann@agency.example", "active": False}
    await account.change("update", "user", 25, **given)
    return (await rows(account, "User"))[0]


_TIMED = {"creationDate": "2026-10-01T09:14:00", "lastUpdatedDateTime": "2026-10-01T21:04:05"}


async def _dates(account: Account) -> Any:
    await account.change("update", "resource", 101, **_TIMED)
    shown = some(await row(account, "Resource", 101), *_TIMED)
    by_id = some(await record(account, "Resource", 101), *_TIMED)
    return list(shown.values()) + ([] if shown == by_id else list(by_id.values()))


async def _absent_dates(account: Account) -> Any:
    await account.change("update", "opportunity", _JOB, dateFilled=None, opportunityStatusId=2)
    found = await row(account, "Opportunity", _JOB), (await record(account, "Opportunity", _JOB))["history"]
    return [one.get(key, "no key") for one, key in zip(found, ("dateFilled", "closed"), strict=True)]


async def _odd_dates(account: Account) -> Any:
    await account.change("update", "opportunity", 1002, dateOpened="2026-10-01T00:00:00")
    return (await row(account, "Opportunity", 1002))["dateOpened"]


async def _server_clock(account: Account) -> Any:
    await account.change("update", "resource", 101, jobTitle="X")
    return (await record(account, "Resource", 101))["lastUpdatedDateTime"]


async def _email_text(account: Account) -> Any:
    await account.change("update", "resource", 101, **_REACHED)
    return list((await record(account, "Resource", 101))["contactDetails"].values())[:2]


async def _amounts(account: Account) -> Any:
    await account.change(
        "update", "opportunity", _JOB, publishSalaryFrom="40000", publishSalaryTo="Competitive"
    )
    shown = await row(account, "Opportunity", _JOB)
    advert = (await record(account, "Opportunity", _JOB))["advertDetails"]
    return shown["publishSalaryFrom"], shown["publishSalaryTo"], advert["salaryFrom"]


async def _row_flags(account: Account) -> Any:
    await account.change("update", "user", 24, active=True)
    await account.change("update", "user", 25, active=False)
    return [one["active"] for one in (await rows(account, "User"))[1::-1]]


async def _record_flags(account: Account) -> Any:
    await account.change("update", "resource", 101, availableForWork=True)
    await account.change("update", "resource", 102, availableForWork=False)
    return [(await record(account, "Resource", number))["availableForWork"] for number in (101, 102)]


async def _ids(account: Account) -> Any:
    found = await record(account, "OpportunityResource", 501)
    statuses = (await account.get("/api/v1/MetaData"))["opportunityResourceStatuses"]
    return [repr(one) for one in (found["opportunityResourceId"], found["resourceId"], statuses[0]["id"])]


async def _blanks(account: Account) -> Any:
    await account.change("update", "resource", 101, jobTitle="", source=None)
    return some(await record(account, "Resource", 101), "jobTitle", "source")


async def _texts(account: Account) -> Any:
    await account.change("update", "resource", 101, surname="O'Neil & <Sons>")
    return (await record(account, "Resource", 101))["surname"]


LOOKS: dict[str, Look] = {
    "row_case": _first_keys,
    "record_case": _record_keys,
    "row_shape": _row_shape,
    "record_shape": _record_shape,
    "row_id": _row_id,
    "record_id": _record_id,
    "last_updated": _last_updated,
    "creation": _creation,
    "lookups": _lookups,
    "saves": _saves,
    "tags": _tags,
    "contact": _contact,
    "contact_keys": _contact_keys,
    "address": _address,
    "person_names": _person_names,
    "row_email": _row_email,
    "job_text": _job_text,
    "advert": _advert,
    "job_status": _job_status,
    "owner_slots": _owner_slots,
    "owner_roles": _owner_roles,
    "record_owners": _record_owners,
    "application_status": _application_status,
    "application_refs": _application_refs,
    "rejection": _rejection,
    "users_shape": _users_shape,
    "dates": _dates,
    "record_dates": _dates,
    "absent_dates": _absent_dates,
    "odd_dates": _odd_dates,
    "server_clock": _server_clock,
    "email_text": _email_text,
    "amounts": _amounts,
    "row_flags": _row_flags,
    "record_flags": _record_flags,
    "ids": _ids,
    "blanks": _blanks,
    "nulls": _blanks,
    "texts": _texts,
}
