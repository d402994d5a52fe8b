"""Control paths for tests and experiments. They do not exist in TrackerRMS and do not count as calls."""

import base64
import hashlib
import itertools
from collections.abc import Awaitable, Callable, Iterator
from random import Random
from typing import Any

import msgspec

from bridge.simulator import jsontext
from bridge.simulator.calls import Calls
from bridge.simulator.fields import BadField
from bridge.simulator.routing import Invalid, Reply, SimulatedCall, json_reply, problem
from bridge.simulator.site import Site
from bridge.simulator.truth import MODELS
from bridge.simulator.world import ChangeRefused, UnknownRecord

_LINES_AT_A_TIME = 500
_MOST_CHANGES = 10_000


def truth_lines(site: Site, call: SimulatedCall) -> Iterator[bytes]:
    """Yield one JSON line per existing record of ``?model=``, some hundred at a time. Raises Invalid."""
    model = call.query.get("model", "")
    if model not in MODELS:
        raise Invalid(f"model must be one of {', '.join(MODELS)}")
    return _batches(
        {"remote_id": remote_id, "record": record} for remote_id, record in site.world.truth(model)
    )


def journal_lines(site: Site, call: SimulatedCall) -> Iterator[bytes]:
    """Yield one JSON line per change of a unified record after number ``?after=``. Raises Invalid."""
    after = call.query.get("after", "0")
    if not after.isdigit():
        raise Invalid("after must be a whole number")
    return _batches(iter(site.world.journal.after(int(after))))


def document_lines(site: Site, call: SimulatedCall) -> Iterator[bytes]:
    """Yield one JSON line per attached document, even if its candidate was deleted."""
    return _batches(
        {
            "candidate": candidate,
            **{key: one[key] for key in ("documentId", "filename", "documentType")},
            **_measured(str(one["filecontent"])),
        }
        for candidate, held in sorted(site.documents.items())
        for one in held
    )


