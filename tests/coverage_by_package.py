"""Print the coverage of each package: ``python -m tests.coverage_by_package``, after ``coverage combine``."""

import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path, PurePosixPath


def main() -> None:
    """Print lines and branches by package, from the data that coverage.py has collected."""
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory) / "coverage.json"
        command = [sys.executable, "-m", "coverage", "json", "--quiet", "--fail-under=0", "-o", str(report)]
        subprocess.run(command, check=True)
        files = json.loads(report.read_text())["files"]
    packages: dict[str, Counter[str]] = {}
    for name, found in files.items():
        for package in (_package(name), "all"):
            packages.setdefault(package, Counter()).update(found["summary"])
    print(f"{'package':24} {'lines':>7} {'missed':>7} {'':>6} {'branches':>9} {'missed':>7} {'':>6}")
    for package in sorted(packages, key=lambda name: (name == "all", name)):
        said = packages[package]
        lines = _percent(said["covered_lines"], said["num_statements"])
        branches = _percent(said["covered_branches"], said["num_branches"])
        print(
            f"{package:24} {said['num_statements']:7} {said['missing_lines']:7} {lines:6}"
            f" {said['num_branches']:9} {said['missing_branches']:7} {branches:6}"
        )


def _package(name: str) -> str:
    return "/".join(PurePosixPath(name).parts[:-1][:2])


def _percent(covered: int, of: int) -> str:
    return f"{100 * covered / of:.1f}%" if of else "-"


if __name__ == "__main__":
    main()
