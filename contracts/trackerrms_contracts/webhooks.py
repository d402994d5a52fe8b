"""Webhooks: the requests and responses of the HTTP API, and the events about endpoints.

The OpenAPI document is generated from these structs, and the service validates requests with them. Secrets
and header values are shown once or never: ``Endpoint`` holds none.
"""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from trackerrms_contracts.entities import Model, Utc
from trackerrms_contracts.events import OPERATIONS

Order = Literal["none", "per_entity"]
Signature = Literal["v1", "v1a", "both"]
SigningKind = Literal["v1", "v1a"]
OperationalType = Literal["endpoint.disabled", "endpoint.failing", "endpoint.recovered"]
HoldType = Literal["hold.opened", "hold.ended"]
HoldEnd = Literal["approved", "discarded", "healed"]
TEST_TYPE = "webhook.test"

# In Python "$" also matches before a final line break; the look-ahead does not.
_END = "$(?!\\n)"
_MODELS, _OPERATIONS = "|".join(Model), "|".join(OPERATIONS)
_ENDPOINT_WORDS, _HOLD_WORDS = "disabled|failing|recovered", "opened|ended"
_EVENT_TYPE = (
    f"^(\\*|({_MODELS})\\.(\\*|{_OPERATIONS})|\\*\\.({_OPERATIONS})|endpoint\\.(\\*|{_ENDPOINT_WORDS})"
    f"|hold\\.(\\*|{_HOLD_WORDS})){_END}"
)
_LINE = f"^[^\\x00-\\x1f\\x7f]*{_END}"
_SLUG = f"^[a-z0-9]([a-z0-9-]{{0,61}}[a-z0-9])?{_END}"
_BASE58 = "[1-9A-HJ-NP-Za-km-z]{24}"

EndpointId = Annotated[str, Meta(pattern=f"^ep_{_BASE58}{_END}", max_length=27)]
EventType = Annotated[
    str,
    Meta(
        pattern=_EVENT_TYPE,
        description="An event type, `candidate.*`, `*.deleted`, or `*` for all.",
        examples=["candidate.updated", "application.*", "*.deleted", "*"],
    ),
]
ExactEventType = Annotated[
    str,
    Meta(
        pattern=f"^(({_MODELS})\\.({_OPERATIONS})|endpoint\\.({_ENDPOINT_WORDS})|hold\\.({_HOLD_WORDS})"
        f"|webhook\\.test){_END}",
        description="An event type, such as `candidate.updated` or `webhook.test`.",
    ),
]
Url = Annotated[
    str,
    Meta(
        pattern=f"^https?://[^\\x00-\\x20\\x7f\\\\]+{_END}",
        max_length=2048,
        description="The URL to post to: https, a public host, without credentials.",
        examples=["https://example.com/webhooks"],
    ),
]
Owner = Annotated[
    str,
    Meta(
        pattern=f"^[A-Za-z0-9]([A-Za-z0-9._-]{{0,61}}[A-Za-z0-9])?{_END}",
        description="The owner of the endpoint, a name of your choice. A token may be bound to one owner.",
        examples=["acme"],
    ),
]
Description = Annotated[str, Meta(pattern=_LINE, max_length=500)]
IntegrationId = Annotated[str, Meta(pattern=_SLUG, max_length=63)]
FieldName = Annotated[
    str, Meta(pattern=f"^[a-z][a-z0-9_]*{_END}", max_length=63, examples=["current_stage_id"])
]
HeaderName = Annotated[str, Meta(pattern=f"^[A-Za-z0-9!#$%&'*+.^_`|~-]+{_END}", max_length=100)]
HeaderValue = Annotated[str, Meta(pattern=f"^[!-~]([ -~]*[!-~])?{_END}", max_length=2000)]
Rate = Annotated[float, Meta(gt=0, le=10_000)]
TimeoutSeconds = Annotated[float, Meta(ge=1, le=60)]
OverlapSeconds = Annotated[int, Meta(ge=0, le=30 * 86_400)]

Integrations = Annotated[tuple[IntegrationId, ...], Meta(max_length=100, description="Empty: all.")]
EventTypes = Annotated[tuple[EventType, ...], Meta(min_length=1, max_length=100)]
ChangedFields = Annotated[
    tuple[FieldName, ...],
    Meta(
        max_length=100, description="Only `updated` events in which one of these fields changed. Empty: any."
    ),
]
Headers = Annotated[
    dict[HeaderName, HeaderValue],
    Meta(max_length=20, description="Sent with every delivery. Stored encrypted and never shown again."),
]

