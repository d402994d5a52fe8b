"""Ids are a wire contract: the known ones below may never change."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trackerrms_contracts import ids
from trackerrms_contracts.entities import Model

few = settings(max_examples=50, deadline=None)
words = st.text(max_size=8)

KNOWN = {
    ("acme", "user", "17"): "jgGuWgA31b4jPghu3ctE418E",
    ("acme", "job", "17"): "y7ps7Ty4X9SMVxs28pBJQTjd",
    ("acme", "job_posting", "17"): "qcvMgstr3WBetwaC9tdowBWL",
    ("acme", "candidate", "17"): "3mBgewLxTEHpHwS1DqqHBd15",
    ("acme", "application_stage", "17"): "JMuMst3cQLGTsdy6rj5ixndD",
    ("acme", "application", "17"): "gP7j4vAh8W4QvXCjnWzbSFeS",
    ("acme", "tag", "17"): "BAbT12wC4yba7G4wvmLCM6rd",
    ("acme", "rejection_reason", "17"): "3JD8CZ3WrgA3C8rPoY4jB2Wg",
    ("acme", "role", "17"): "MVd4qkYc6XY3NySdc2teS7hj",
    ("acme", "candidate_tag", "17"): "iL1coUKEGMKTBjyrpwWhXYMa",
    ("acme", "job_user_role_assignment", "17"): "kRs6n6PRsVDBLoyRHSvVwzKF",
    ("acme", "job_hiring_team_member", "17"): "1ZieWEEFtA35JdLAckYjhEyu",
    ("acme", "tag", "Öl: 日本"): "bVehSTG5e4dPZaEDBArmRw9P",
    ("beta", "candidate", "17"): "pUnrVMawWjQ3YKnbp3Z15UNc",
    ("", "", ""): "35Hv1RZNZqm82fKQFXxh8XpJ",
}
ADA = KNOWN["acme", "candidate", "17"]


def test_known_entities_keep_their_ids(subtests: pytest.Subtests) -> None:
    for named, entity in KNOWN.items():
        with subtests.test(named=named):
            assert ids.entity_id(*named) == entity


def test_known_events_and_dead_letters_keep_their_ids() -> None:
    assert ids.event_id(ADA, 1) == "evt_4ua3549cWST8Ma3QLYe4ttAe"
    assert ids.event_id(ADA, 42) == "evt_y8bHzvpytyPZrJEqV6GCTfKk"
    letter = ids.dead_letter_id("acme", "jobs:17", "why", "2026-11-23T22:00:00+00:00")
    assert letter == "dlq_dKGrd7RFADjtmvzQm3c3ESCo"


def test_the_alphabet_is_base58() -> None:
    assert sorted(ids.ALPHABET) == sorted(set(string.digits + string.ascii_letters) - set("0OIl"))


@few
@given(words, st.sampled_from(list(Model)), words)
def test_an_entity_id_is_24_characters_of_base58(integration: str, model: Model, remote_id: str) -> None:
    entity = ids.entity_id(integration, model, remote_id)
    assert len(entity) == 24
    assert ids.is_entity_id(entity)


@few
@given(words, words)
def test_models_and_integrations_share_no_id(integration: str, remote_id: str) -> None:
    made = {ids.entity_id(i, m, remote_id) for m in Model for i in (integration, integration + "x")}
    assert len(made) == 2 * len(Model)


@few
@given(st.tuples(words, words, words), st.tuples(words, words, words))
def test_what_differs_in_a_part_differs_in_its_id(
    one: tuple[str, str, str], two: tuple[str, str, str]
) -> None:
    assert (ids.entity_id(*one) == ids.entity_id(*two)) == (one == two)


@pytest.mark.parametrize(
    ("one", "two"),
    [(("a", "bc", ""), ("ab", "c", "")), (("a", "b", ""), ("a", "", "b")), (("ab", "", ""), ("", "ab", ""))],
)
def test_where_one_part_ends_and_the_next_begins_counts(
    one: tuple[str, str, str], two: tuple[str, str, str]
) -> None:
    assert ids.entity_id(*one) != ids.entity_id(*two)


def test_what_utf_8_cannot_hold_has_an_id_too() -> None:
    assert ids.entity_id("acme", Model.TAG, "\ud800") != ids.entity_id("acme", Model.TAG, "\ud801")


@few
@given(st.integers(1, 10**12))
def test_an_event_id_holds_no_dot(sequence: int) -> None:
    made = ids.event_id(ADA, sequence)
    assert made.startswith("evt_")
    assert ids.is_entity_id(made.removeprefix("evt_"))


def test_each_version_has_an_event_id_of_its_own() -> None:
    assert len({ids.event_id(ADA, sequence) for sequence in range(1, 500)}) == 499


@few
@given(st.integers(1, 10**10 - 1), st.integers(1, 10**10 - 1))
def test_sequences_sort_as_text(one: int, two: int) -> None:
    assert (ids.format_sequence(one) < ids.format_sequence(two)) == (one < two)
    assert int(ids.format_sequence(one)) == one


def test_a_sequence_is_ten_digits() -> None:
    assert ids.format_sequence(42) == "0000000042"


@few
@given(st.text(min_size=1, max_size=20))
def test_a_remote_reference_gives_the_remote_id_as_it_stands(remote_id: str) -> None:
    assert ids.parse_reference(f"remote:{remote_id}") == (None, remote_id)


def test_an_id_refers_to_itself() -> None:
    assert ids.parse_reference(ADA) == (ADA, None)


@pytest.mark.parametrize(
    "text", ["", "remote:", "17", ADA[:-1], ADA + "1", ADA[:-1] + "0", ADA + "\n", "Remote:17"]
)
def test_what_refers_to_nothing_says_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match=r"24 characters of base58, or remote:<"):
        ids.parse_reference(text)
