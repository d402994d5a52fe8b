"""The keys of ``[integrations.tracker]``, and the signs that one must be set. Pure.

``bridge check`` reports what a finding judges; ``OTHERWISE`` describes the signs of all other keys.
Placeholders such as ``<list>`` match any name.
"""

import re
from collections.abc import Mapping

from bridge.tracker.assumptions import Assumption, assumptions_by_name

PATTERNS = (
    "account_change", "blank_flag", "charset", "date_format", "decimal_mark", "first_page", "job_code_prefix",
    "job_state_from", "key_case", "page_number", "page_size", "patience_seconds", "throttled_statuses",
    "status_order", "tag_separator", "texts", "time_precision", "times", "updated_after_zone", "users_from",
    "absence.bodies", "absence.statuses",
    "actions.<action>", "deleted.<list>", "details.<list>", "fields.<entity>.<name>", "list_end.<list>",
    "maps.employment_type", "maps.job_status", "maps.outcome", "maps.role_type", "maps.salary_period",
    "maps.status_group", "maps.visibility",
    "paged.<list>",
    "paths.check_logon", "paths.delete_candidate", "paths.document", "paths.documents", "paths.exchange",
    "paths.oauth_token", "paths.users_widget",
    "paths.<list>_by_id", "paths.<list>", "paths.<action>_widget", "paths.<action>",
    "rows.<list>", "states.<state>", "token.expires", "token.keys", "token.refused",
    "token.sent_as", "unwrap.<list>",
    "volatile.<list>", "writes.<entity>.<name>",
)  # fmt: skip
"""Every key, narrower patterns first."""
_PASSES = "a word without an entry is published unchanged"
_PATIENCE = "`bridge status` reports «asks the bridge to wait»"
OTHERWISE: Mapping[str, str] = {
    "account_change": "`bridge check` and `bridge status` report «opens another account»",
    "deleted.<list>": "the remarks `unlisted_records` and `deleted_flags`",
    "details.<list>": "the remark `unshown_changes`",
    "job_code_prefix": "no assumption: you choose the form of `job_code`",
    "maps.employment_type": _PASSES,
    "maps.job_status": "a status without an entry is ignored; the list of the job decides",
    "maps.role_type": "a role without an entry has no unified type",
    "maps.salary_period": _PASSES,
    "maps.visibility": "no assumption: you choose the words of `visibility`",
    "paths.check_logon": "the evidence of `actions.<action>` says if the credentials are accepted",
    "paths.oauth_token": "`bridge check` reports it under Credentials",
    "paths.users_widget": "judged by `paths.users` if `users_from` is `widget`",
    "patience_seconds": _PATIENCE,
    "throttled_statuses": _PATIENCE,
    "volatile.<list>": "not detectable: polls spend calls on records that did not change",
}
_NAMES = {
    "<list>": "users|statuses|jobs|candidates|applications",
    "<action>": "find_person|create_candidate|update_candidate|add_to_job|move_stage|reject|attach_document",
    "<state>": "open|won|closed",
    "<entity>": r"\w+",
    "<name>": r"\w+",
}


def pattern_of(key: str) -> str | None:
    """Return the pattern of a key; ``None`` if there is no such key."""
    return next((pattern for pattern in PATTERNS if _compiled(pattern).fullmatch(key)), None)


def judges(pattern: str) -> list[Assumption]:
    """Return the assumptions whose findings name a key of this pattern."""
    return [
        one for one in assumptions_by_name().values() if any(pattern_of(key) == pattern for key in one.keys)
    ]


def _compiled(pattern: str) -> re.Pattern[str]:
    expression = re.escape(pattern)
    for placeholder, names in _NAMES.items():
        expression = expression.replace(re.escape(placeholder), f"(?:{names})")
    return re.compile(expression)
