"""The names of the Kafka topics: one per model, and three more."""

from functools import cache

from trackerrms_contracts.entities import Model

DEFAULT_PREFIX = "trackerrms"

_PLURALS: dict[Model, str] = {
    Model.USER: "users",
    Model.JOB: "jobs",
    Model.JOB_POSTING: "job-postings",
    Model.CANDIDATE: "candidates",
    Model.APPLICATION_STAGE: "application-stages",
    Model.APPLICATION: "applications",
    Model.TAG: "tags",
    Model.REJECTION_REASON: "rejection-reasons",
    Model.ROLE: "roles",
    Model.CANDIDATE_TAG: "candidate-tags",
    Model.JOB_USER_ROLE_ASSIGNMENT: "job-user-role-assignments",
    Model.JOB_HIRING_TEAM_MEMBER: "job-hiring-team-members",
}


@cache
def events(model: Model, prefix: str = DEFAULT_PREFIX) -> str:
    """Return the topic of a model's events, such as ``trackerrms.candidates.v1``, keyed by the
    entity's id."""
    return f"{prefix}.{_PLURALS[model]}.v1"


def all_events(prefix: str = DEFAULT_PREFIX) -> dict[Model, str]:
    """Return every model's topic."""
    return {model: events(model, prefix) for model in Model}


def commands(prefix: str = DEFAULT_PREFIX) -> str:
    """Return the topic to which services publish commands."""
    return f"{prefix}.commands.v1"


def command_results(prefix: str = DEFAULT_PREFIX) -> str:
    """Return the topic of the commands' results, keyed by the command's id."""
    return f"{prefix}.command-results.v1"


def dead_letter(prefix: str = DEFAULT_PREFIX) -> str:
    """Return the topic for what could not be processed, with the reason."""
    return f"{prefix}.dead-letter.v1"
