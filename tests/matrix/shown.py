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
_HIDDEN = "4"
_WITHOUT = 2


def as_shown(dialect: Mapping[str, str], truth: Truth, local: LocalTime) -> Truth:
    """Return the truth without what this account shows to nobody."""
    shown = {model: [{**line, "record": dict(line["record"])} for line in truth[model]] for model in truth}
    _dates(dialect, shown, local)
    if dialect.get("users_shape") == "active_only":
        shown["user"] = [line for line in shown["user"] if line["record"]["status"] == "ACTIVE"]
    if dialect.get("rejection") == "absent":
        _without_notes(shown)
    if dialect.get("owner_roles") == "rows":
        _without_role_names(shown)
    if dialect.get("owner_roles") == "absent":
        _without_roles(shown)
    if dialect.get("tags") in ("null", "absent_for_some"):
        _without_tags(shown, every=dialect["tags"] == "null")
    if dialect.get("contact") == "absent_for_some":
        for line in shown["candidate"]:
            if int(line["remote_id"]) % _WITHOUT:
                line["record"] |= {"email_addresses": [], "phone_numbers": [], "social_media": []}
    _in_order(dialect, shown["application_stage"])
    return shown


def _dates(dialect: Mapping[str, str], shown: Truth, local: LocalTime) -> None:
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


def _without_tags(shown: dict[str, list[dict[str, Any]]], *, every: bool) -> None:
    """A record that leaves its tags out, or has null there, is one without tags to whoever reads it."""
    shown["candidate_tag"] = [
        line
        for line in shown["candidate_tag"]
        if not every and int(line["remote_id"].partition(":")[0]) % _WITHOUT == 0
    ]
    used = {line["record"]["tag_id"].removeprefix("remote:") for line in shown["candidate_tag"]}
    shown["tag"] = [line for line in shown["tag"] if line["remote_id"] in used]


def _without_notes(shown: Truth) -> None:
    """By docs/assumptions.md a rejection without a note has the name of its status."""
    names = {line["remote_id"]: line["record"]["name"] for line in shown["application_stage"]}
    for line in shown["application"]:
        if line["record"]["outcome"] == "DECLINED":
            stage = line["record"]["current_stage_id"].removeprefix("remote:")
            line["record"]["rejection_reason_name"] = names[stage]


def _without_role_names(shown: Truth) -> None:
    """By docs/assumptions.md a role without a name is called Owner."""
    for line in shown["role"]:
        line["record"] |= {"remote_label": "Owner", "unified_type": None}
    for line in shown["job_hiring_team_member"]:
        line["record"]["roles"] = []


def _without_roles(shown: dict[str, list[dict[str, Any]]]) -> None:
    """By docs/assumptions.md an owner without a role has the role owner."""
    _without_role_names(shown)
    seats = {
        line["record"]["job_user_id"].removeprefix("remote:") for line in shown["job_user_role_assignment"]
    }
    shown["job_user_role_assignment"] = [
        {"remote_id": f"{seat}:owner", "record": {"job_user_id": f"remote:{seat}", "role_id": "remote:owner"}}
        for seat in sorted(seats)
    ]
    role = {"remote_id": "owner", "remote_label": "Owner", "scope": "JOB", "unified_type": None}
    shown["role"] = (
        [{"remote_id": "owner", "record": {**shown["role"][0]["record"], **role}}] if seats else []
    )


def _in_order(dialect: Mapping[str, str], stages: list[dict[str, Any]]) -> None:
    """A stage's place is its place in the list that the account gives."""
    if dialect.get("status_order") == "name":
        stages.sort(key=lambda line: str(line["record"]["name"]))
    elif dialect.get("hidden_statuses") == "retired":
        stages.sort(key=lambda line: line["remote_id"] == _HIDDEN)
    elif dialect.get("hidden_statuses") == "one":
        stages[:] = [line for line in stages if line["remote_id"] != _HIDDEN]
    else:
        return
    for place, line in enumerate(stages):
        line["record"]["global_index"] = place


def _cut(record: dict[str, Any], local: LocalTime, *, to_the_day: bool) -> None:
    for name in _TIMES:
        if record.get(name) is not None:
            at = local.naive(datetime.fromisoformat(record[name])).replace(second=0)
            digits = at.replace(hour=0, minute=0) if to_the_day else at
            moment = local.moment(digits.isoformat(timespec="seconds"))
            if moment is None:
                raise AssertionError(f"{digits} is no time")
            record[name] = moment[1].astimezone(UTC).isoformat()
