"""The truth as an account shows it: what it never shows can't be known by reading, and is no difference.

The simulator's truth stays what its world says. Here it is cut to what the dialect leaves of it, by hand and
by dialect, so that nothing else is forgiven.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bridge.simulator.local_time import LocalTime

Truth = Mapping[str, list[dict[str, Any]]]

_TIMES = ("opened_at", "closed_at", "remote_created_at", "remote_updated_at")
_ODD_EVERY = 3


def as_shown(dialect: Mapping[str, str], truth: Truth, local: LocalTime) -> Truth:
    """Return the truth without what this account shows to nobody."""
    shown = {model: [{**line, "record": dict(line["record"])} for line in truth[model]] for model in truth}
    precision = dialect.get("dates")
    if precision in ("minutes", "date"):
        for lines in shown.values():
            for line in lines:
                _cut(line["record"], local, to_the_day=precision == "date")
    if dialect.get("odd_dates") == "0000":
        # Zeros are how databases write that there is no date.
        for line in shown["job"]:
            if int(line["remote_id"]) % _ODD_EVERY == 0:
                line["record"]["opened_at"] = None
    if dialect.get("users_shape") == "active_only":
        shown["user"] = [line for line in shown["user"] if line["record"]["status"] == "ACTIVE"]
    return shown


def _cut(record: dict[str, Any], local: LocalTime, *, to_the_day: bool) -> None:
    for name in _TIMES:
        if record.get(name) is not None:
            at = local.naive(datetime.fromisoformat(record[name])).replace(second=0)
            digits = at.replace(hour=0, minute=0) if to_the_day else at
            moment = local.moment(digits.isoformat(timespec="seconds"))
            if moment is None:
                raise AssertionError(f"{digits} is no time")
            record[name] = moment[1].astimezone(UTC).isoformat()
