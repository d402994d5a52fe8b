"""The table of guesses, and its corrections from the configuration."""

from typing import Any

import pytest
from trackerrms_contracts.entities import Model

from bridge.errors import ConfigError
from bridge.tracker import resources
from bridge.tracker.field_reader import FieldReader
from tests.unit.tracker_records import job_row, normalizer, only

WHERE = "integrations.acme.tracker"


def refused(raw: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as error:
        resources.configure_resources(raw, WHERE)
    return str(error.value)


def test_every_model_is_fed_by_one_resource() -> None:
    fed = [model for table in resources.DEFAULT.resources.values() for model in table.models]
    assert sorted(fed) == sorted(Model)


def test_without_corrections_the_table_stands() -> None:
    assert resources.configure_resources({}, WHERE) == resources.DEFAULT


def test_an_unknown_field_is_named_with_the_known_ones() -> None:
    message = refused({"fields": {"job": {"foo": "x"}}})
    assert message.startswith(
        "integrations.acme.tracker.fields.job.foo: no such field; known: advert_status, "
    )


def test_a_bad_correction_is_one_line_that_names_its_key(subtests: pytest.Subtests) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"pathz": {}}, "tracker.pathz: no such setting"),
        ({"paths": {"foo": "/x"}}, "tracker.paths.foo: no such path"),
        ({"paths": {"users": "x"}}, "tracker.paths.users: must be"),
        ({"paths": {"users": "STEAL /x"}}, "tracker.paths.users: must be"),
        ({"paths": {"jobs_by_id": "/api/x"}}, "tracker.paths.jobs_by_id: must contain {id}"),
        ({"paths": {"jobs": "/api/{id}"}}, "tracker.paths.jobs: must contain no"),
        ({"rows": {"foo": "x"}}, "tracker.rows.foo: no such list"),
        ({"rows": {"jobs": ""}}, "tracker.rows.jobs: must be a text"),
        ({"rows": 5}, "tracker.rows: must be a table"),
        ({"fields": {"foo": {}}}, "tracker.fields.foo: no such entity"),
        ({"fields": {"job": {"name": "x:y"}}}, "tracker.fields.job.name: a path starts with"),
        ({"fields": {"job": {"name": "a..b"}}}, "tracker.fields.job.name: a path consists of names"),
        ({"fields": {"job": {"name": 5}}}, "tracker.fields.job.name: must be text"),
        ({"fields": {"job": {"id": "a.b"}}}, "tracker.fields.job.id: must name a key"),
        ({"maps": {"foo": {}}}, "tracker.maps.foo: no such map"),
        ({"maps": {"outcome": {"Won": "WON"}}}, "tracker.maps.outcome.Won: must be one of"),
        ({"maps": {"role_type": {"Boss": "BOSS"}}}, "tracker.maps.role_type.Boss: must be one of"),
        ({"users_from": "ftp"}, "tracker.users_from: must be one of"),
        ({"updated_after_zone": "mars"}, "tracker.updated_after_zone: must be one of"),
        ({"first_page": 2}, "tracker.first_page: must be 0 or 1"),
        ({"first_page": True}, "tracker.first_page: must be 0 or 1"),
        ({"page_size": 0}, "tracker.page_size: must be a whole number"),
        ({"page_number": ""}, "tracker.page_number: must be a text"),
        ({"paged": {"users": "no"}}, "tracker.paged.users: must be true or false"),
        ({"paged": {"foo": True}}, "tracker.paged.foo: no such list"),
        ({"list_end": {"users": "never"}}, "tracker.list_end.users: must be one of"),
        ({"gone_statuses": [404]}, "tracker.gone_statuses: renamed; use absence.statuses"),
        ({"absence": {"statuses": [200]}}, "tracker.absence.statuses: must be a list"),
        ({"absence": {"statuses": [503]}}, "tracker.absence.statuses: must be a list"),
        ({"absence": {"statuses": []}}, "tracker.absence.statuses: must be a list"),
        ({"absence": {"bodies": ["odd"]}}, "tracker.absence.bodies: must be one of"),
        ({"absence": {"status": [404]}}, "tracker.absence.status: no such setting"),
        ({"deleted": {"candidates": "active"}}, "tracker.deleted.candidates: must be"),
        ({"deleted": {"people": "active=n"}}, "tracker.deleted.people: no such list"),
        ({"unwrap": {"jobs": "data..x"}}, "tracker.unwrap.jobs: must be a path"),
        ({"unwrap": {"users": "data"}}, "tracker.unwrap.users: users can't be read by id"),
        ({"details": {"users": "always"}}, "tracker.details.users: must be never"),
        ({"details": {"jobs": "often"}}, "tracker.details.jobs: must be one of"),
        ({"actions": {"fly": "rest"}}, "tracker.actions.fly: no such action"),
        ({"actions": {"find_person": "rest"}}, "tracker.actions.find_person: must be one of widget, off"),
        ({"actions": {"reject": "off"}}, "tracker.actions.reject: must be one of rest, widget"),
        ({"paths": {"find_person": "/x"}}, "tracker.paths.find_person: no such path"),
        ({"paths": {"document": "/x/{candidate}"}}, "tracker.paths.document: must contain {candidate}, {doc"),
        ({"fields": {"document": {"foo": "x"}}}, "tracker.fields.document.foo: no such field"),
    ]  # fmt: skip
    for raw, key in cases:
        with subtests.test(raw=raw):
            message = refused(raw)
            assert message.startswith("integrations.acme." + key)
            assert "\n" not in message


