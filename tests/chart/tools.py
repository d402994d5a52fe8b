"""The programs that judge the chart: helm and kubeconform, from the PATH or built once with ``go``."""

import os
import shutil
import subprocess
from pathlib import Path

from msgspec import Struct

from tests import cache


class Tool(Struct, frozen=True, kw_only=True):
    """A program of a Go module, at the version the chart is tried with."""

    name: str
    package: str
    version: str


HELM = Tool(name="helm", package="helm.sh/helm/v3/cmd/helm", version="v3.22.0")
KUBECONFORM = Tool(
    name="kubeconform", package="github.com/yannh/kubeconform/cmd/kubeconform", version="v0.8.0"
)


class NoToolError(Exception):
    """The program can't be had here; the message says why."""


def path_of(tool: Tool) -> Path:
    """The program: built before, on the PATH, or built now, which takes minutes. Raises ``NoToolError``."""
    kept = cache.ROOT / f"{tool.name}-{tool.version}"
    if (kept / tool.name).exists():
        return kept / tool.name
    found = shutil.which(tool.name)
    if found is not None:
        return Path(found)
    if shutil.which("go") is None:
        raise NoToolError(f"neither {tool.name} nor go is on the PATH")
    with cache.alone(kept):
        if not (kept / tool.name).exists():
            _build(tool, kept)
    return kept / tool.name


def _build(tool: Tool, kept: Path) -> None:
    built = subprocess.run(
        ["go", "install", f"{tool.package}@{tool.version}"],
        env={**os.environ, "GOBIN": str(kept), "GOFLAGS": "-trimpath"},
        capture_output=True,
        text=True,
        check=False,
    )
    if built.returncode:
        last = (built.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise NoToolError(f"go can't build {tool.name} {tool.version}: {last[:300]}")
