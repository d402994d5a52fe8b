"""The README speaks of everything that can be configured."""

import re
from pathlib import Path

from msgspec import Struct

from bridge import config

README = Path(__file__).parents[2] / "README.md"


def settings() -> list[str]:
    """Every key of the configuration, as one would write it: ``kafka.partitions``."""
    keys = list(config.Config.__struct_fields__)
    slices = {**config.Config.__annotations__, "integrations": config.IntegrationConfig}
    for name, kind in slices.items():
        if isinstance(kind, type) and issubclass(kind, Struct):
            keys += [f"{name}.{key}" for key in kind.__struct_fields__]
    return keys


def test_every_setting_is_in_the_readme() -> None:
    text = README.read_text(encoding="utf-8")
    assert [key for key in settings() if not re.search(rf"\b{key.rpartition('.')[2]}\b", text)] == []


def test_the_settings_are_all_seen() -> None:
    assert {"data_dir", "kafka.partitions", "integrations.time_zone"} <= set(settings())


def test_there_are_no_more_settings_than_a_person_can_keep_apart() -> None:
    assert len([key for key in settings() if "." in key]) < 65
