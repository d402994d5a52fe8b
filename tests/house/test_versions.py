"""The bridge and its contracts are released together: one version, one license, one Python."""

import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def project(folder: Path) -> dict[str, Any]:
    """Return what a distribution's pyproject.toml says of it."""
    found: dict[str, Any] = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return found


BRIDGE, CONTRACTS = project(ROOT), project(ROOT / "contracts")


def test_both_have_the_same_version() -> None:
    assert CONTRACTS["version"] == BRIDGE["version"], "contracts/pyproject.toml: write the bridge's version"


def test_the_bridge_needs_the_contracts_of_its_own_version() -> None:
    needed = [one for one in BRIDGE["dependencies"] if one.startswith("trackerrms-contracts")]
    assert needed == [f"trackerrms-contracts=={BRIDGE['version']}"], "pyproject.toml: correct the dependency"


def test_what_both_say_is_the_same() -> None:
    for key in ("license", "license-files", "requires-python"):
        assert CONTRACTS[key] == BRIDGE[key], f"contracts/pyproject.toml: {key} differs from pyproject.toml"
    assert (ROOT / "contracts" / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    (msgspec,) = CONTRACTS["dependencies"]
    assert msgspec in BRIDGE["dependencies"], "contracts/pyproject.toml: msgspec as in pyproject.toml"