DAY_SECONDS = 86_400


class Endpoint(Struct, frozen=True, kw_only=True):
    """Where to send events, which ones, and how. It never holds a secret.

    ``integrations``: empty for all. ``changed_fields``: only ``updated`` events in which one of them changed.
    ``operational``: it receives the events about its owner's endpoints and about holds of its integrations,
    instead of events about records. ``order``: ``per_entity`` delays an entity's later events until the
    earlier ones have arrived. ``header_names``: the custom headers, whose values are not shown.
    ``public_key``: verifies ``v1a`` signatures, if they are enabled.
    """

    id: EndpointId
    url: Url
    owner: Owner
    description: Description = ""
    integrations: Integrations = ()
    event_types: EventTypes = ("*",)
    changed_fields: ChangedFields = ()
    operational: bool = False
    rate_limit_per_second: Rate | None = None
    timeout_seconds: TimeoutSeconds = 15.0
    order: Order = "none"
    signature: Signature = "v1"
    header_names: tuple[str, ...] = ()
    enabled: bool = True
    disabled_reason: str | None = None
    disabled_at: Utc | None = None
    public_key: str | None = None
    created_at: Utc
    updated_at: Utc


class NewEndpoint(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An endpoint to create. ``owner`` is optional for a token that is bound to one.

    ``deliver_since``: also deliver events from then on, as far as Kafka still has them.
    """

    url: Url
    owner: Owner | None = None
    description: Description = ""
    integrations: Integrations = ()
    event_types: EventTypes = ("*",)
    changed_fields: ChangedFields = ()
    operational: bool = False
    rate_limit_per_second: Rate | None = None
    timeout_seconds: TimeoutSeconds = 15.0
    order: Order = "none"
    signature: Signature = "v1"
    headers: Headers = {}
    enabled: bool = True
    deliver_since: Utc | None = None


class EndpointChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Changes to an endpoint. Omitted keys keep their values; ``headers`` replaces all headers."""

    url: Url | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    integrations: Integrations | UnsetType = UNSET
    event_types: EventTypes | UnsetType = UNSET
    changed_fields: ChangedFields | UnsetType = UNSET
    operational: bool | UnsetType = UNSET
    rate_limit_per_second: Rate | UnsetType | None = UNSET
    timeout_seconds: TimeoutSeconds | UnsetType = UNSET
    order: Order | UnsetType = UNSET
    signature: Signature | UnsetType = UNSET
    headers: Headers | UnsetType = UNSET


class ShownSecret(Struct, frozen=True, kw_only=True):
    """A secret for verification, shown only once: the secret ``whsec_…`` of ``v1``, or the public key
    ``whpk_…`` of ``v1a``."""

    kind: SigningKind
    secret: str


class EndpointWithSecrets(Struct, frozen=True, kw_only=True):
    """An endpoint with its newly created secrets, which are not shown again."""

    endpoint: Endpoint
    secrets: tuple[ShownSecret, ...] = ()


class Rotation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rotation of secrets. Deliveries are also signed with the old secret for ``overlap_seconds``; with 0,
    the old secret ends at once."""

    overlap_seconds: OverlapSeconds = DAY_SECONDS


class EndpointPage(Struct, frozen=True, kw_only=True):
    """A page of endpoints, oldest first. Pass ``next_cursor`` as ``cursor`` to get the next page; ``null``
    means that this is the last one."""

    items: tuple[Endpoint, ...]
    next_cursor: str | None = None


DeliveryState = Literal["delivered", "pending", "failed"]


class Delivery(Struct, frozen=True, kw_only=True):
    """A delivery of an event to an endpoint. ``pending``: the next attempt is at ``next_attempt_at``;
    ``failed``: no more attempts, unless it is resent or recovered. ``last_error`` names the error if there
    was no status."""

    id: str
    endpoint_id: str
    event_id: str
    event_type: str
    subject: str
    integration_id: str
    state: DeliveryState
    attempts: int
    next_attempt_at: Utc | None = None
    last_status: int | None = None
    last_error: str | None = None
    first_at: Utc
    last_at: Utc | None = None


class Attempt(Struct, frozen=True, kw_only=True):
    """An attempt: the status, or the kind of ``error`` and its ``reason``. ``response_excerpt`` is
    truncated; ``signed_with`` names the signatures, newest first: ``v1``, ``v1 v1a``."""

    at: Utc
    status: int | None = None
    error: str | None = None
    reason: str | None = None
    elapsed_ms: int
    response_excerpt: str = ""
    signed_with: str = ""


class DeliveryWithAttempts(Struct, frozen=True, kw_only=True):
    """A delivery with its attempts, oldest first."""

    delivery: Delivery
    attempts: tuple[Attempt, ...] = ()


class DeliveryPage(Struct, frozen=True, kw_only=True):
    """A page of deliveries, newest first. Pass ``next_cursor`` as ``cursor`` to get the next page; ``null``
    means that this is the last one."""

    items: tuple[Delivery, ...]
    next_cursor: str | None = None


class NewRecovery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request to deliver what the endpoint missed from ``since`` until ``until`` (``null``: until now)."""

    since: Utc
    until: Utc | None = None


RecoveryState = Literal["waiting", "running", "done", "failed"]


class Recovery(Struct, frozen=True, kw_only=True):
    """A recovery. ``found`` events matched in the range; ``pending`` of them had not arrived and are
    delivered."""

    id: str
    endpoint_id: str
    since: Utc
    until: Utc | None = None
    state: RecoveryState
    found: int = 0
    pending: int = 0
    reason: str | None = None
    requested_at: Utc
    finished_at: Utc | None = None


class RecoveryPage(Struct, frozen=True, kw_only=True):
    """The recoveries of an endpoint, newest first."""

    items: tuple[Recovery, ...]


class Started(Struct, frozen=True, kw_only=True):
    """A started operation. Get it by its ``id``."""

    id: str


class FieldFault(Struct, frozen=True, kw_only=True):
    """An error in one field, with what to write instead."""

    field: str
    detail: str


class Problem(Struct, frozen=True, kw_only=True):
    """Why a request was refused (RFC 9457), with what to do in ``detail``. ``request_id`` identifies it in
    the log."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str
    errors: tuple[FieldFault, ...] = ()


class EndpointNews(Struct, frozen=True, kw_only=True):
    """A change of an endpoint's state. ``where`` is its scheme and host. ``message`` describes it, and says
    what to do."""

    endpoint_id: str
    owner: str
    where: str
    message: str
    reason: str | None = None
    failing_since: Utc | None = None
    last_status: int | None = None
    last_error: str | None = None


class OperationalEvent(Struct, frozen=True, kw_only=True):
    """The envelope of events for endpoints with ``operational``. ``subject`` is the endpoint that the event
    is about."""

    specversion: Literal["1.0"] = "1.0"
    id: str
    source: str = "trackerrms-bridge"
    type: OperationalType
    subject: str
    time: Utc
    datacontenttype: Literal["application/json"] = "application/json"
    dataschema: str = "urn:trackerrms-bridge:endpoint:1"
    data: EndpointNews


class HoldNews(Struct, frozen=True, kw_only=True):
    """A hold on changes of an account, as ``bridge holds list`` shows it. ``kind`` and ``key`` identify it:
    ``missing_key`` and ``detail:tagText``, or ``deletions`` with an empty key. ``records`` counts the records
    of ``resource``; ``end`` is how it ended, or ``null`` while it is held. ``message`` describes it, and says
    what to do."""

    hold_id: int
    integration_id: str
    resource: str
    kind: str
    key: str
    evidence: str
    records: int
    found_at: Utc
    message: str
    end: HoldEnd | None = None


class HoldEvent(Struct, frozen=True, kw_only=True):
    """The envelope of events about a hold, for endpoints with ``operational``. ``subject`` is ``hold:`` and
    its number."""

    specversion: Literal["1.0"] = "1.0"
    id: str
    source: str = "trackerrms-bridge"
    type: HoldType
    subject: str
    time: Utc
    datacontenttype: Literal["application/json"] = "application/json"
    dataschema: str = "urn:trackerrms-bridge:hold:1"
    data: HoldNews


class TestNotice(Struct, frozen=True, kw_only=True):
    """The data of a test event."""

    message: str = "This is a test. Nothing happened."


class TestEvent(Struct, frozen=True, kw_only=True):
    """The envelope of an endpoint's test event; ``subject`` is the endpoint."""

    specversion: Literal["1.0"] = "1.0"
    id: str
    source: str = "trackerrms-bridge"
    type: Literal["webhook.test"] = "webhook.test"
    subject: str
    time: Utc
    datacontenttype: Literal["application/json"] = "application/json"
    dataschema: str = "urn:trackerrms-bridge:webhook-test:1"
    data: TestNotice = TestNotice()
