"""The topic table: a wire contract, written out."""

from trackerrms_contracts import topics
from trackerrms_contracts.entities import Model

NAMES = {
    "user": "trackerrms.users.v1",
    "job": "trackerrms.jobs.v1",
    "job_posting": "trackerrms.job-postings.v1",
    "candidate": "trackerrms.candidates.v1",
    "application_stage": "trackerrms.application-stages.v1",
    "application": "trackerrms.applications.v1",
    "tag": "trackerrms.tags.v1",
    "rejection_reason": "trackerrms.rejection-reasons.v1",
    "role": "trackerrms.roles.v1",
    "candidate_tag": "trackerrms.candidate-tags.v1",
    "job_user_role_assignment": "trackerrms.job-user-role-assignments.v1",
    "job_hiring_team_member": "trackerrms.job-hiring-team-members.v1",
}


def test_each_model_has_its_topic() -> None:
    assert {str(model): topic for model, topic in topics.all_events().items()} == NAMES


def test_three_more_topics_are_for_all() -> None:
    names = [topics.commands(), topics.command_results(), topics.dead_letter()]
    assert names == ["trackerrms.commands.v1", "trackerrms.command-results.v1", "trackerrms.dead-letter.v1"]


def test_the_prefix_is_the_installations() -> None:
    assert topics.events(Model.JOB, "acme.ats") == "acme.ats.jobs.v1"
    assert set(topics.all_events("x").values()) == {n.replace("trackerrms", "x") for n in NAMES.values()}
    assert topics.dead_letter("x") == "x.dead-letter.v1"
