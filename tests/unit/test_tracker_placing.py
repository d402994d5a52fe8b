"""A candidate's values go where the table says, in the form that the place takes."""

import re
from pathlib import Path
from typing import Any

import pycountry
import pytest

from bridge.errors import ConfigError
from bridge.tracker import countries, field_writer, record_lookups, resources
from bridge.tracker.errors import Refused
from bridge.tracker.schema import Door

EVERYTHING = {
    "first_name": "Ada",
    "last_name": "Byron",
    "title": "Analyst",
    "company": "Engines Ltd",
    "email": "ada@example.com",
    "additional_email": "ada@example.org",
    "phone": "+44 7700 900123",
    "additional_phone": "020 7946 0958",
    "linkedin": "https://www.linkedin.com/in/ada",
    "street_1": "1 High Street",
    "city": "Leeds",
    "state": "West Yorkshire",
    "zip_code": "LS1 1AA",
    "country": "GB",
    "source": "Website",
    "salary_amount": 65000.0,
    "salary_text": "65000 a year",
    "note": "free text",
    "owner": "21",
}


def place(door: Door, fields: dict[str, Any], **tracker: Any) -> field_writer.Placed:
    return field_writer.place_fields(resources.configure_resources(tracker), door, fields)


def test_the_table_knows_every_field() -> None:
    assert resources.DEFAULT.writes["candidate"].keys() == EVERYTHING.keys()


def test_the_documentation_names_every_place() -> None:
    text = (Path(__file__).parents[2] / "docs" / "assumptions.md").read_text(encoding="utf-8")
    for name, writes in resources.DEFAULT.writes["candidate"].items():
        (row,) = re.findall(rf"^\| `{name}`.*\|$", text, re.MULTILINE)
        cells = dict(zip(("rest", "create", "column"), row.split("|")[2:5], strict=True))
        places = {write.door: f"`{'.'.join(write.path)}`" for write in writes}
        assert {door for door, cell in cells.items() if cell.strip()} == places.keys(), name
        assert all(place in cells[door] for door, place in places.items()), name


def test_rest_has_a_place_for_everything_nested_and_with_numbers_as_numbers() -> None:
    placed = place("rest", EVERYTHING)
    assert placed.stored == EVERYTHING.keys()
    assert placed.values == {
        "firstName": "Ada",
        "surname": "Byron",
        "jobTitle": "Analyst",
        "currentClient": {"id": -1, "name": "Engines Ltd"},
        "contactDetails": {
            "email": "ada@example.com",
            "email2": "ada@example.org",
            "mobilePhone": "+44 7700 900123",
            "telephone": "020 7946 0958",
            "linkedin": "https://www.linkedin.com/in/ada",
        },
        "address": {
            "addressLine1": "1 High Street",
            "town": "Leeds",
            "county": "West Yorkshire",
            "postcode": "LS1 1AA",
            "country": "United Kingdom",
        },
        "source": "Website",
        "desiredSalaryNum": 65000,
        "desiredSalary": "65000 a year",
        "note": "free text",
        "owner": {"id": 21},
    }


def test_creation_by_widget_leaves_out_what_it_has_no_key_for() -> None:
    placed = place("create", EVERYTHING)
    assert EVERYTHING.keys() - placed.stored == {"additional_email", "salary_amount", "salary_text", "owner"}
    assert all(isinstance(value, str) for value in placed.values.values())
    assert placed.values["cellphone"] == "+44 7700 900123"


def test_columns_are_text() -> None:
    placed = place("column", EVERYTHING)
    assert EVERYTHING.keys() - placed.stored == {"company", "linkedin", "owner"}
    assert field_writer.updates({"desiredsalarynum": placed.values["desiredsalarynum"]}) == [
        {"column": "desiredsalarynum", "value": "65000"}
    ]


def test_only_what_is_given_is_placed() -> None:
    assert place("rest", {"city": "Hull"}).values == {"address": {"town": "Hull"}}
    assert place("rest", {}) == field_writer.Placed(values={}, stored=frozenset())


def test_places_can_be_corrected_added_and_taken_away() -> None:
    corrected = {"writes": {"candidate": {"city": ["rest:a.b", "rest:c"], "state": [], "zip_code": "rest:z"}}}
    placed = place("rest", {"city": "Hull", "state": "Y", "zip_code": "HU1"}, **corrected)
    assert placed.values == {"a": {"b": "Hull"}, "c": "Hull", "z": "HU1"}
    assert placed.stored == {"city", "zip_code"}


