"""Read the docstrings of a struct's fields: the meaning of each field, and an example of its value.

A field's docstring is the text below it: ``the person's job title; for example `Nurse```. The schemas, the
documents and their examples are generated from it, so that each field is described in one place.
"""

import ast
import inspect
import re
from functools import cache
from itertools import pairwise
from typing import Any, get_type_hints

import msgspec
from msgspec import Struct

_EXAMPLE = re.compile(r"; for example `([^`]+)`\Z")


class FieldDoc(Struct, frozen=True, kw_only=True):
    """The description of a field. ``example`` is an example of its value as text, if there is one."""

    meaning: str
    example: str | None = None


@cache
def read_field_docs(struct: type[Struct]) -> dict[str, FieldDoc]:
    """Return the documented fields of a struct, without inherited ones."""
    found = {}
    for defined in ast.parse(inspect.getsource(struct)).body:
        body = defined.body if isinstance(defined, ast.ClassDef) else []
        for field, below in pairwise(body):
            match field, below:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                    found[name] = _parse(text)
    return found


def read_examples(struct: type[Struct]) -> dict[str, Any]:
    """Return the example of each field that has one, as a value of the field's type."""
    types = get_type_hints(struct, include_extras=True)
    given = {name: doc.example for name, doc in read_field_docs(struct).items() if doc.example is not None}
    return {name: msgspec.convert(text, types[name], strict=False) for name, text in given.items()}


def _parse(text: str) -> FieldDoc:
    text = " ".join(text.split())
    example = _EXAMPLE.search(text)
    if example is None:
        return FieldDoc(meaning=text)
    return FieldDoc(meaning=text[: example.start()], example=example[1])
