"""Random changes, in about the proportions in which people make them in a recruitment agency."""

from collections.abc import Callable
from random import Random
from typing import Any, Protocol

from bridge.json_types import MutableObject
from bridge.simulator import pools
from bridge.simulator.generate import OWNER_SLOTS
from bridge.simulator.generate_records import GeneratedResources, Opportunities
from bridge.simulator.lookup import RecordLookup
from bridge.simulator.tables import RecordTable

_CREATED_ONLY = {"creationDate", "lastUpdatedDateTime", "opportunityId", "resourceId"}
_OPEN = (1, 2, 3, 4, 5)
_FIELDS_A_TIME = 3
# Roles that the tenant has deleted: jobs keep the id, but no name is shown.
_NAMELESS_ROLES = (90, 91, 92, 93, 94, 95, 96, 97)
_RENAMES_UP_TO = 50_000


class Changeable(Protocol):
    """The interface of a world for random changes."""

    live: dict[str, RecordTable]
    statuses: dict[int, MutableObject]
    resources: GeneratedResources
    opportunities: Opportunities
    pools: pools.Pools
    lookup: RecordLookup

    def change(self, op: str, entity: str, record_id: int | None = None, /, **given: Any) -> int:
        """Make one change."""

    def deleted(self) -> list[tuple[str, int]]:
        """Return the records that can be undeleted."""

    def unused_statuses(self) -> list[int]:
        """Return the placement statuses without placements."""


