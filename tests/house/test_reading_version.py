"""A change of the code that reads records is noticed, and asks whether records must be read again."""

import msgspec

from bridge.tracker import resources
from bridge.tracker.reading_version import reading_version
from tools.reading_digest import FILE, reading_digest, reading_sources, statements_of


def test_a_change_of_the_code_that_reads_records_is_decided_upon() -> None:
    assert FILE.read_text(encoding="utf-8").strip() == reading_digest(), (
        "the code that reads records changed. If it reads any record differently, add 1 to READING in "
        "bridge/tracker/reading_version.py; then run make generate"
    )


def test_the_digest_covers_what_makes_models_from_records() -> None:
    covered = reading_sources().keys()
    assert {
        "bridge.tracker.normalize",
        "bridge.tracker.normalize_candidates",
        "bridge.tracker.normalize_jobs",
        "bridge.tracker.plain_fields",
        "bridge.tracker.field_reader",
        "bridge.tracker.countries",
        "bridge.tracker.values",
    } <= covered
    assert not {name for name in covered if name.startswith(("bridge.capture", "bridge.tracker.writes"))}


def test_words_about_the_code_do_not_count_and_each_statement_does() -> None:
    source = 'def read(value):\n    """Return it."""\n    return value  # as it is\n'
    reworded = 'def read(value):\n    """Give it back:\n    as it is."""\n\n    return value\n'
    assert statements_of(source) == statements_of(reworded)
    assert statements_of(source) != statements_of(source.replace("return value", "return value.strip()"))
    field = 'class Person:\n    name: str\n    """the name"""\n'
    assert statements_of(field) == statements_of(field.replace("the name", "a name"))
    assert statements_of(field) != statements_of(field.replace("name: str", "name: str | None"))


def test_another_place_of_a_field_is_another_version() -> None:
    table = resources.DEFAULT
    changed = msgspec.structs.replace(table, maps=msgspec.structs.replace(table.maps, outcome={"x": "HIRED"}))
    assert reading_version(table) == reading_version(resources.DEFAULT)
    assert reading_version(table) != reading_version(changed)