def test_a_path_can_be_corrected_with_and_without_its_method() -> None:
    settings = resources.configure_resources(
        {"paths": {"users": "GET /api/v1/User/List", "jobs_by_id": "/j/{id}"}}
    )
    assert (settings["users"].list.method, settings["users"].list.path) == ("GET", "/api/v1/User/List")
    by_id = settings["jobs"].by_id
    assert by_id is not None
    assert (by_id.method, by_id.filled(id="a/b")) == ("GET", "/j/a%2Fb")


def test_actions_can_be_corrected_call_by_call() -> None:
    settings = resources.configure_resources(
        {"actions": {"reject": "rest"}, "paths": {"reject": "PUT /r/{application}", "reject_widget": "/w"}}
    )
    reject = settings.actions["reject"]
    assert reject.rest is not None
    assert (reject.via, reject.rest.method, reject.rest.path) == ("rest", "PUT", "/r/{application}")
    assert reject.widget is not None
    assert reject.widget.path == "/w"


def test_finding_people_can_be_switched_off_and_documents_corrected() -> None:
    settings = resources.configure_resources(
        {
            "actions": {"find_person": "off"},
            "paths": {"find_person_widget": "/w/who", "documents": "/d/{candidate}"},
            "fields": {"document": {"filename": "row:title"}},
        }
    )
    person = settings.actions["find_person"]
    assert (person.call, person.widget and person.widget.path) == (None, "/w/who")
    assert settings.calls["documents"].path == "/d/{candidate}"
    assert [str(read) for read in settings.document["filename"]] == ["row:title"]


def test_every_action_has_the_call_it_is_set_to() -> None:
    for action in resources.DEFAULT.actions.values():
        assert action.call is not None
        assert action.via in action.choices
        assert action.repeatable <= set(action.choices)


def test_rows_volatile_keys_and_details_can_be_corrected() -> None:
    settings = resources.configure_resources(
        {"rows": {"candidates": "people"}, "volatile": {"jobs": ["x"]}, "details": {"jobs": "never"}}
    )
    assert settings["candidates"].rows == "people"
    assert (settings["jobs"].volatile, settings["jobs"].details) == (frozenset({"x"}), "never")


def test_a_corrected_field_is_read_where_it_says() -> None:
    n = normalizer(fields={"job": {"category": ["row:sector", "detail:sector.name"]}})
    by_row = n.job(job_row(sector="IT"), {"sector": {"name": "no"}}, "open")
    by_detail = n.job(job_row(sector=""), {"sector": {"name": "HR"}}, "open")
    assert only(by_row, Model.JOB).category == "IT"
    assert only(by_detail, Model.JOB).category == "HR"


def test_a_field_without_a_prefix_is_read_by_id_first() -> None:
    n = normalizer(fields={"job": {"category": "sector"}})
    both = n.job(job_row(sector="row"), {"sector": "detail"}, "open")
    assert only(both, Model.JOB).category == "detail"


def test_a_field_that_the_account_lacks_is_configured_away() -> None:
    settings = resources.configure_resources({"fields": {"candidate": {"linkedin": []}}}, WHERE)
    reader = FieldReader("candidate", settings["candidates"].fields, None, {"id": 7})
    assert reader.text("linkedin") is None
    with pytest.raises(ConfigError, match="a record needs an id"):
        resources.configure_resources({"fields": {"candidate": {"id": []}}}, WHERE)


@pytest.mark.parametrize(
    ("case", "row"),
    [
        ("pascal", {"ResourceId": 7, "Firstname": "Ann", "Surname": "Lee"}),
        ("lower", {"resourceid": 7, "firstname": "Ann", "surname": "Lee"}),
        ("snake", {"resource_id": 7, "firstname": "Ann", "surname": "Lee"}),
    ],
)
def test_keys_are_read_in_the_account_s_case(case: str, row: dict[str, Any]) -> None:
    own = {"key_case": case, "fields": {"candidate": {"title": "row:jobTitle"}}}
    settings = resources.configure_resources(own, WHERE)
    reader = FieldReader("candidate", settings["candidates"].fields, {**row, "jobTitle": "Welder"}, None)
    found = (reader.id, reader.text("first_name"), reader.text("last_name"), reader.text("title"))
    assert found == ("7", "Ann", "Lee", "Welder")


@pytest.mark.parametrize(
    ("tracker", "message"),
    [
        ({"token": {"key": "a"}}, "token.key: no such setting; known: expires, keys, refused"),
        ({"token": {"keys": []}}, "token.keys: must be paths"),
        ({"token": {"keys": ["a..b"]}}, "token.keys: must be paths"),
        ({"token": {"keys": 5}}, "token.keys: must be text"),
        ({"token": {"refused": [200]}}, "token.refused: must be a list of HTTP statuses from 300 to 499"),
        ({"throttled_statuses": ["429"]}, "throttled_statuses: must be a list of HTTP statuses"),
        ({"patience_seconds": 0}, "patience_seconds: must be a number of seconds from 1 to 86400"),
        ({"patience_seconds": True}, "patience_seconds: must be a number"),
        ({"account_change": "yes"}, "account_change: must be one of refuse, accept"),
        ({"writes": {"application": {"note": []}}}, "writes.application.note: no such field"),
    ],
)
def test_a_bad_correction_of_credentials_or_patience_names_its_key(tracker: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        resources.configure_resources(tracker)


def test_what_always_counts_is_not_left_out() -> None:
    configured = resources.configure_resources(
        {"token": {"refused": [], "keys": "data.t", "expires": []}, "throttled_statuses": []}
    )
    assert configured.token.refused == {401}
    assert configured.token.keys == (("data", "t"),)
    assert configured.throttled_statuses == {429}
