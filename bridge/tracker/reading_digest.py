"""A digest of how records are read: under another one, every row is read again, once.

It covers the places and words of the table, the models, and the statements of the code that makes the models
from records. A change of a comment or a docstring does not count. ``docs/decisions.md`` says what it costs.
"""

import ast
import inspect
import sys
from collections.abc import Iterator
from functools import cache
from hashlib import blake2b

import msgspec

from bridge.tracker import normalize, resources


@cache
def reading_digest() -> bytes:
    """Return 16 bytes that differ where records may be read differently. It takes a moment: 0.1 s."""
    table = resources.DEFAULT
    digest = blake2b(digest_size=16)
    digest.update(msgspec.json.encode([table.resources, table.owner, table.maps], order="sorted"))
    for name, source in sorted(reading_sources().items()):
        digest.update(f"{name}\n{statements_of(source)}\n".encode())
    return digest.digest()


def reading_sources() -> dict[str, str]:
    """Return the sources by module: of what reads records, and of all of ours that it imports."""
    found: dict[str, str] = {}
    pending = [normalize.__name__]
    while pending:
        name = pending.pop()
        if name not in found:
            found[name] = inspect.getsource(sys.modules[name])
            pending += _imported(found[name])
    return found


def statements_of(source: str) -> str:
    """Return what a source does: itself without comments, docstrings and its layout."""
    return ast.unparse(_WithoutTexts().visit(ast.parse(source)))


def _imported(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.ImportFrom) or node.module is None:
            continue
        # "from bridge.tracker import values" names a module; "from bridge.errors import Permanent" is in one.
        for name in (node.module, *(f"{node.module}.{alias.name}" for alias in node.names)):
            if name.startswith(("bridge.", "trackerrms_contracts.")) and name in sys.modules:
                yield name


class _WithoutTexts(ast.NodeTransformer):
    """Takes out texts that are statements: docstrings, and what is written under a field."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        return ast.Pass() if isinstance(node.value, ast.Constant) else node