@pytest.mark.parametrize(
    ("writes", "message"),
    [
        ({"jobs": {}}, "writes.jobs: no such entity; known: application, candidate"),
        ({"candidate": {"shoe": "rest:x"}}, "writes.candidate.shoe: no such field; known: "),
        ({"candidate": {"city": "row:x"}}, "writes.candidate.city: a place starts with rest:"),
        ({"candidate": {"city": "rest:a..b"}}, "writes.candidate.city: a place is one name"),
        ({"candidate": {"city": "column:a.b"}}, "writes.candidate.city: a place is one name"),
        ({"candidate": {"city": ["create:"]}}, "writes.candidate.city: a place is one name"),
        ({"candidate": {"city": 5}}, "writes.candidate.city: must be text"),
        ({"candidate": 5}, "writes.candidate: must be a table"),
    ],
)
def test_a_bad_place_names_its_key(writes: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        resources.configure_resources({"writes": writes})


@pytest.mark.parametrize(
    "fields",
    [
        {"salary_amount": float("inf")},
        {"salary_amount": "secretly nothing"},
        {"owner": "secretly"},
        {"owner": "9" * 19},
        {"shoe_size": "secretly"},
    ],
)
def test_what_makes_no_sense_is_refused_without_showing_it(fields: dict[str, Any]) -> None:
    with pytest.raises(Refused) as told:
        place("rest", fields)
    assert not any(str(value) in str(told.value) for value in fields.values())


def test_a_lone_surrogate_does_not_stop_a_write() -> None:
    assert place("rest", {"city": "a\ud800"}).values == {"address": {"town": "a\ufffd"}}


def test_a_part_of_an_amount_is_kept() -> None:
    assert place("rest", {"salary_amount": 2500.5}).values == {"desiredSalaryNum": 2500.5}


def test_a_country_is_written_as_a_name_that_reads_back_as_its_code(subtests: pytest.Subtests) -> None:
    for country in pycountry.countries:
        with subtests.test(country.alpha_2):
            name = countries.english_name(country.alpha_2.lower())
            assert name is not None
            assert countries.alpha_2(name) == country.alpha_2


def test_what_is_no_country_stays_as_it_is() -> None:
    assert place("create", {"country": "Atlantis"}).values == {"country": "Atlantis"}
    assert countries.english_name("GB") == "United Kingdom"


@pytest.mark.parametrize("wrong", ["", "x", "-1", "1.5", "../2", "٣", "9" * 19])
def test_an_id_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(Refused, match="job"):
        field_writer.numeric_id("job", wrong)


LINK = {"recordTypes": "R", "firstRecord": {"fullname": "Ada Byron"}}


@pytest.mark.parametrize(
    ("reply", "remote_id"),
    [
        ({**LINK, "recordLink": "/Resource/123"}, "123"),
        ({**LINK, "recordLink": "https://evouk2.example/?resourceid=45"}, "45"),
        ({**LINK, "recordLink": "https://evo.example/open?rid=45"}, "45"),
        ({**LINK, "recordLink": "https://evouk2.example/open?rid=45"}, None),
        ({**LINK, "recordTypes": "CR", "recordLink": "/Contact/7"}, None),
        ({**LINK, "recordTypes": "CR", "recordLink": "/Resource/7"}, "7"),
        ({**LINK, "recordLink": "/OpportunityResource/7/8"}, None),
        ({**LINK, "recordLink": None}, None),
        ({"firstRecord": {"fullname": "Ada"}}, None),
        ({"recordTypes": "R"}, None),
    ],
)
def test_which_record_a_person_is_follows_from_the_link(reply: dict[str, Any], remote_id: str | None) -> None:
    assert record_lookups.person(reply) == record_lookups.FoundPerson(remote_id=remote_id)


@pytest.mark.parametrize(
    "reply",
    [
        {},
        {"recordLink": "", "recordTypes": "", "firstRecord": None},
        {"recordLink": None, "firstRecord": {"fullname": "", "email": None}},
        {"recordLink": "/Contact/7", "recordTypes": "C", "firstRecord": {"fullname": "Ada"}},
    ],
)
def test_nobody_and_a_mere_contact_are_no_candidate(reply: dict[str, Any]) -> None:
    assert record_lookups.person(reply) is None
