"""The fields of the unified models that TrackerRMS has no source for, and their values.

Listed by hand and separate from the contracts: a new field is unknown to the truth until someone decides what
TrackerRMS says about it.
"""

from typing import Any, Final

ABSENT: Final[dict[str, dict[str, Any]]] = {
    "user": {"system_roles": []},
    "job": {
        "weekly_hours": None,
        "post_url": None,
        "experience_level": None,
        "remote_work_status": None,
        "custom_fields": None,
        "integration_fields": [],
        "remote_url": None,
        "contact_id": None,
        "stages": [],
        "screening_questions": [],
        "job_postings": [],
        "hiring_team": [],
    },
    "job_posting": {"url": None},
    "candidate": {
        "confidential": None,
        "custom_fields": None,
        "integration_fields": [],
        "remote_url": None,
        "applications": [],
        "tags": [],
    },
    "application_stage": {"status": None, "custom_fields": None},
    "application": {
        "rejected_at": None,
        "screening_question_answers": [],
        "custom_fields": None,
        "integration_fields": [],
        "remote_url": None,
        "remote_updated_at": None,
        "candidate": None,
        "current_stage": None,
        "job": None,
        "interviews": [],
        "offers": [],
    },
}
