"""Records the form of an account's answers, without any of its values, for ``bridge simulate --like``."""

import contextlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
import structlog
from msgspec import Struct

from bridge.cli.recording.detectors import DETECTORS, UNSEEN, statuses
from bridge.cli.recording.exchanges import Tape
from bridge.cli.recording.questions import Questions
from bridge.cli.recording.seen import BY_ID, NAMES, SeenAccount
from bridge.cli.recording.skeletons import SeenTexts, skeleton
from bridge.config import Secret
from bridge.errors import ConfigError, Throttled
from bridge.simulator.dialects import DIALECTS
from bridge.simulator.recording import ListName, Recording, Skeletons
from bridge.tracker.client import Client

_log = structlog.get_logger(__name__)

_ODD: Final = (LookupError, TypeError, ValueError, AttributeError)
"""The exceptions that reading an answer of an unexpected form can raise."""
_LEFT_OUT: Final = {
    "nulls": ("omitted", "blanks_omitted"),
    "absent_dates": ("no_key",),
    "tags": ("absent_for_some",),
    "contact": ("absent_for_some",),
    "lookups": ("flat", "ids"),
}
"""Values of switches that already determine which records lack a key."""


class Made(Struct, frozen=True, kw_only=True):
    """A recording, and the switches that it leaves at their default because nothing determined them."""

    recording: Recording
    not_seen: tuple[str, ...]
    requests: int


class Recorder:
    """Records one check: ``tape`` observes its exchanges, ``finish`` asks the remaining questions and sets
    ``made``."""

    def __init__(self) -> None:
        self.tape = Tape()
        self.made: Made | None = None

    async def finish(self, client: Client, bearer: Secret | None) -> None:
        """Ask the questions that the check did not, create the recording, and forget the exchanges.

        ``bearer`` is the configured token, for an exchange that refused it in its usual form. Raises
        ``Fatal``. Stops if the account asks the bridge to wait.
        """
        questions = Questions(client, self.tape, bearer)
        before = client.requests
        try:
            await questions.ask()
        except Throttled as error:
            _log.warning("recording.cut_short", reason=str(error))
        seen = SeenAccount(self.tape.exchanges, client.settings, self.tape.asides)
        seen.filtered = questions.filtered
        self.made = made_of(seen, client.requests - before)
        self.tape.forget()


def made_of(seen: SeenAccount, requests: int = 0) -> Made:
    """Return the recording of the exchanges. Pure."""
    found = {name: _value_of(name, seen) for name in DIALECTS}
    dialect = {
        name: value for name, value in found.items() if value is not None and value != DIALECTS[name].default
    }
    return Made(
        recording=Recording(version=1, dialect=dialect, shapes=_shapes(seen, dialect)),
        not_seen=tuple(name for name, value in found.items() if value is None),
        requests=requests,
    )


def _value_of(name: str, seen: SeenAccount) -> str | None:
    """Return the value of one switch; ``None`` if the answers can't be read."""
    if name in UNSEEN:
        return None
    try:
        value = DETECTORS[name](seen)
    except _ODD:
        return None
    return value if value in DIALECTS[name].values else None


def _shapes(seen: SeenAccount, dialect: Mapping[str, str]) -> dict[ListName, Skeletons]:
    listed = [row for one in statuses.status_lists(seen) for row in one.rows]
    values = SeenTexts([*listed, *(row for name in NAMES for row in seen.raw_rows(name)), *_read(seen)])
    shares = not any(dialect.get(name) in left_out for name, left_out in _LEFT_OUT.items())
    found: dict[ListName, Skeletons] = {}
    for name in NAMES:
        row = skeleton(seen.raw_rows(name), values, shares=shares)
        record = skeleton(seen.raw_records(name), values, shares=shares) if name in BY_ID else None
        if row is not None or record is not None:
            found[name] = Skeletons(row=row, record=record)
    if listed and statuses.status_form(seen) not in ("grouped", "by_id"):
        found["statuses"] = Skeletons(row=skeleton(listed, values, shares=shares))
    return found


def _read(seen: SeenAccount) -> list[object]:
    return [record for name in BY_ID for record in seen.raw_records(name)]


def check_free(path: Path) -> None:
    """Raise ``ConfigError`` if a file can't be written or would be overwritten."""
    if path.exists():
        raise ConfigError(f"--record {path}: the file already exists; name another file, or remove it")
    if not path.parent.is_dir():
        raise ConfigError(f"--record {path}: the directory {path.parent} does not exist")


def write(recording: Recording, path: Path) -> None:
    """Write a recording atomically, readable only by its owner. Raises ``ConfigError``."""
    content = msgspec.json.format(msgspec.json.encode(recording), indent=1) + b"\n"
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            _put(Path(file.name), path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                Path(file.name).unlink()
    except FileExistsError as error:
        raise ConfigError(
            f"--record {path}: the file already exists; name another file, or remove it"
        ) from error
    except OSError as error:
        raise ConfigError(f"--record {path}: cannot be written ({error.strerror})") from error


def _put(made: Path, path: Path) -> None:
    """Rename a file without overwriting. Raises ``OSError``, or ``FileExistsError`` if the name is taken."""
    try:
        os.link(made, path)  # unlike a rename, it does not overwrite
    except FileExistsError:
        raise
    except OSError:
        if path.exists():
            raise FileExistsError(path) from None
        made.rename(path)  # a file system without links


__all__ = ["Made", "Recorder", "Tape", "check_free", "made_of", "write"]
