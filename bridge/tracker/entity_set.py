"""The entities that one TrackerRMS record yields, which are compared as a set. Pure."""

from msgspec import Struct
from trackerrms_contracts import entities, ids
from trackerrms_contracts.entities import Model


class EntityMember(Struct, frozen=True, kw_only=True, gc=False):
    """An entity of a set, ready for comparison.

    ``parent`` is the remote id of the TrackerRMS record it came from. ``provisional`` marks incomplete data:
    a role without a name in any record, or an application whose status is not in the list. Complete data may
    replace it, but it replaces nothing.
    """

    model: Model
    remote_id: str
    parent: str
    record: entities.Entity
    provisional: bool = False


class Gap(Struct, frozen=True, kw_only=True, gc=False):
    """A field whose value exists but is ambiguous or unreadable. It is left out and counted.

    ``reason`` names the place, the type and the key to set, never the value.
    """

    field: str
    reason: str


class EntitySet(Struct, frozen=True, kw_only=True, gc=False):
    """All entities that one record of ``resource`` yields. Tags and roles are shared with other sets."""

    resource: str
    remote_id: str
    members: tuple[EntityMember, ...]
    gaps: tuple[Gap, ...] = ()
    withheld: frozenset[Model] = frozenset()
    """The models that could not be read: their known entities are kept."""
    unknown_status: str | None = None
    """The unknown placement status of an application: the list may be outdated."""

    def of(self, model: Model) -> tuple[EntityMember, ...]:
        """Return the entities of one model, in order."""
        return tuple(member for member in self.members if member.model is model)


class Ids(Struct, frozen=True, kw_only=True):
    """The ids of one integration's entities."""

    integration_id: str

    def of(self, model: Model, remote_id: str) -> str:
        """Return the id of the entity that TrackerRMS knows as ``remote_id``."""
        return ids.entity_id(self.integration_id, model, remote_id)

    def maybe(self, model: Model, remote_id: str | None) -> str | None:
        """Return the same for an optional reference."""
        return None if remote_id is None else self.of(model, remote_id)
