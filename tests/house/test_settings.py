"""The configuration page has every key, and there are no more keys than a person can keep apart."""

import re

from msgspec import Struct

from bridge import config
from tests import pages

PAGE = "docs/configuration.md"
MOST_SETTINGS = 50


def settings() -> list[str]:
    """Return every key of the configuration, as one would write it: ``kafka.partitions``."""
    keys = list(config.Config.__struct_fields__)
    slices = {**config.Config.__annotations__, "integrations": config.IntegrationConfig}
    for name, kind in slices.items():
        if isinstance(kind, type) and issubclass(kind, Struct):
            keys += [f"{name}.{key}" for key in kind.__struct_fields__]
    return keys


def test_every_setting_is_on_the_page() -> None:
    text = pages.text_of(PAGE)
    missing = [key for key in settings() if not re.search(rf"\b{key.rpartition('.')[2]}\b", text)]
    assert missing == [], "say in tools/reference.py what these keys mean, then run make generate"


def test_the_settings_are_all_seen() -> None:
    assert {"data_dir", "kafka.partitions", "integrations.time_zone"} <= set(settings())


def test_there_are_no_more_settings_than_a_person_can_keep_apart() -> None:
    # integrations.tracker holds corrections of what is assumed, which have a table of their own.
    count = len([key for key in settings() if "." in key and key != "integrations.tracker"])
    assert count < MOST_SETTINGS, (
        f"{count} keys, and {MOST_SETTINGS} are too many: make a constant of what no operator sets"
    )
