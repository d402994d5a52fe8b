"""Webhooks: what the HTTP API takes and gives, and the events that tell of the endpoints themselves.

The OpenAPI document is made from these structs, and what the service reads is checked by them. Secrets and
header values go in and are shown once or never: ``Endpoint`` holds none.
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

# "$" lets a line's end follow it, in Python; the look-ahead does not.
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
        description="Where to post to: https, a public host, no credentials before it.",
        examples=["https://example.com/webhooks"],
    ),
]
Owner = Annotated[
    str,
    Meta(
        pattern=f"^[A-Za-z0-9]([A-Za-z0-9._-]{{0,61}}[A-Za-z0-9])?{_END}",
        description="A name of your choosing: whose endpoint it is. A token may be bound to one owner.",
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
    Meta(max_length=100, description="`updated` events only when one of these changed. Empty: any."),
]
Headers = Annotated[
    dict[HeaderName, HeaderValue],
    Meta(max_length=20, description="Sent with every delivery; kept sealed and never shown again."),
]

DAY_SECONDS = 86_400


class Endpoint(Struct, frozen=True, kw_only=True):
    """Where events go, which of them, and how. It never holds a secret.

    ``integrations``: empty for all. ``changed_fields``: ``updated`` events only when one of them changed.
    ``operational``: it gets the events about its owner's endpoints, and about what is held back of its
    integrations, instead of those of records.
    ``order``: ``per_entity`` holds back an entity's later events until the earlier ones have arrived.
    ``header_names``: the custom headers, whose values are not shown. ``public_key``: what ``v1a`` signatures
    are verified with, where they are on.
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
    """An endpoint to create. ``owner`` may be left out by a token that is bound to one.

    ``deliver_since``: deliver what happened from then on too, as far as Kafka still has it.
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
    """What to change in an endpoint: a key that is left out stays as it is; ``headers`` replaces all of
    them."""

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
    """What to verify with, shown this once: the secret ``whsec_…`` of ``v1``, the public key ``whpk_…`` of
    ``v1a``."""

    kind: SigningKind
    secret: str


class EndpointWithSecrets(Struct, frozen=True, kw_only=True):
    """An endpoint and the secrets that were made for it just now; they are not shown again."""

    endpoint: Endpoint
    secrets: tuple[ShownSecret, ...] = ()


class Rotation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long deliveries are signed with the old secret too; 0 forgets it at once."""

    overlap_seconds: OverlapSeconds = DAY_SECONDS


class EndpointPage(Struct, frozen=True, kw_only=True):
    """Endpoints, oldest first; give ``next_cursor`` as ``cursor`` for more, ``null``: that was all."""

    items: tuple[Endpoint, ...]
    next_cursor: str | None = None


DeliveryState = Literal["delivered", "pending", "failed"]


class Delivery(Struct, frozen=True, kw_only=True):
    """One event for one endpoint. ``pending``: it is tried at ``next_attempt_at``; ``failed``: given up,
    until it is resent or recovered. ``last_error`` names what went wrong where there was no status."""

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
    """One try: the status, or the kind of ``error`` and its ``reason``. ``response_excerpt`` is cut short;
    ``signed_with`` names the signatures it bore, newest first: ``v1``, ``v1 v1a``."""

    at: Utc
    status: int | None = None
    error: str | None = None
    reason: str | None = None
    elapsed_ms: int
    response_excerpt: str = ""
    signed_with: str = ""


class DeliveryWithAttempts(Struct, frozen=True, kw_only=True):
    """A delivery and what was tried, oldest first."""

    delivery: Delivery
    attempts: tuple[Attempt, ...] = ()


class DeliveryPage(Struct, frozen=True, kw_only=True):
    """Deliveries, newest first; give ``next_cursor`` as ``cursor`` for more, ``null``: that was all."""

    items: tuple[Delivery, ...]
    next_cursor: str | None = None


class NewRecovery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Deliver what the endpoint missed from ``since`` until ``until`` (``null``: until now)."""

    since: Utc
    until: Utc | None = None


RecoveryState = Literal["waiting", "running", "done", "failed"]


class Recovery(Struct, frozen=True, kw_only=True):
    """A recovery: ``found`` events matched in that time, ``pending`` of them had not arrived and are
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
    """What was asked for is under way; look at it by its ``id``."""

    id: str


class FieldFault(Struct, frozen=True, kw_only=True):
    """What is wrong with one field, and what to write there."""

    field: str
    detail: str


class Problem(Struct, frozen=True, kw_only=True):
    """Why a request was refused (RFC 9457), and in ``detail`` what to do. ``request_id`` finds it in the
    log."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str
    errors: tuple[FieldFault, ...] = ()


class EndpointNews(Struct, frozen=True, kw_only=True):
    """What happened to an endpoint; ``where`` is its scheme and host. ``message`` says it, and what to do."""

    endpoint_id: str
    owner: str
    where: str
    message: str
    reason: str | None = None
    failing_since: Utc | None = None
    last_status: int | None = None
    last_error: str | None = None


class OperationalEvent(Struct, frozen=True, kw_only=True):
    """The envelope of what endpoints with ``operational`` get; ``subject`` is the endpoint that it is
    about."""

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
    """What is held back of an account, as ``bridge holds list`` shows it. ``kind`` and ``key`` say what:
    ``missing_key`` and ``detail:tagText``, ``deletions`` and nothing. ``records``: how many of ``resource``;
    ``end``: how it ended, ``null`` while it is held. ``message`` says it, and what to do."""

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
    """The envelope of what endpoints with ``operational`` get about a hold; ``subject`` is ``hold:`` and its
    number."""

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