def _measured(content: str) -> dict[str, Any]:
    data = base64.b64decode(content)
    return {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


async def show_record(site: Site, call: SimulatedCall) -> Reply:
    """Return the record of ``?entity=&id=`` as stored: flat, with the simulator's own names; 404 if there is
    none."""
    entity, record_id = call.query.get("entity", ""), call.query.get("id", "")
    if entity not in site.world.live or not (record_id.isascii() and record_id.isdigit()):
        raise Invalid(f"entity must be one of {', '.join(site.world.live)}, id a whole number")
    record = site.world.live[entity].get(int(record_id))
    return problem(404, f"{entity} {record_id} doesn't exist") if record is None else json_reply(record)


def _batches(lines: Iterator[Any]) -> Iterator[bytes]:
    while batch := list(itertools.islice(lines, _LINES_AT_A_TIME)):
        yield b"".join(jsontext.encode(line) + b"\n" for line in batch)


async def post_change(site: Site, call: SimulatedCall) -> Reply:
    """Make one change, or serve a wrong form (``raw``); 404 and 409 come from the world."""
    body = call.object()
    op, entity, record_id = body.pop("op", "update"), body.pop("entity", None), body.pop("id", None)
    if record_id is not None and not isinstance(record_id, int):
        raise Invalid("id must be a whole number")
    try:
        if "raw" in body:
            if str(entity) not in site.world.live or record_id is None or not _is_raw(body["raw"]):
                raise Invalid("raw must be an object or null, and needs an entity with rows and an id")
            site.world.set_raw(str(entity), record_id, body["raw"])
            return json_reply({"id": record_id})
        return json_reply({"id": site.world.change(op, str(entity), record_id, **body)})
    except UnknownRecord as error:
        return problem(404, str(error))
    except ChangeRefused as error:
        return problem(409, str(error))
    except (BadField, ValueError) as error:
        raise Invalid(str(error)) from error


def _is_raw(value: Any) -> bool:
    return value is None or isinstance(value, dict)


async def plan_fault(site: Site, call: SimulatedCall) -> Reply:
    """Plan a fault."""
    try:
        site.faults.plan(call.json())
    except msgspec.ValidationError as error:
        raise Invalid(str(error)) from error
    return json_reply(site.faults.describe(), 201)


async def list_faults(site: Site, call: SimulatedCall) -> Reply:
    """Return the planned faults with their match counts."""
    return json_reply(site.faults.describe())


async def clear_faults(site: Site, call: SimulatedCall) -> Reply:
    """Delete all faults."""
    site.faults.clear()
    return Reply(status=204)


async def list_quirks(site: Site, call: SimulatedCall) -> Reply:
    """Return every quirk, its state and its meaning."""
    return json_reply(site.quirks.describe())


async def set_quirks(site: Site, call: SimulatedCall) -> Reply:
    """Switch quirks by name."""
    try:
        site.quirks.set(call.object())
    except ValueError as error:
        raise Invalid(str(error)) from error
    site.follow_quirks()
    return json_reply(site.quirks.describe())


async def show_dialect(site: Site, call: SimulatedCall) -> Reply:
    """Return every switch of the dialect: its current value, its default, its meaning and all its values."""
    return json_reply(site.dialect.describe())


async def set_dialect(site: Site, call: SimulatedCall) -> Reply:
    """Set switches with ``{"switch": "value"}``; ``null`` sets the default. Return those that
    differ from it."""
    try:
        site.dialect.set(call.object())
    except ValueError as error:
        raise Invalid(str(error)) from error
    site.follow_dialect()
    return json_reply(site.dialect.spoken())


async def reset_dialect(site: Site, call: SimulatedCall) -> Reply:
    """Set every switch to its default."""
    site.dialect.reset()
    site.follow_dialect()
    return Reply(status=204)


async def list_calls(site: Site, call: SimulatedCall) -> Reply:
    """Return the requests received, by path and minute."""
    return json_reply(site.calls.report())


async def forget_calls(site: Site, call: SimulatedCall) -> Reply:
    """Reset the counts; the limiter continues."""
    site.calls = Calls()
    return Reply(status=204)


async def set_index(site: Site, call: SimulatedCall) -> Reply:
    """Set the lag of the search index with ``{"lag_seconds": s}``, or update it once with ``{"flush":
    true}``."""
    body = call.object()
    lag = body.get("lag_seconds")
    if lag is not None:
        if not isinstance(lag, int | float) or lag < 0:
            raise Invalid("lag_seconds must be a number of at least 0")
        site.lag_seconds = lag
        site.follow_quirks()
    if body.get("flush"):
        site.world.index.flush()
    return await show_index(site, call)


async def show_index(site: Site, call: SimulatedCall) -> Reply:
    """Return the lag of the search index."""
    return json_reply({"lag_seconds": site.world.index.lag_seconds, "pending": site.world.index.pending})


async def set_pace(site: Site, call: SimulatedCall) -> Reply:
    """Set how many random changes happen per minute with ``{"changes_per_minute": n}``."""
    per_minute = call.object().get("changes_per_minute")
    if not isinstance(per_minute, int | float) or per_minute < 0:
        raise Invalid("changes_per_minute must be a number of at least 0")
    site.pace.set(per_minute)
    return json_reply({"changes_per_minute": site.pace.per_minute})


async def change_at_random(site: Site, call: SimulatedCall) -> Reply:
    """Make random changes at once: ``{"changes": n, "seed": s}``. The same seed and world give the same
    changes."""
    body = call.object()
    changes, seed = body.get("changes", 1), body.get("seed", 0)
    if not isinstance(changes, int) or not isinstance(seed, int) or not 0 <= changes <= _MOST_CHANGES:
        raise Invalid(f"changes must be a whole number up to {_MOST_CHANGES}, seed a whole number")
    rng = Random(seed)  # noqa: S311 — test data
    for _ in range(changes):
        site.world.random_change(rng)
    return json_reply({"changes": changes, "journal": len(site.world.journal)})


async def revoke_tokens(site: Site, call: SimulatedCall) -> Reply:
    """Invalidate every JWT."""
    site.tokens.revoke_jwts()
    return Reply(status=204)


async def about(site: Site, call: SimulatedCall) -> Reply:
    """Return the number of records and the length of the journal."""
    counts = {entity: len(table) for entity, table in site.world.live.items()}
    return json_reply(
        {"records": counts, "statuses": len(site.world.statuses), "journal": len(site.world.journal)}
    )


CONTROLS: dict[tuple[str, str], Callable[[Site, SimulatedCall], Awaitable[Reply]]] = {
    ("GET", "/__about"): about,
    ("GET", "/__records"): show_record,
    ("POST", "/__change"): post_change,
    ("POST", "/__faults"): plan_fault,
    ("GET", "/__faults"): list_faults,
    ("DELETE", "/__faults"): clear_faults,
    ("POST", "/__quirks"): set_quirks,
    ("GET", "/__quirks"): list_quirks,
    ("POST", "/__dialect"): set_dialect,
    ("GET", "/__dialect"): show_dialect,
    ("DELETE", "/__dialect"): reset_dialect,
    ("GET", "/__calls"): list_calls,
    ("DELETE", "/__calls"): forget_calls,
    ("POST", "/__index"): set_index,
    ("GET", "/__index"): show_index,
    ("POST", "/__pace"): set_pace,
    ("POST", "/__random"): change_at_random,
    ("POST", "/__revoke"): revoke_tokens,
}

STREAMS: dict[tuple[str, str], Callable[[Site, SimulatedCall], Iterator[bytes]]] = {
    ("GET", "/__truth"): truth_lines,
    ("GET", "/__journal"): journal_lines,
    ("GET", "/__documents"): document_lines,
}
