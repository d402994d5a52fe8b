"""Passthrough: a call that the caller composes, to the integration's own host."""

import base64
import mimetypes
import re
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec
from trackerrms_contracts.commands import PartFile, Passthrough

from bridge.commands import files
from bridge.commands.account import Account
from bridge.commands.errors import CommandFailed, input_invalid
from bridge.commands.results import Done
from bridge.tracker.hosts import Generation
from bridge.tracker.http import HttpResponse
from bridge.tracker.multipart import FormPart, multipart

LARGEST_ANSWER_BYTES = 5_000_000
READS = frozenset({"GET"})
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_CONTENT_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+(\s*;[ -~]*)?", re.ASCII)
_ENCODED_TIMES = 5
_TEXT = ("text/", "application/xml", "application/xhtml", "application/javascript")


async def pass_request_through(account: Account, data: Passthrough) -> Done:
    """Send the call with credentials added. Return the answer, whatever its status.

    Raises ``CommandFailed`` and the client's errors: ``EffectUnknown`` if the answer to a call other than
    GET was lost.
    """
    generation = _generation(account, data.path)
    headers = _headers(data)
    body: Any = data.data.encode() if isinstance(data.data, str) else data.data
    if data.multipart_form_data:
        if data.data is not None:
            raise input_invalid("multipart_form_data: can't be combined with data; give one of them")
        headers, body = await _multipart(account, data, headers)
    answer = await account.client.request(
        data.method,
        data.path,
        data=body,
        params=data.params or None,
        headers=headers,
        repeatable=data.method in READS,
        generation=generation,
    )
    if 300 <= answer.status < 400 and answer.status != 304:
        raise CommandFailed(
            "REMOTE.UNKNOWN_HTTP_ERROR",
            f"{data.method} answered {answer.status}, a redirect, which is not followed: call its target "
            "on the same host",
        )
    warnings = ["api_options: none are known for TrackerRMS; they were ignored"] if data.api_options else []
    return Done(result=_result(account, data, answer, generation), warnings=tuple(warnings))


def _headers(data: Passthrough) -> dict[str, str]:
    """Return the caller's headers but those that decide the answer's encoding. Raises ``CommandFailed``."""
    for name, value in data.headers.items():
        if not _HEADER_NAME.fullmatch(name) or not (value.isprintable() or not value):
            raise input_invalid("headers: a name has letters, digits and dashes, a value printable text")
    return {name: value for name, value in data.headers.items() if name.lower() != "accept-encoding"}


def _generation(account: Account, path: str) -> Generation:
    """Return which of the integration's two hosts has that path. Raises ``CommandFailed`` if it is forbidden.

    A path that servers on the way may read in two ways is refused: so the path checked here is the path
    requested.
    """
    decoded = _decoded(urlsplit("http://host" + path).path)
    steps = decoded.split("/")[1:]
    doubtful = "" in steps[:-1] or "\\" in decoded or any(step != step.rstrip(" .") for step in steps)
    if doubtful or not unquote(path).isprintable():
        raise input_invalid("path: must be a path on TrackerRMS's own host, such as /api/v1/Activity")
    plain = "/" + "/".join(step.partition(";")[0] for step in steps).casefold().rstrip("/")
    for call in (account.client.settings.exchange, account.client.settings.oauth_token):
        if call.path.casefold().rstrip("/") == plain:
            raise input_invalid("path: exchanging a token would invalidate the one that the bridge uses")
    return "widget" if plain.startswith("/api/widget/") else "rest"


def _decoded(path: str) -> str:
    """Return the path without percent-encoding, even if it was encoded several times."""
    for _ in range(_ENCODED_TIMES):
        path, before = unquote(path), path
        if path == before:
            return path
    raise input_invalid("path: is percent-encoded too many times")


async def _multipart(
    account: Account, data: Passthrough, headers: dict[str, str]
) -> tuple[dict[str, str], bytes]:
    parts: list[FormPart] = []
    left = files.LARGEST_TOTAL_BYTES
    for place, part in enumerate(data.multipart_form_data):
        if not part.name.isprintable():
            raise input_invalid(f"multipart_form_data[{place}].name: must be printable text")
        if not isinstance(part.value, PartFile):
            parts.append(FormPart(name=part.name, content=part.value.encode()))
            continue
        where = f"multipart_form_data[{place}].value"
        if not part.value.name.isprintable():
            raise input_invalid(f"{where}.name: must be printable text")
        content, content_type = await files.content_of(part.value, where, account.outbound, left)
        left -= len(content)
        if content_type is not None and not _CONTENT_TYPE.fullmatch(content_type):
            raise input_invalid(f"{where}.content_type: must be a media type, such as application/pdf")
        guessed = mimetypes.guess_type(part.value.name)[0]
        parts.append(
            FormPart(
                name=part.name,
                content=content,
                filename=part.value.name,
                content_type=content_type or guessed or "application/octet-stream",
            )
        )
    content_type, body = await multipart(parts)
    others = {name: value for name, value in headers.items() if name.lower() != "content-type"}
    return others | {"Content-Type": content_type}, body


def _result(
    account: Account, data: Passthrough, answer: HttpResponse, generation: Generation
) -> dict[str, Any]:
    if len(answer.body) > LARGEST_ANSWER_BYTES:
        raise CommandFailed(
            "REMOTE.UNKNOWN_HTTP_ERROR",
            f"{data.method} answered {answer.status} with {len(answer.body)} bytes, more than the "
            f"{LARGEST_ANSWER_BYTES} bytes of a result",
        )
    return {
        "url": account.client.hosts.url(generation, data.path),
        "status": answer.status,
        "headers": {name.lower(): value for name, value in answer.headers.items()},
        "data": _body(answer, as_base64=data.response_as_base64),
    }


def _body(answer: HttpResponse, *, as_base64: bool) -> Any:
    """Return JSON as its value, text as text, and anything else in base64, or all of it if requested."""
    if not answer.body and not as_base64:
        return None
    kind = answer.headers.get("Content-Type", "").lower()
    if not as_base64 and "json" in kind:
        try:
            return msgspec.json.decode(answer.body)
        except (ValueError, RecursionError):
            pass
    if not as_base64 and ("json" in kind or kind.startswith(_TEXT) or not kind):
        try:
            return answer.body.decode()
        except UnicodeDecodeError:
            pass
    return base64.b64encode(answer.body).decode("ascii")
