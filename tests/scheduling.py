"""How the workers of pytest-xdist share the tests out: what belongs together, and what begins first.

This is what ``--dist loadgroup`` is for; pytest-xdist 3.8 with pytest 9.2 forgets the groups, as a test's id
is no longer what it writes.
"""

from functools import cache
from pathlib import Path

from xdist.scheduler import LoadScopeScheduling

_TESTS = Path(__file__).parent
# Half a minute of installing, for all tests of the folder.
_SHARED_SETUP = "package"
_QUICK = ("unit", "house", "contracts")


class Scheduling(LoadScopeScheduling):
    """Gives a worker one test after another, but for files that stay together."""

    def _split_scope(self, nodeid: str) -> str:
        """Return what is given to one worker: a test, a file or a folder. Called by pytest-xdist."""
        name = nodeid.partition("::")[0]
        file = _TESTS.parent / name
        if _shares_a_folder(file):
            return _SHARED_SETUP
        return name if stays_together(file) else nodeid


@cache
def stays_together(file: Path) -> bool:
    """Whether one process runs all tests of the file: they share a fixture, or are quicker than a message."""
    return is_quick(file) or 'scope="module"' in file.read_text(encoding="utf-8")


def begins_early(file: Path) -> bool:
    """Whether it is late otherwise: many tests in one process, or a long preparation."""
    return stays_together(file) or _shares_a_folder(file)


def is_quick(file: Path) -> bool:
    """Whether the tests of the file take milliseconds."""
    return _folder(file) in _QUICK


def _shares_a_folder(file: Path) -> bool:
    return _folder(file) == _SHARED_SETUP


def _folder(file: Path) -> str:
    return file.relative_to(_TESTS).parts[0]
