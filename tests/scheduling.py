"""How the workers of pytest-xdist share the tests out: what belongs together, and what begins first.

This is what ``--dist loadgroup`` is for; pytest-xdist 3.8 with pytest 9.2 forgets the groups, as a test's id
is no longer what it writes.
"""

from functools import cache
from pathlib import Path

from xdist.scheduler import LoadScopeScheduling

_TESTS = Path(__file__).parent
_QUICK = ("unit", "house", "contracts")


class Scheduling(LoadScopeScheduling):
    """Gives a worker one test after another, but for files that stay together."""

    def _split_scope(self, nodeid: str) -> str:
        """Return what is given to one worker: the file or the test. Called by pytest-xdist."""
        file = nodeid.partition("::")[0]
        return file if stays_together(_TESTS.parent / file) else nodeid


@cache
def stays_together(file: Path) -> bool:
    """Whether one process runs all tests of the file: they share a fixture, or are quicker than a message."""
    return is_quick(file) or 'scope="module"' in file.read_text(encoding="utf-8")


def is_quick(file: Path) -> bool:
    """Whether the tests of the file take milliseconds."""
    return file.relative_to(_TESTS).parts[0] in _QUICK
