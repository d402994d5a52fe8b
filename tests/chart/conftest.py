"""The programs that the chart's tests need; without them the tests are skipped, with the reason."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from tests.chart import tools
from tests.chart.rendering import KUBERNETES, Helm
from tests.chart.tools import Tool


@pytest.fixture(scope="session")
def helm_program() -> Path:
    """helm."""
    return _found(tools.HELM)


@pytest.fixture(scope="session")
def kubeconform_program() -> Path:
    """kubeconform."""
    return _found(tools.KUBECONFORM)


def _found(tool: Tool) -> Path:
    try:
        return tools.path_of(tool)
    except tools.NoToolError as reason:
        pytest.skip(f"the chart is not tried: {reason}")


@pytest.fixture
def helm(helm_program: Path, tmp_path: Path) -> Helm:
    """Renders the chart."""
    return Helm(helm_program, tmp_path)


@pytest.fixture(scope="session")
def kubernetes_schemas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The schemas of the Kubernetes versions the chart is judged by, laid out for kubeconform.

    They come with a package. Their references begin at the root of a server; here they are files.
    """
    package = importlib.util.find_spec("kubernetes_validate")
    assert package is not None
    assert package.origin is not None
    source = Path(package.origin).parent / "kubernetes-json-schema"
    target = tmp_path_factory.mktemp("kubernetes")
    for version in KUBERNETES:
        (target / f"v{version}").mkdir()
        for path in (source / f"v{version}-local-strict").glob("*-v[12].json"):
            _relative(path, target / f"v{version}" / path.name)
        _relative(
            source / f"v{version}-local-strict" / "_definitions.json",
            target / f"v{version}" / "_definitions.json",
        )
    return target


def _relative(source: Path, target: Path) -> None:
    text = source.read_text(encoding="utf-8").replace('"/api/_definitions.json#', '"_definitions.json#')
    schema: dict[str, Any] = json.loads(text)
    schema.pop("$id", None)  # an address: it would lead away from the file's own place
    target.write_text(json.dumps(schema), encoding="utf-8")
