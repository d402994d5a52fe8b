"""Which fields of a module's structs the sources read, by types and not by names, which structs share.

In a copy of the sources every field becomes a property of the same type that is not for its own struct, and
the type checker tells who reads it all the same.
"""

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

ROOT = Path(__file__).parents[2]
_READ = re.compile(
    r'^(?P<file>[^:]+):\d+: error: Invalid self argument "(?P<kind>\w+)"'
    r' to attribute function "(?P<key>\w+)"',
    re.M,
)
_PROPERTY = """
    @property
    def {name}(self: "_Nobody") -> {kind}: ...

"""
_NOBODY = """
class _Nobody: ...

"""

Field = tuple[str, str]
"""(struct, field)."""


def unread(directory: Path, module: str, fields: Collection[Field]) -> list[Field]:
    """Return those of ``fields`` that nothing reads but ``module`` itself.

    ``module`` is a path such as ``bridge/config.py``; the copy is made in ``directory``, which is empty.
    """
    for package in ("bridge", "contracts"):
        shutil.copytree(ROOT / package, directory / package, ignore=shutil.ignore_patterns("__pycache__"))
    replaced = _replace(directory / module, fields)
    assert replaced == set(fields), f"{module} has no {set(fields) - replaced}"
    read = {
        (found["kind"], found["key"])
        for found in _READ.finditer(_checked(directory))
        if found["file"] != module
    }
    return sorted(replaced - read)


def _replace(file: Path, fields: Collection[Field]) -> set[Field]:
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    found = set()
    for kind in ast.parse("".join(lines)).body:
        for node in kind.body if isinstance(kind, ast.ClassDef) else ():
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                assert isinstance(kind, ast.ClassDef)
                name = node.target.id
                if (kind.name, name) in fields:
                    found.add((kind.name, name))
                    made = _PROPERTY.format(name=name, kind=ast.unparse(node.annotation))
                    lines[node.lineno - 1 : node.end_lineno] = [made] + [""] * (_height(node) - 1)
    lines.append(_NOBODY)
    file.write_text("".join(lines), encoding="utf-8")
    return found


def _height(node: ast.AnnAssign) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _checked(directory: Path) -> str:
    words = ("--no-pretty", "--cache-dir", str(directory / "cache"))
    command = [sys.executable, "-m", "mypy", *words, "bridge"]
    environ = {**os.environ, "MYPYPATH": "contracts"}
    ran = subprocess.run(command, cwd=directory, env=environ, capture_output=True, text=True, check=False)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    return ran.stdout
