"""A list of placement statuses says what applications come to, or is told to be wrong; its order is kept."""

import random
from typing import Any

import pytest
from trackerrms_contracts.entities import Application, Model

from bridge.tracker import resources, status_shapes, statuses
from bridge.tracker.statuses import Status, StatusList
from tests.unit.tracker_records import STATUS_ROWS, application_row, normalizer, only


def codes(rows: list[Any], **tracker: Any) -> dict[str, str]:
    """The problems of a list, by code."""
    return {p.code: p.text for p in statuses.status_problems(rows, resources.configure_resources(tracker))}


def renamed(old: str, new: str) -> list[dict[str, Any]]:
    """The list with one group called otherwise."""
    return [row | {"group": new} if row["group"] == old else row for row in STATUS_ROWS]


def test_a_list_as_assumed_has_no_problem() -> None:
    assert codes(STATUS_ROWS) == {}


def test_what_looks_wrong_names_what_was_seen_and_what_to_set(subtests: pytest.Subtests) -> None:
    no_group = [{"id": row["id"], "name": row["name"], "statusGroup": row["group"]} for row in STATUS_ROWS]
    cases: list[tuple[list[Any], dict[str, Any], dict[str, str]]] = [
        ([], {}, {"statuses_none": "rows.statuses"}),
        (no_group, {}, {"statuses_without_group": "keys: id, name, statusGroup: set fields.status.group"}),
        (no_group, {"fields": {"status": {"group": "statusGroup"}}}, {}),
        ([row | {"group": {"id": 1, "name": row["group"]}} for row in STATUS_ROWS], {}, {}),
        (
            renamed("Rejected", "Unsuccessful"),
            {},
            {
                "statuses_without_rejected": '"Unsuccessful"',
                "statuses_of_unknown_group": '"Unsuccessful": set maps.status_group',
            },
        ),
        (renamed("Rejected", "Unsuccessful"), {"maps": {"status_group": {"unsuccessful": "Rejected"}}}, {}),
        (renamed("Working", "Placed"), {}, {"statuses_of_unknown_group": '"Placed"'}),
        ([{"id": {}}, *STATUS_ROWS], {}, {"statuses_unreadable": "1 of 6"}),
    ]
    for rows, tracker, expected in cases:
        with subtests.test(expected=expected):
            found = codes(rows, **tracker)
            assert found.keys() == expected.keys()
            assert all(text in found[code] for code, text in expected.items())


def test_an_outcome_that_nothing_says_is_left_out_and_told() -> None:
    n = normalizer()
    table = n.status_table(renamed("Rejected", "Unsuccessful"))
    cases = [
        (application_row(opportunityResourceStatusId=3), "the group of placement status 3 has no outcome"),
        (application_row(opportunityResourceStatusId=99), "placement status 99 is not in the list"),
        (application_row(opportunityResourceStatusId=None), "has no placement status"),
    ]
    for row, why in cases:
        family = n.application(row, table)
        (gap,) = family.gaps
        assert only(family, Model.APPLICATION).outcome is None
        assert gap.field == "outcome"
        assert why in gap.reason


def test_a_status_outside_the_list_counts_by_its_name_once_the_list_was_read_again() -> None:
    n = normalizer(maps={"outcome": {"Withdrawn": "DECLINED"}})
    row = application_row(opportunityResourceStatusId=99, opportunityResourceStatusName="Withdrawn")
    first = n.application(row, {})
    assert (first.unknown_status, first.members[0].provisional) == ("99", True)
    known = statuses.merge_statuses(None, n.status_table(STATUS_ROWS), ["99"])
    assert known.unlisted == ("99",)
    (member,) = n.application(row, known.table()).members
    record = member.record
    assert isinstance(record, Application)
    assert (record.outcome, record.rejection_reason_name, member.provisional) == (
        "DECLINED",
        "Withdrawn",
        False,
    )
    assert record.current_stage_id is not None
    # The list has it at last.
    listed = statuses.merge_statuses(
        known, {**known.statuses, "99": Status(name="Withdrawn", group="Rejected")}
    )
    assert listed.unlisted == ()


def found(order: str) -> dict[str, Status]:
    """A list of statuses in this order."""
    return {i: Status(name=i, group="Internal") for i in order}


def orders(*reads: str) -> list[str]:
    """The order after each read."""
    known: StatusList | None = None
    agreed = []
    for read in reads:
        known = statuses.merge_statuses(known, found(read))
        agreed.append("".join(known.order))
    return agreed


def test_another_order_counts_once_three_reads_agree() -> None:
    assert orders("123", "321", "321", "321") == ["123", "123", "123", "321"]
    assert orders("123", "321", "123", "321", "321") == ["123"] * 5
    # What is new or gone needs no agreement.
    assert orders("123", "1423", "13") == ["123", "1423", "13"]
    assert orders("123", "3214") == ["123", "1234"]


def test_an_order_that_never_agrees_moves_no_stage() -> None:
    rng = random.Random(5)
    for size in (2, 3, 13):
        ids = [str(n) for n in range(1, size + 1)]
        known = statuses.merge_statuses(None, {i: Status(name=i, group=None) for i in ids})
        for _ in range(2000):
            rng.shuffle(ids)
            known = statuses.merge_statuses(known, {i: Status(name=i, group=None) for i in ids})
            assert known.order == tuple(str(n) for n in range(1, size + 1))
        assert known.unrest >= statuses.UNSETTLED


def test_a_list_in_another_shape_is_read_where_that_leaves_no_doubt(subtests: pytest.Subtests) -> None:
    rows = [{"id": "1", "name": "New", "group": "Applied"}, {"id": "2", "name": "Out", "group": "Rejected"}]
    by_id = {row["id"]: {"name": row["name"], "group": row["group"]} for row in rows}
    by_group = {row["group"]: [{"id": row["id"], "name": row["name"]}] for row in rows}
    cases: list[tuple[Any, list[Any] | None]] = [
        ({"statuses": rows}, rows),
        ({"data": {"meta": {"statuses": rows}}}, rows),
        ({"statuses": by_id}, rows),
        ({"result": {"statuses": by_group}}, rows),
        ({"a": {"statuses": rows}, "b": {"statuses": rows}}, None),
        ({"statuses": {"1": "New"}}, None),
        ({"statuses": {"x": {"name": "New"}}}, None),
        ({"statuses": {}}, None),
        ({"other": rows}, None),
        (rows, None),
    ]
    for answer, found in cases:
        with subtests.test(answer=answer):
            expected = None if found is None else sorted(found, key=lambda row: str(row["id"]))
            assert status_shapes.rows_in(answer, "statuses") == expected
