"""A check tells what running has noticed, and fails where a setting or a person has to cure it."""

from bridge.cli import check_findings
from bridge.store import gaps, parked, remarks
from bridge.store.database import Database


async def test_what_a_setting_cures_fails_and_what_none_does_warns(db: Database) -> None:
    await remarks.add_remark(db, "acme", "jobs", "empty_word", "no job is won: set states.won to its word")
    await remarks.add_remark(db, "acme", "jobs", "round_count", "exactly 50 rows. Compare with TrackerRMS")
    await remarks.add_remark(db, "other", "jobs", "empty_word", "another account's: set states.won")
    async with db.transaction() as tx:
        found = [(7, "opened_at", "it is text: set date_format"), (8, "email", "correct it in TrackerRMS")]
        await gaps.put_gaps(tx, "acme", "jobs", [7, 8], found)
        await parked.park_records(tx, "acme", "users", [(9, "no id", "/u/9")])
    lines = {one.name: (one.result, one.reason) async for one in check_findings.noticed(db, "acme")}
    assert {name: result for name, (result, _) in lines.items()} == {
        "jobs: empty_word": "error",
        "jobs: round_count": "warning",
        "jobs: opened_at": "error",
        "jobs: email": "warning",
        "users: parked": "error",
    }
    assert lines["jobs: opened_at"][1].endswith("keys of [integrations.tracker]")
