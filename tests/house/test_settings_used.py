"""Every key of the configuration is read by what it is for: none is accepted and ignored.

By types, not by names, since slices share names such as ``port``: in a copy of the sources every key of
``bridge.config`` gets another name, and the type checker tells who misses the old one.
"""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

from bridge import config
from tests.house.test_readme import settings

ROOT = Path(__file__).parents[2]
# These read every key without a use of their own: the table in the README, the chart's schema.
OF_DOCUMENTS = {"bridge/config.py", "bridge/commandline/reference.py"}
SLICES = {kind.__name__: name for name, kind in config._SLICES.items()} | {
    "IntegrationConfig": "integrations",
    "Config": "",
}
_MISSED = re.compile(r'^(?P<file>[^:]+):\d+: error: "(?P<kind>\w+)" has no attribute "(?P<key>\w+)"', re.M)


def test_every_key_is_read_somewhere(tmp_path: Path) -> None:
    for package in ("bridge", "contracts"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    renamed = rename_keys(tmp_path / "bridge" / "config.py")
    assert renamed == {key for key in settings() if "." in key or key == "data_dir"}
    read = {
        f"{SLICES[found['kind']]}.{found['key']}".lstrip(".")
        for found in _MISSED.finditer(checked(tmp_path))
        if found["kind"] in SLICES and found["file"] not in OF_DOCUMENTS
    }
    assert sorted(renamed - read) == [], "nothing reads these keys of bridge.config: use or remove"


def rename_keys(file: Path) -> set[str]:
    """Give each key of the slices another name; return the keys, as ``kafka.partitions``."""
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    found = set()
    for kind in ast.parse("".join(lines)).body:
        if not isinstance(kind, ast.ClassDef) or kind.name not in SLICES:
            continue
        for node in kind.body:
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                key = f"{SLICES[kind.name]}.{node.target.id}".lstrip(".")
                if key not in SLICES.values():
                    found.add(key)
                    lines[node.lineno - 1] = lines[node.lineno - 1].replace(
                        node.target.id, f"renamed_{node.target.id}", 1
                    )
    file.write_text("".join(lines), encoding="utf-8")
    return found


def checked(directory: Path) -> str:
    """What the type checker says of the copy."""
    words = ("--strict", "--no-error-summary", "--no-pretty", "--cache-dir", str(directory / "cache"))
    ran = subprocess.run(
        [sys.executable, "-m", "mypy", *words, "bridge"],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1, ran.stderr
    return ran.stdout
