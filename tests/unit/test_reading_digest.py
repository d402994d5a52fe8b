"""The digest of how records are read covers the code that reads them, and only what that code does."""

from bridge.tracker.reading_digest import reading_digest, reading_sources, statements_of


def test_it_covers_what_makes_models_from_records() -> None:
    covered = reading_sources().keys()
    assert {
        "trackerrms_contracts.entities",
        "bridge.tracker.normalize",
        "bridge.tracker.normalize_candidates",
        "bridge.tracker.normalize_jobs",
        "bridge.tracker.plain_fields",
        "bridge.tracker.field_reader",
        "bridge.tracker.countries",
        "bridge.tracker.values",
    } <= covered
    assert not {name for name in covered if name.startswith(("bridge.capture", "bridge.tracker.writes"))}


def test_it_is_the_same_each_time() -> None:
    assert len(reading_digest()) == 16
    first = reading_digest()
    reading_digest.cache_clear()
    assert reading_digest() == first


def test_words_about_the_code_do_not_count_and_each_statement_does() -> None:
    source = 'def read(value):\n    """Return it."""\n    return value  # as it is\n'
    reworded = 'def read(value):\n    """Give it back."""\n\n    return value\n'
    assert statements_of(source) == statements_of(reworded)
    assert statements_of(source) != statements_of(source.replace("return value", "return value.strip()"))
    field = 'class Person:\n    name: str\n    """the name"""\n'
    assert statements_of(field) == statements_of(field.replace("the name", "a name"))
    assert statements_of(field) != statements_of(field.replace("name: str", "name: str | None"))
