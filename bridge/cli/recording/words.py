"""Keys that are words of the product, or of servers' wrappers around records: lowercased, without
underscores."""

import re
from collections.abc import Iterator
from typing import Final

from bridge.simulator.dialects import DIALECTS
from bridge.tracker import resources
from bridge.tracker.layouts import compared_key

_MEANT: Final = re.compile(r"[A-Za-z$@][\w$@.]*")

# Keys that the bridge does not read, as others saw them (docs/assumptions.md).
_MORE: Final = """
    record score status name id value text items data result results
    displayAs resourceDisplayAs resourceEmail resourceStatus quickSkills skillId skillName
    source availableForWork currentSalaryNum currentSalary desiredSalary noticePeriod workTypes workType
    opportunityStatusId opportunityStatusDesc clientId clientName countShortlisted publishViewCount
    publishApplyCount publishOnline ownerPercent secondaryOwnerPercent thirdOwnerPercent fourthOwnerPercent
    fifthOwnerPercent customFields history awarded filled closed activeRecord departmentId departmentName
    statusId currentClientId currentClientName ownerId ownerName workTypeId workTypeName currentClient owner
    email email2 mobilePhone telephone linkedin emailAddress emailAddress2 mobile phone
    primaryEmail secondaryEmail cellPhone homePhone linkedInUrl workEmail personalEmail mobileNumber
    workPhone linkedInProfile addressLine1 addressLine2 town county postcode country address1 address2 city
    state zip countryName forename lastName owner1Id owner2Id owner3Id owner4Id owner5Id owner1RoleId
    owner2RoleId owner3RoleId owner4RoleId owner5RoleId owner1Percent owner2Percent owner3Percent
    owner4Percent owner5Percent active isDeleted deletedDate sortOrder retired lastLogon
    title location sector salaryFrom salaryTo salaryPer reference advertStatus email rank user jobOwners
    contact contactInfo contactDetails address advert advertDetails tagText tags tag type
    opportunityResourceStatus opportunityStatus opportunity resource description advertDescription
"""


def _words() -> Iterator[str]:
    for table in resources.DEFAULT.resources.values():
        for places in table.fields.values():
            for read in places:
                yield from read.path
    for switch in DIALECTS.values():
        yield from switch.values
        for value in switch.values.values():
            yield from _MEANT.findall(value.meaning)
    yield from _MORE.split()


WORDS: Final = frozenset(compared_key(word.strip(".")) for word in _words())
