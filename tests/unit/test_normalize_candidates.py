"""A Resource becomes a candidate, its tags and what ties them, by the rules of docs/assumptions.md."""

from datetime import UTC, datetime
from typing import Any

import pytest
from trackerrms_contracts.entities import (
    Candidate,
    EmailAddress,
    Location,
    Model,
    PhoneNumber,
    SocialMedia,
    Tag,
)

from tests.unit.tracker_records import candidate_detail, normalizer, of_id, only


def candidate_of(**changed: Any) -> Candidate:
    found: Candidate = only(normalizer().candidate(None, candidate_detail(**changed)), Model.CANDIDATE)
    return found


def test_a_candidate_carries_every_field_that_the_record_spells() -> None:
    assert candidate_of() == Candidate(
        id=of_id(Model.CANDIDATE, "109"),
        remote_id="109",
        first_name="Sarah",
        last_name="Johnson",
        company="Acme Ltd",
        title="Developer",
        source="Website",
        phone_numbers=(
            PhoneNumber(phone_number="+44 7700 900123", type="MOBILE"),
            PhoneNumber(phone_number="020 7946 0958"),
        ),
        email_addresses=(
            EmailAddress(email_address="sarah@example.com"),
            EmailAddress(email_address="s.j@example.org"),
        ),
        social_media=(
            SocialMedia(link="https://www.linkedin.com/in/sarah-j/?x=1", type="LINKEDIN", username="sarah-j"),
        ),
        location=Location(
            raw="1 High Street, Leeds, West Yorkshire, LS1 1AA, United Kingdom",
            street_1="1 High Street",
            city="Leeds",
            state="West Yorkshire",
            zip_code="LS1 1AA",
            country="GB",
        ),
        remote_created_at=datetime(2026, 1, 5, 10, tzinfo=UTC),
        remote_updated_at=datetime(2026, 7, 5, 9, tzinfo=UTC),
    )


def test_the_row_alone_gives_what_it_has() -> None:
    row = {"resourceId": "109", "firstname": "Sarah", "surname": "Johnson", "jobTitle": "Developer"}
    candidate = only(normalizer().candidate(row, None), Model.CANDIDATE)
    assert (candidate.remote_id, candidate.first_name, candidate.title) == ("109", "Sarah", "Developer")
    assert candidate.email_addresses == ()


def test_what_is_no_email_is_dropped() -> None:
    found = candidate_of(contactDetails={"email": "not one", "email2": "a@b.co"}).email_addresses
    assert found == (EmailAddress(email_address="a@b.co"),)


@pytest.mark.parametrize(
    ("name", "country"),
    [
        ("united kingdom", "GB"),
        ("England", "GB"),
        ("USA", "US"),
        ("United States of America", "US"),
        ("de", "DE"),
        ("Turkey", "TR"),
        ("Viet Nam", "VN"),
        ("Vietnam", "VN"),
        ("Narnia", "Narnia"),
    ],
)
def test_countries_are_iso_codes_where_the_name_is_known(name: str, country: str) -> None:
    location = candidate_of(address={"country": name}).location
    assert location == Location(raw=name, country=country)


def test_a_blank_address_is_no_location() -> None:
    assert candidate_of(address={"town": " ", "country": None}).location is None
    assert candidate_of(address=None).location is None


def test_a_profile_without_a_name_in_it_has_no_username() -> None:
    (profile,) = candidate_of(contactDetails={"linkedin": "linkedin.com/company/x"}).social_media
    assert profile == SocialMedia(link="linkedin.com/company/x", type="LINKEDIN")


def test_tags_are_split_trimmed_and_told_once() -> None:
    family = normalizer().candidate(None, candidate_detail(tagText=" PHP,,Senior , PHP,php,\0"))
    assert [tag.remote_id for tag in family.of(Model.TAG)] == ["PHP", "Senior", "php"]
    ties = [tie.remote_id for tie in family.of(Model.CANDIDATE_TAG)]
    assert ties == ["109:PHP", "109:Senior", "109:php"]


def test_tags_are_read_from_lists_and_by_the_mark_that_is_set(subtests: pytest.Subtests) -> None:
    cases: list[tuple[Any, str, list[str]]] = [
        (["PHP", " Senior ", ""], "auto", ["PHP", "Senior"]),
        ([{"id": 1, "name": "PHP"}, {"id": 2, "name": "Senior"}], "auto", ["PHP", "Senior"]),
        ("PHP; C, D", ";", ["PHP", "C, D"]),
        ("PHP|Senior", "|", ["PHP", "Senior"]),
        ("PHP\r\nSenior", "line", ["PHP", "Senior"]),
        ("C#; .NET", ",", ["C#; .NET"]),
    ]
    for given, separator, tags in cases:
        with subtests.test(given=given):
            settings = normalizer(tag_separator=separator)
            family = settings.candidate(None, candidate_detail(tagText=given))
            assert [tag.remote_id for tag in family.of(Model.TAG)] == tags
            assert family.withheld == frozenset()


@pytest.mark.parametrize("given", ["PHP; Senior", "PHP|Senior", "PHP\nSenior"])
def test_tags_that_something_else_may_part_are_left_out_and_stay_as_they_were(given: str) -> None:
    family = normalizer().candidate(None, candidate_detail(tagText=given))
    assert family.of(Model.CANDIDATE_TAG) == ()
    assert family.withheld == {Model.CANDIDATE_TAG}
    (gap,) = family.gaps
    assert gap.field == "tags"
    assert gap.reason.endswith("set tag_separator")


def test_what_stands_for_nothing_is_blank_and_html_signs_are_told() -> None:
    record = candidate_detail(jobTitle="R&amp;D Lead", source="N/A", surname="-")
    family = normalizer().candidate(None, record)
    found = only(family, Model.CANDIDATE)
    assert (found.title, found.source, found.last_name) == (None, None, None)
    assert [gap.field for gap in family.gaps] == ["title"]
    plain = normalizer(texts="plain").candidate(None, record)
    assert only(plain, Model.CANDIDATE).title == "R&amp;D Lead"


def test_a_tie_refers_to_its_candidate_and_tag() -> None:
    family = normalizer().candidate(None, candidate_detail(tagText="PHP"))
    tag, tie = only(family, Model.TAG), only(family, Model.CANDIDATE_TAG)
    assert (tag.name, tag.id) == ("PHP", of_id(Model.TAG, "PHP"))
    assert (tie.tag_id, tie.candidate_id) == (tag.id, of_id(Model.CANDIDATE, "109"))


def test_a_very_long_tag_keeps_its_name_and_gets_an_id_of_200_characters() -> None:
    family = normalizer().candidate(None, candidate_detail(tagText="x" * 300 + "," + "x" * 301))
    one, other = family.of(Model.TAG)
    assert len(one.remote_id) == len(other.remote_id) == 200
    assert one.remote_id != other.remote_id
    assert isinstance(one.record, Tag)
    assert one.record.name == "x" * 300


def test_nul_stays_in_values_and_leaves_tags() -> None:
    family = normalizer().candidate(None, candidate_detail(surname="O\0Neil", tagText="a\0b"))
    assert only(family, Model.CANDIDATE).last_name == "O\0Neil"
    assert only(family, Model.TAG).remote_id == "ab"


def test_a_lone_surrogate_is_replaced() -> None:
    assert candidate_of(surname="Jo\ud83d").last_name == "Jo\ufffd"
