"""A digest of the code that reads records, which detects a change of it.

``make generate`` writes it. ``tests/house/test_reading_version.py`` fails if the code changed, and asks
whether it now reads records differently. Comments, docstrings and layout do not count.
"""

import ast
import inspect
import io
import sys
import tokenize
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

from bridge.tracker import normalize

FILE = Path(__file__).with_name("reading_code.txt")


def write() -> None:
    """Write the digest."""
    FILE.write_text(reading_digest() + "\n", encoding="utf-8")


def reading_digest() -> str:
    """Return a digest of the statements of all modules that read records."""
    digest = blake2b(digest_size=16)
    for name, source in sorted(reading_sources().items()):
        digest.update(f"{name}\n{statements_of(source)}\n".encode())
    return digest.hexdigest()


def reading_sources() -> dict[str, str]:
    """Return the sources by module: the code that reads records, and all our modules that it imports."""
    found: dict[str, str] = {}
    pending = [normalize.__name__]
    while pending:
        name = pending.pop()
        if name not in found:
            found[name] = inspect.getsource(sys.modules[name])
            pending += _imported(found[name])
    return found


def statements_of(source: str) -> str:
    """Return the text of a source without its comments, docstrings and layout."""
    lines = source.splitlines(keepends=True)
    for (top, left), (bottom, right) in sorted(_texts(source), reverse=True):
        lines[top - 1 : bottom] = [lines[top - 1][:left] + lines[bottom - 1][right:]]
    return " ".join("".join(lines).split())


_Place = tuple[int, int]


def _texts(source: str) -> Iterator[tuple[_Place, _Place]]:
    """Yield where comments and string statements begin and end, in characters."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start, token.end
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and node.end_lineno is not None
        ):
            last = lines[node.end_lineno - 1].encode()[: node.end_col_offset].decode()
            yield (node.lineno, node.col_offset), (node.end_lineno, len(last))


def _imported(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.ImportFrom) or node.module is None:
            continue
        # "from bridge.tracker import values" names a module; "from bridge.errors import Permanent" is in one.
        for name in (node.module, *(f"{node.module}.{alias.name}" for alias in node.names)):
            if name.startswith("bridge.") and name in sys.modules:
                yield name
