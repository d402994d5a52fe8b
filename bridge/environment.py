"""Environment variables such as ``BRIDGE_KAFKA_PARTITIONS``, which override the configuration file.

``bridge.config`` passes its structs, which define the valid keys.
"""

import difflib
import re
import typing
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from bridge.errors import ConfigError

PREFIX = "BRIDGE_"
_PATH_OF_THE_FILE = "BRIDGE_CONFIG"
_FOR_THE_TESTS = "BRIDGE_TEST_"


def overlay(
    raw: dict[str, Any],
    environ: Mapping[str, str],
    slices: Mapping[str, type[Struct]],
    integration: type[Struct],
) -> None:
    """Write the values of the variables into ``raw``. Raises ``ConfigError`` for an unknown variable."""
    for variable, value in environ.items():
        if not variable.startswith(PREFIX) or variable.startswith(_FOR_THE_TESTS):
            continue
        if variable == _PATH_OF_THE_FILE:
            continue
        if variable.startswith("BRIDGE_INTEGRATIONS_"):
            _overlay_integration(raw, variable, value, integration)
        else:
            _overlay_slice(raw, variable, value, slices)


def variable_name(integration_id: str) -> str:
    """Return the form of an integration's id in names of variables."""
    return re.sub(r"[^A-Z0-9]", "_", integration_id.upper())


def _overlay_slice(
    raw: dict[str, Any], variable: str, value: str, slices: Mapping[str, type[Struct]]
) -> None:
    name = variable.removeprefix(PREFIX).lower()
    if name == "data_dir":
        raw["data_dir"] = value
        return
    slice_name, _, key = name.partition("_")
    kind = slices.get(slice_name)
    if kind is None or key not in kind.__struct_fields__:
        raise ConfigError(f"{variable}: no such setting{_suggest(name, _flat_keys(slices))}")
    section = raw.setdefault(slice_name, {})
    if not isinstance(section, dict):
        raise ConfigError(f"{slice_name}: must be a table, as in [{slice_name}]")
    section[key] = [n for n in _listed(value) if n] if _is_list(kind, key) else value


def _overlay_integration(raw: dict[str, Any], variable: str, value: str, kind: type[Struct]) -> None:
    name = variable.removeprefix("BRIDGE_INTEGRATIONS_")
    # The variable's name already contains the id, and a variable cannot hold a table.
    keys = sorted(set(kind.__struct_fields__) - {"id", "tracker"}, key=len, reverse=True)
    key = next((k for k in keys if name.endswith("_" + k.upper())), None)
    if key is None:
        raise ConfigError(
            f"{variable}: no such setting of an integration; "
            f"the name must end with a key of [[integrations]], as in {PREFIX}INTEGRATIONS_ACME_REGION"
        )
    spelled = name.removesuffix("_" + key.upper())
    integrations = raw.setdefault("integrations", [])
    if not isinstance(integrations, list):
        raise ConfigError("integrations: must be an array of tables, as in [[integrations]]")
    for integration in integrations:
        if isinstance(integration, dict) and variable_name(str(integration.get("id", ""))) == spelled:
            break
    else:
        integration = {"id": spelled.lower().replace("_", "-")}
        integrations.append(integration)
    integration[key] = _listed(value) if key == "models" else value


def _is_list(kind: type[Struct], key: str) -> bool:
    return typing.get_origin(typing.get_type_hints(kind)[key]) is tuple


def _listed(value: str) -> list[str]:
    return [name.strip() for name in value.split(",")]


def _flat_keys(slices: Mapping[str, type[Struct]]) -> list[str]:
    return ["data_dir"] + [f"{name}_{key}" for name, kind in slices.items() for key in kind.__struct_fields__]


def _suggest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean BRIDGE_{close[0].upper()}?" if close else ""
