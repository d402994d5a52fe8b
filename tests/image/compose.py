"""The Compose file, read."""

import re
from typing import Any

import yaml

from tests.image.recipe import ROOT

FILE = ROOT / "compose.yaml"
SERVICES: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))["services"]


def environment() -> dict[str, str]:
    """The bridge's variables, with the defaults of what the shell may set."""
    given = SERVICES["bridge"]["environment"]
    return {key: re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(value)) for key, value in given.items()}
