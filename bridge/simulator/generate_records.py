"""The four generated entities: users, resources, opportunities, placements."""

import math
from datetime import datetime
from typing import Any

from bridge.json_types import MutableObject
from bridge.simulator.generate import (
    Entity,
    Shuffle,
    Slots,
    draws,
    generate_email,
    generate_owner_slots,
    pick,
)
from bridge.simulator.plain_fields import generate_plain_fields
from bridge.simulator.pools import (
    COUNTRIES,
    DEPARTMENTS,
    OPPORTUNITY_STATUSES,
    RESOURCE_STATUSES,
    SALARY_PERIODS,
    SECTORS,
    UNMAPPED_COUNTRIES,
    WORK_TYPES,
    Pools,
    slug,
)

FIRST_IDS = {"user": 20, "resource": 101, "opportunity": 1001, "opportunity_resource": 501}

_COUNTRY_NAMES = tuple(COUNTRIES)
_PUBLISHED = ("A", "A", "A", "C", "")
_NOTES = ("", "Salary expectations too high", "Accepted another offer", "Nicht geeignet – zu wenig Erfahrung")

#: By rank, so that the owners' roles in use can be counted: the same owner twice, no role, no owner.
OWNER_PATTERNS: tuple[Slots, ...] = (
    ((0, 1), (1, 2)),
    ((0, 1),),
    ((0, 2), (1, 3)),
    ((0, 1), (0, 4)),
    ((0, 2), (1, 2), (2, 3)),
    ((0, None),),
    ((0, 4), (1, None)),
    ((0, 1), (1, 2), (2, 3), (3, 4), (4, 5)),
    ((0, 2), (1, 2), (0, 2)),
    ((0, 6), (1, 1)),
    (),
)

#: By rank: statuses of opportunities and of placements.
OPPORTUNITY_PATTERN = (2, 2, 3, 4, 2, 6, 5, 2, 8, 3, 7, 4, 2, 10, 1, 3, 2, 9, 2, 6)
PLACEMENT_PATTERN = (2, 3, 4, 10, 2, 5, 1, 3, 11, 6, 2, 8, 4, 12, 3, 9, 7, 10, 2, 5, 13, 1, 4)


class Users(Entity):
    """The agency's employees."""

    def record(self, index: int) -> MutableObject:
        """Return the record at a position."""
        d = draws(self.seed, "user", index)
        first, last = pick(self.pools.first_names, d[0]), pick(self.pools.surnames, d[1])
        address = f"{slug(first)}.{slug(last)}{index}@agency.example"
        if index % 12 == 5:
            address = ("", "no email", "someone@localhost")[d[2] % 3]
        return {
            "firstName": first,
            "surname": last,
            "email": address,
            "active": d[3] % 8 != 0,
            **self.times(index, self.shuffle.rank(index)),
        }


