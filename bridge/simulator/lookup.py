"""Finds records by other values than their id: placements of a parent, candidates by address."""

import re
from collections import defaultdict
from collections.abc import Iterator

from bridge.json_types import MutableObject
from bridge.simulator.generate_records import FIRST_IDS, GeneratedResources, Placements
from bridge.simulator.tables import RecordTable

_PARENTS = {"opportunity": "opportunityId", "resource": "resourceId"}


class RecordLookup:
    """Finds base records by arithmetic, and changed ones in small indexes."""

    def __init__(
        self, live: dict[str, RecordTable], resources: GeneratedResources, placements: Placements
    ) -> None:
        self._live, self._resources, self._placements = live, resources, placements
        self._created: dict[tuple[str, int], set[int]] = defaultdict(set)
        self._addresses: dict[str, set[int]] = defaultdict(set)

    def placements(self, parent: str, parent_id: int) -> list[int]:
        """Return the ids of the existing placements of an opportunity or a resource."""
        index = parent_id - FIRST_IDS[parent]
        base: list[int] = []
        if parent == "opportunity" and 0 <= index < self._live[parent].base.count:
            base = self._placements.of_opportunity(index)
        elif parent == "resource" and 0 <= index < self._live[parent].base.count:
            base = self._placements.of_resource(index)
        found = {self._placements.first_id + place for place in base} | self._created[parent, parent_id]
        return sorted(n for n in found if n in self._live["opportunity_resource"])

    def placement_of(self, opportunity_id: int, resource_id: int) -> int | None:
        """Return the placement of a candidate on a job, if there is one."""
        for placement in self.placements("resource", resource_id):
            record = self._live["opportunity_resource"].get(placement)
            if record and record["opportunityId"] == opportunity_id:
                return placement
        return None

    def placement_changed(self, placement_id: int, record: MutableObject | None) -> None:
        """Index a placement that was created after the start."""
        if record is not None and placement_id >= self._placements.first_id + self._placements.count:
            for parent, key in _PARENTS.items():
                self._created[parent, record[key]].add(placement_id)

    def placements_with_status(self, status_id: int) -> Iterator[int]:
        """Yield the ids of the placements in a status, in time proportional to their number."""
        table = self._live["opportunity_resource"]
        for rank in table.untouched_ranks():
            if self._placements.status(rank) == status_id:
                yield self._placements.first_id + self._placements.shuffle.index(rank)
        for placement_id, record in table.changed():
            if record["opportunityResourceStatusId"] == status_id:
                yield placement_id

    def resource_changed(
        self, resource_id: int, old: MutableObject | None, new: MutableObject | None
    ) -> None:
        """Index a candidate's addresses."""
        for address in _addresses(old):
            self._addresses[address].discard(resource_id)
        for address in _addresses(new):
            self._addresses[address].add(resource_id)

    def resources(self, text: str) -> list[int]:
        """Return the ids of the candidates with this e-mail, LinkedIn address or telephone number.

        An unchanged candidate isn't found by its telephone number, because those are not indexed.
        """
        wanted = text.strip().lower()
        found = set(self._addresses.get(wanted, ()))
        for digits in re.findall(r"\d+", wanted):
            found.add(self._resources.first_id + int(digits))
        return sorted(n for n in found if n < 2**32 and wanted in _addresses(self._live["resource"].get(n)))


def _addresses(record: MutableObject | None) -> set[str]:
    if record is None:
        return set()
    values = (record[key] for key in ("email", "email2", "linkedin", "mobilePhone", "telephone"))
    return {value.strip().lower() for value in values if isinstance(value, str) and value.strip()}
