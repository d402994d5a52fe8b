"""The README's two receivers take what is signed, and refuse what is not."""

import json
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bridge.store import signing_secrets
from bridge.webhooks.signing import Signer, SigningKey
from tests.webhooks.receiving import need_node

ROOT = Path(__file__).parents[2]
BODY = b'{"type":"candidate.updated","subject":"x","data":{"changed_fields":["title"]}}'


def receiver(language: str) -> tuple[str, str]:
    """The README's receiver, and a secret that was put in it."""
    secret = signing_secrets.new("v1").secret
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = [
        block for block in re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL) if "whsec_…" in block
    ]
    (code,) = found
    return code.replace("whsec_…", secret), secret


def signed(secret: str, body: bytes = BODY) -> dict[str, str]:
    """The headers of a delivery made now."""
    return Signer([SigningKey(kind="v1", secret=secret)]).headers("evt_1", body, datetime.now(UTC))


def test_the_receiver_in_python(capsys: pytest.CaptureFixture[str]) -> None:
    code, secret = receiver("python")
    scope: dict[str, Any] = {}
    exec(code, scope)  # noqa: S102 (the README's own)
    assert scope["handle"](signed(secret), BODY) == 204
    assert capsys.readouterr().out == "candidate.updated x ['title']\n"
    assert scope["handle"](signed(secret), BODY + b" ") == 400
    assert scope["handle"]({}, BODY) == 400


def test_the_receiver_in_javascript(tmp_path: Path) -> None:
    (tmp_path / "node_modules").symlink_to(need_node())
    code, secret = receiver("js")
    program = tmp_path / "readme.mjs"
    program.write_text(
        code
        + f"const headers = {json.dumps(signed(secret))};"
        + f"const body = Buffer.from({json.dumps(BODY.decode())});"
        + "console.log(handle(headers, body), handle(headers, Buffer.concat([body, Buffer.from(' ')])));"
    )
    ended = subprocess.run(["node", str(program)], capture_output=True, check=False, text=True)
    assert ended.stdout.splitlines() == ["candidate.updated x [ 'title' ]", "204 400"], ended.stderr
