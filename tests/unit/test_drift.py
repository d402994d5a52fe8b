"""Which keys records have, and when one that nearly all had is gone."""

from bridge.capture import drift
from bridge.capture.drift import MappedKeys
from bridge.store.stored_records import KeyCount
from bridge.tracker import overrides, resources

KEYS = MappedKeys(resources.DEFAULT["candidates"])
ALWAYS = "detail:tagText"


def counts(present: int, absent: int) -> KeyCount:
    return KeyCount().plus([True] * present + [False] * absent)


def named(bits: int) -> set[str]:
    return set(KEYS.named(bits))


def test_a_key_is_there_whatever_its_value_and_counts_only_where_it_could_be() -> None:
    empty = KEYS.look(None, {"tagText": None, "contactDetails": {"email": ""}, "currentClient": None})
    assert {ALWAYS, "detail:contactDetails", "detail:contactDetails.email"} <= named(empty.present)
    assert "detail:contactDetails.mobilePhone" in named(empty.lacking)
    assert "detail:currentClient.name" not in named(empty.asked)
    assert not any(name.startswith("row:") for name in named(empty.asked))
    assert "detail:address" in named(empty.lacking)
    assert "detail:address.town" not in named(empty.asked)
    # Nothing is published of what only commands read.
    assert "detail:desiredSalary" not in KEYS.names


def test_a_key_in_two_spellings_is_one_key() -> None:
    read = {"camel": {"tagText": "a"}, "pascal": {"TagText": "a"}, "snake": {"tag_text": "a"}}
    for case, record in read.items():
        keys = MappedKeys(
            overrides.layered(resources.DEFAULT, {"key_case": case}, {}, "tracker")["candidates"]
        )
        assert set(keys.names) == set(KEYS.names), case
        assert ALWAYS in keys.named(keys.look(None, record).present), case
        assert ALWAYS in keys.named(keys.look(None, {"tagText": "a", "source": None}).present), case
        assert ALWAYS in keys.named(keys.look(None, {"id": 7}).lacking), case


def test_a_key_is_one_that_nearly_all_have_by_its_share_of_enough_records() -> None:
    table = [
        (19, 0, False),
        (20, 0, True),
        (95, 5, True),
        (90, 10, False),
        (1000, 11, False),
        (1000, 9, True),
    ]
    for present, absent, wanted in table:
        always = KEYS.nearly_always({ALWAYS: counts(present, absent)})
        assert bool(always) is wanted, (present, absent)


def test_a_loss_is_the_account_s_where_others_lost_it_too() -> None:
    count = counts(24, 0)
    table: list[tuple[int, list[bool], bool | None]] = [
        (1, [True] * 8, False),
        (1, [True] * 6 + [False] * 2, False),
        (1, [False] * 8, True),
        (2, [False] * 3, True),
        (1, [False] * 3, None),
        (9, [False] * 2, True),
        (4, [], None),
        (5, [], True),
        (5, [True] * 2, True),
        (1, [True] * 4 + [False] * 4, True),
    ]
    for lacking, controls, wanted in table:
        assert drift.verdict(ALWAYS, count, lacking, controls).gone is wanted, (lacking, controls)
    said = drift.verdict(ALWAYS, count, 2, [False] * 8).evidence
    assert said == "`tagText` was in 100 % of 24 records read by id and is in none of the last 10"


def test_counts_remember_all_and_the_last_fifty() -> None:
    count = counts(100, 3)
    assert (count.total, count.present, count.lately, count.bits.bit_count()) == (103, 100, 50, 47)
    looks = [KEYS.look(None, {"tagText": "a"}), KEYS.look(None, {})]
    after = KEYS.counted({ALWAYS: count}, looks)[ALWAYS]
    assert (after.total, after.present, after.bits & 0b11) == (105, 101, 0b10)
