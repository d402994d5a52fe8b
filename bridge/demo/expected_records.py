"""Compares the records of a model's topic with the simulator's own account of TrackerRMS."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from trackerrms_contracts import ids
from trackerrms_contracts.entities import Model

from bridge.json_types import JsonObject

_REFERS_TO = {
    "job_id": Model.JOB,
    "user_id": Model.USER,
    "candidate_id": Model.CANDIDATE,
    "tag_id": Model.TAG,
    "role_id": Model.ROLE,
    "job_user_id": Model.JOB_HIRING_TEAM_MEMBER,
    "current_stage_id": Model.APPLICATION_STAGE,
}
_REMOTE = "remote:"


def differences(
    integration_id: str, model: Model, truth: Mapping[str, JsonObject], topic: Mapping[str, JsonObject]
) -> list[str]:
    """Return the differences between the truth, by remote id, and the topic's records, by id."""
    wanted = {ids.entity_id(integration_id, model, remote): record for remote, record in truth.items()}
    found = [f"{model} {i}: not on Kafka" for i in wanted.keys() - topic.keys()]
    found += [f"{model} {i}: on Kafka, not in TrackerRMS" for i in topic.keys() - wanted.keys()]
    for i in wanted.keys() & topic.keys():
        fields = [n for n, v in wanted[i].items() if not _same(integration_id, n, v, topic[i].get(n))]
        if fields:
            found.append(f"{model} {i}: {', '.join(fields)} differ")
    return found


def _same(integration_id: str, name: str, true: Any, published: Any) -> bool:
    if name in _REFERS_TO and isinstance(true, str):
        remote_id = true.removeprefix(_REMOTE)
        return bool(ids.entity_id(integration_id, _REFERS_TO[name], remote_id) == published)
    if name.endswith("_at") and isinstance(true, str) and isinstance(published, str):
        return datetime.fromisoformat(true) == datetime.fromisoformat(published)
    return bool(true == published)
