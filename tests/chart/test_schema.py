"""What is generated for the chart is fresh, and the chart says what the package says."""

import json
import re
import tomllib
from pathlib import Path

import yaml

from tests.chart.rendering import CHART
from tests.committed import assert_fresh
from tools import chart

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DESCRIPTION = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))


def test_what_is_committed_is_what_the_structs_make() -> None:
    assert_fresh({CHART / name: chart.render_chart_file(made) for name, made in chart.generate().items()})


def test_the_chart_has_the_versions_of_the_package() -> None:
    assert DESCRIPTION["version"] == DESCRIPTION["appVersion"] == PROJECT["version"]
    assert DESCRIPTION["description"] == PROJECT["description"]


def test_every_value_of_the_chart_is_shown_in_values_yaml() -> None:
    text = (CHART / "values.yaml").read_text(encoding="utf-8")
    schema = chart.schema()["definitions"]
    own = [one for name, one in schema.items() if not name.endswith("Config")]
    keys = {key for one in own for key in one.get("properties", ())} - {"global"}
    assert [key for key in sorted(keys) if not re.search(rf"\b{key}: ?", text)] == []


def test_no_key_of_the_schema_is_open() -> None:
    definitions = chart.schema()["definitions"]
    tables = {name: one for name, one in definitions.items() if one.get("type") == "object"}
    assert [name for name, one in tables.items() if one.get("additionalProperties") is not False] == []
    assert {"Config", "KafkaConfig", "IntegrationConfig", "ChartValues", "RoleWorkload"} <= tables.keys()
    assert json.dumps(definitions["Config"]).count('"$ref"') >= 10