class RandomChange:
    """Makes one change at a time in a world, with the weights below."""

    def __init__(self, world: Changeable) -> None:
        self._world = world
        self._kinds: list[tuple[int, Callable[[Random], Any]]] = [
            (12, self._create_resource),
            (4, self._create_opportunity),
            (12, self._create_placement),
            (1, self._create_user),
            (22, lambda rng: self._edit(rng, "resource")),
            (12, lambda rng: self._edit(rng, "opportunity")),
            (2, lambda rng: self._edit(rng, "user")),
            (14, self._move_stage),
            (4, self._reject),
            (5, self._change_owners),
            (5, self._change_tags),
            (4, self._change_advert),
            (4, self._change_state),
            (3, lambda rng: self._delete(rng, "resource")),
            (1, lambda rng: self._delete(rng, "opportunity")),
            (3, lambda rng: self._delete(rng, "opportunity_resource")),
            (1, lambda rng: self._delete(rng, "user")),
            (3, self._undelete),
            (1, self._change_statuses),
        ]

    def make(self, rng: Random) -> None:
        """Make one change. If the chosen one is impossible (nothing to delete), create a candidate."""
        weights = [weight for weight, _ in self._kinds]
        kind = rng.choices(self._kinds, weights)[0][1]
        if kind(rng) is None:
            self._create_resource(rng)

    def _some(self, rng: Random, entity: str) -> int | None:
        return self._world.live[entity].sample(rng.random())

    def _content(self, rng: Random, entity: str) -> dict[str, Any]:
        base = self._world.resources if entity == "resource" else self._world.opportunities
        record = base.content(rng.randrange(2**31), rng.randrange(10_000))
        return {key: value for key, value in record.items() if key not in _CREATED_ONLY}

    def _create_resource(self, rng: Random) -> int:
        return self._world.change("create", "resource", **self._content(rng, "resource"))

    def _create_opportunity(self, rng: Random) -> int:
        content = self._content(rng, "opportunity")
        for key in ("dateOpened", "publishDate", "publishStartDate"):
            del content[key]
        return self._world.change("create", "opportunity", **content)

    def _create_user(self, rng: Random) -> int:
        first, last = rng.choice(self._world.pools.first_names), rng.choice(self._world.pools.surnames)
        email = f"{pools.slug(first)}@agency.example"
        return self._world.change("create", "user", firstName=first, surname=last, email=email, active=True)

    def _create_placement(self, rng: Random) -> int | None:
        job, candidate = self._some(rng, "opportunity"), self._some(rng, "resource")
        if job is None or candidate is None or self._world.lookup.placement_of(job, candidate) is not None:
            return None
        status = rng.choice(list(self._world.statuses))
        ids = {"opportunityId": job, "resourceId": candidate, "opportunityResourceStatusId": status}
        return self._world.change("create", "opportunity_resource", **ids)

    def _edit(self, rng: Random, entity: str) -> int | None:
        record_id = self._some(rng, entity)
        if record_id is None:
            return None
        if entity == "user":
            content = {"firstName": rng.choice(self._world.pools.first_names), "active": rng.random() < 0.8}
        else:
            content = self._content(rng, entity)
        if entity == "opportunity":  # the state is changed separately, with its history
            for key in ("opportunityStatusId", "dateFilled", "awarded", "filled", "closed"):
                del content[key]
        chosen = rng.sample(sorted(content), min(len(content), rng.randint(1, _FIELDS_A_TIME)))
        return self._world.change("update", entity, record_id, **{key: content[key] for key in chosen})

    def _move_stage(self, rng: Random) -> int | None:
        placement = self._some(rng, "opportunity_resource")
        if placement is None:
            return None
        status = rng.choice(list(self._world.statuses))
        return self._world.change(
            "update", "opportunity_resource", placement, opportunityResourceStatusId=status
        )

    def _reject(self, rng: Random) -> int | None:
        placement = self._some(rng, "opportunity_resource")
        rejected = [n for n, status in self._world.statuses.items() if status["group"] == "Rejected"]
        if placement is None or not rejected:
            return None
        note = rng.choice(("", "Not enough experience", "Trop cher", "Position on hold"))
        given = {
            "opportunityResourceStatusId": rng.choice(rejected),
            "rejectionReason": note,
            "activeRecord": False,
        }
        return self._world.change("update", "opportunity_resource", placement, **given)

    def _change_owners(self, rng: Random) -> int | None:
        job, user = self._some(rng, "opportunity"), self._some(rng, "user")
        if job is None:
            return None
        owner, role, percent = rng.choice(OWNER_SLOTS)
        gone = user is None or rng.random() < 0.3
        role_id = None if gone else rng.choice((None, *pools.ROLES, rng.choice(_NAMELESS_ROLES)))
        given = {
            owner: None if gone else user,
            role: role_id,
            percent: None if gone else rng.randrange(0, 101, 10),
        }
        return self._world.change("update", "opportunity", job, **given)

    def _change_tags(self, rng: Random) -> int | None:
        candidate = self._some(rng, "resource")
        if candidate is None:
            return None
        new = (f"Campaign {rng.randrange(40)}",) if rng.random() < 0.2 else ()
        text = pools.tag_text(rng, self._world.pools.tags + new * 20)
        return self._world.change("update", "resource", candidate, tagText=text)

    def _change_advert(self, rng: Random) -> int | None:
        job = self._some(rng, "opportunity")
        if job is None:
            return None
        given = {"advertStatus": rng.choice(("A", "A", "C", "")), "publishOnline": rng.random() < 0.7}
        return self._world.change("update", "opportunity", job, **given)

    def _change_state(self, rng: Random) -> int | None:
        job = self._some(rng, "opportunity")
        if job is None:
            return None
        status = rng.choice((*_OPEN, *pools.OPPORTUNITY_STATUSES))
        return self._world.change("update", "opportunity", job, opportunityStatusId=status)

    def _delete(self, rng: Random, entity: str) -> int | None:
        record_id = self._some(rng, entity)
        return None if record_id is None else self._world.change("delete", entity, record_id)

    def _undelete(self, rng: Random) -> int | None:
        deleted = [
            (entity, n)
            for entity, n in self._world.deleted()
            if entity in ("resource", "opportunity", "user")
        ]
        if not deleted:
            return None
        entity, record_id = rng.choice(deleted)
        return self._world.change("undelete", entity, record_id)

    def _change_statuses(self, rng: Random) -> int | None:
        """Change the statuses, mostly their order. A rename affects every rejected application, so not in a
        huge world."""
        status_id, unused = rng.choice(list(self._world.statuses)), self._world.unused_statuses()
        small = len(self._world.live["opportunity_resource"]) <= _RENAMES_UP_TO
        kind, name = rng.random(), f"Stage {rng.randrange(1000)}"
        if unused and rng.random() < 0.5:
            return self._world.change("delete", "status", rng.choice(unused))
        if kind < 0.4:
            place = rng.randrange(len(self._world.statuses))
            return self._world.change("update", "status", status_id, position=place)
        if kind < 0.8:
            group = rng.choice(("Internal", "Offer", "Rejected"))
            return self._world.change("create", "status", name=name, group=group)
        return self._world.change("update", "status", status_id, name=name) if small else None