class GeneratedResources(Entity):
    """Candidates. Tags are derived from the rank, so that they can be counted."""

    def record(self, index: int) -> MutableObject:
        """Return the record at a position."""
        return self.content(index, self.shuffle.rank(index))

    def content(self, index: int, rank: int) -> MutableObject:
        """Return a plausible candidate. ``index`` may be beyond the base."""
        d = draws(self.seed, "resource", index)
        first, last = pick(self.pools.first_names, d[0]), pick(self.pools.surnames, d[1])
        odd = d[2] % 1000
        return {
            "firstName": "" if odd == 0 else first,
            "surname": last,
            "jobTitle": "" if odd < 20 else pick(self.pools.job_titles, d[3]),
            "statusId": 1 + d[4] // 7 % len(RESOURCE_STATUSES),
            **self._contact(first, last, index, d),
            **self._address(d),
            "clientId": d[5] % 400 if odd % 7 else None,
            "clientName": pick(self.pools.companies, d[5]) if odd % 7 else "",
            "workTypeIds": [1 + d[6] % len(WORK_TYPES)],
            "quickSkills": [pick(self.pools.skills, d[6] // 16 + n) for n in range(d[7] % 4)],
            "tagText": self.pools.tag_texts[rank % len(self.pools.tag_texts)],
            "note": ""
            if odd % 3
            else f"Spoke in week {d[8] % 52}; keen on {pick(self.pools.job_titles, d[9])}.",
            **generate_plain_fields("resource", d),
            "ownerId": None,
            **self.times(index, rank),
        }

    @staticmethod
    def _contact(first: str, last: str, index: int, d: tuple[int, ...]) -> MutableObject:
        address = generate_email(first, last, index, d[11])
        return {
            "email": address,
            "email2": f"{slug(last)}.{index}@work.example" if d[11] % 17 == 0 else "",
            "mobilePhone": f"+44 7700 {d[12] % 1_000_000:06d}" if d[12] % 9 else "",
            "telephone": f"020 7946 {d[12] // 7 % 10_000:04d}" if d[12] % 5 == 0 else "",
            "linkedin": f"https://www.linkedin.com/in/{slug(first)}-{slug(last)}-{index}"
            if d[11] % 3 == 0
            else "",
        }

    def _address(self, d: tuple[int, ...]) -> MutableObject:
        if d[13] % 11 == 0:
            return dict.fromkeys(
                ("addressLine1", "addressLine2", "town", "county", "postcode", "country"), ""
            )
        town, county = pick(self.pools.places, d[13])
        country = pick(_COUNTRY_NAMES, d[14]) if d[14] % 4 == 0 else "United Kingdom"
        return {
            "addressLine1": f"{1 + d[15] % 200} {pick(self.pools.streets, d[15])}",
            "addressLine2": f"Flat {d[15] % 40}" if d[15] % 9 == 0 else "",
            "town": town,
            "county": county if d[13] % 3 else "",
            "postcode": f"{slug(town)[:2].upper()}{d[14] % 20 + 1} {d[14] % 9 + 1}AB",
            "country": pick(UNMAPPED_COUNTRIES, d[14]) if d[14] % 50 == 0 else country,
        }


class Opportunities(Entity):
    """Jobs. Status, and therefore state, and owners are derived from the rank."""

    parts: tuple[str, ...] = ("open", "won", "closed")

    def __init__(
        self, seed: int, count: int, first_id: int, start: datetime, pools: Pools, users: list[int]
    ) -> None:
        super().__init__(seed, count, first_id, start, pools)
        self._users = users

    def part(self, rank: int) -> str:
        return OPPORTUNITY_STATUSES[OPPORTUNITY_PATTERN[rank % len(OPPORTUNITY_PATTERN)]][1]

    def record(self, index: int) -> MutableObject:
        """Return the record at a position."""
        return self.content(index, self.shuffle.rank(index))

    def content(self, index: int, rank: int) -> MutableObject:
        """Return a plausible job. ``index`` may be beyond the base."""
        d = draws(self.seed, "opportunity", index)
        times = self.times(index, rank)
        title = pick(self.pools.job_titles, d[0])
        town, county = pick(self.pools.places, d[1])
        somewhere = d[1] % 13 != 0
        status = OPPORTUNITY_PATTERN[rank % len(OPPORTUNITY_PATTERN)]
        department = 1 + d[2] % len(DEPARTMENTS)
        return {
            "opportunityName": title,
            "opportunityStatusId": status,
            "clientId": d[3] % 400,
            "clientName": pick(self.pools.companies, d[3]),
            "departmentId": department,
            "departmentName": DEPARTMENTS[department] if d[2] % 10 else "",
            "location": f"{town}, {county}" if somewhere else "",
            "locationCity": town if somewhere else "",
            "locationState": county if somewhere else "",
            "postcodeLocation": f"{slug(town)[:2].upper()}{d[4] % 20 + 1}" if somewhere and d[4] % 3 else "",
            "dateOpened": times["creationDate"][:11] + "00:00:00",
            **_history(status, times["lastUpdatedDateTime"], d[5]),
            "workType": pick(WORK_TYPES, d[6]),
            "opportunityDescription": f"<p>{title} for a client in {town}.</p><ul><li>R&amp;D</li></ul>"
            if d[7] % 3
            else "",
            **generate_plain_fields("opportunity", d),
            **generate_owner_slots(OWNER_PATTERNS[rank % len(OWNER_PATTERNS)], self._users, rank),
            **self._advert(index, title, d, times),
            **times,
        }

    def _advert(self, index: int, title: str, d: tuple[int, ...], times: MutableObject) -> MutableObject:
        status = pick(_PUBLISHED, d[9])
        amount = 20000 + d[10] % 80 * 1000
        return {
            "advertStatus": status,
            "publishOnline": bool(status) and d[9] % 4 != 0,
            "publishTitle": title if status else "",
            "publishDescription": f"<div><h2>{title}</h2><p>Café, 4 &lt; 5 days</p></div>" if status else "",
            "publishSector": pick(SECTORS, d[11]),
            "publishSalaryFrom": "" if d[12] % 6 == 0 else str(amount),
            "publishSalaryTo": ("", "Competitive", str(amount))[d[12] // 6 % 3]
            if d[12] % 5 == 0
            else str(amount + 8000),
            "publishSalaryPer": pick(SALARY_PERIODS, d[13]),
            "publishReference": f"JOB-{self.first_id + index}" if d[13] % 9 else "",
            "publishDate": times["lastUpdatedDateTime"] if status else None,
            "publishStartDate": times["creationDate"] if status else None,
        }


def _history(status: int, at: str, draw: int) -> MutableObject:
    """Return when a job was won, filled or closed; empty while it is open."""
    state = OPPORTUNITY_STATUSES[status][1]
    return {
        "dateFilled": at if state == "won" and draw % 3 else None,
        "awarded": at if state == "won" else None,
        "filled": at if state == "won" else None,
        "closed": at if state == "closed" else None,
    }


class Placements(Entity):
    """Applications. The position determines the job and the candidate, and the reverse."""

    def __init__(
        self, seed: int, count: int, first_id: int, start: datetime, pools: Pools, jobs: int, candidates: int
    ) -> None:
        super().__init__(seed, count if jobs and candidates else 0, first_id, start, pools)
        self._jobs, self._candidates = max(1, jobs), max(1, candidates)
        self._spread = Shuffle(self._candidates, seed + 1)
        self._round = math.lcm(self._jobs, self._candidates)

    def opportunity_index(self, index: int) -> int:
        """Return the job of a placement. After a full round the pairs shift, so that none occurs twice."""
        return (index + index // self._round) % self._jobs

    def resource_index(self, index: int) -> int:
        """Return the candidate of a placement."""
        return self._spread.rank(index % self._candidates)

    def of_opportunity(self, job: int) -> list[int]:
        """Return the placements of one job."""
        found: list[int] = []
        for number in range(self.count // self._round + 1):
            start = number * self._round
            end = min(start + self._round, self.count)
            found += range(start + (job - number - start) % self._jobs, end, self._jobs)
        return found

    def of_resource(self, candidate: int) -> list[int]:
        """Return the placements of one candidate."""
        return list(range(self._spread.index(candidate), self.count, self._candidates))

    def status(self, rank: int) -> int:
        """Return the status of the placement of this rank."""
        return PLACEMENT_PATTERN[rank % len(PLACEMENT_PATTERN)]

    def record(self, index: int) -> MutableObject:
        """Return the record at a position."""
        rank = self.shuffle.rank(index)
        d = draws(self.seed, "placement", index)
        status = self.status(rank)
        note: Any = pick(_NOTES, d[0]) if status >= 10 and d[0] % 3 == 0 else ""
        return {
            "opportunityId": FIRST_IDS["opportunity"] + self.opportunity_index(index),
            "resourceId": FIRST_IDS["resource"] + self.resource_index(index),
            "opportunityResourceStatusId": status,
            "rejectionReason": note,
            "activeRecord": status < 10,
            **self.times(index, rank),
        }
