"""What one TrackerRMS record yields: a family of entities that is compared as a set. Pure."""

from msgspec import Struct
from trackerrms_contracts import entities, ids
from trackerrms_contracts.entities import Model


class EntityMember(Struct, frozen=True, kw_only=True, gc=False):
    """One entity of a family, ready to be compared.

    ``parent`` is the remote id of the TrackerRMS record it came from (of the resource that the family
    names). ``provisional`` says that something was read around: a role whose name no record gave, an
    application whose status is not in the list. Better knowledge may replace it, it replaces none.
    """

    model: Model
    remote_id: str
    parent: str
    record: entities.Entity
    provisional: bool = False


class Gap(Struct, frozen=True, kw_only=True, gc=False):
    """A field whose value is there and can't be read without a guess: it is left out, and counted.

    ``reason`` names the place, the type and the key to set; never the value.
    """

    field: str
    reason: str


class EntitySet(Struct, frozen=True, kw_only=True, gc=False):
    """Everything that one record of ``resource`` yields; tags and roles are shared with other families."""

    resource: str
    remote_id: str
    members: tuple[EntityMember, ...]
    gaps: tuple[Gap, ...] = ()
    withheld: frozenset[Model] = frozenset()
    """The models of which nothing is told: what was known of them stays."""
    unknown_status: str | None = None
    """The placement status of an application that is not known: its list may be old."""

    def of(self, model: Model) -> tuple[EntityMember, ...]:
        """The members of one model, in order."""
        return tuple(member for member in self.members if member.model is model)


class Ids(Struct, frozen=True, kw_only=True):
    """The ids of one integration's entities."""

    integration_id: str

    def of(self, model: Model, remote_id: str) -> str:
        """The id of the entity that TrackerRMS knows as ``remote_id``."""
        return ids.entity_id(self.integration_id, model, remote_id)

    def maybe(self, model: Model, remote_id: str | None) -> str | None:
        """The same, for a reference that may be empty."""
        return None if remote_id is None else self.of(model, remote_id)
