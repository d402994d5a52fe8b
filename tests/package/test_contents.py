"""What would be published holds what belongs into it, and nothing else."""

import email
import hashlib
import re
import tarfile
import tomllib
import zipfile
from pathlib import Path

from tests.package.conftest import ROOT, Built, build

# The text of the Apache License 2.0 as apache.org has it.
APACHE_2 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
# Tracked, but of the repository alone.
NOT_PUBLISHED = (".ci/", ".git")


def names_of(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return sorted(archive.namelist())


def test_the_wheel_holds_the_two_packages_and_nothing_else(built: Built, source_files: list[str]) -> None:
    packages = [name for name in source_files if name.startswith(("bridge/", "contracts/"))]
    assert [name for name in names_of(built.wheel) if ".dist-info/" not in name] == packages


def test_the_wheel_holds_what_is_no_module_too(built: Built, source_files: list[str]) -> None:
    names = set(names_of(built.wheel))
    assert {
        "bridge/py.typed",
        "contracts/trackerrms_contracts/py.typed",
        "contracts/trackerrms_contracts/openapi.json",
        "contracts/trackerrms_contracts/asyncapi.json",
    } <= names
    assert "contracts/trackerrms_contracts/schema/candidate.event.v1.json" in names
    assert "bridge/store/migrations/0001_initial.sql" in names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_the_sdist_holds_what_is_tracked_and_nothing_else(built: Built, source_files: list[str]) -> None:
    with tarfile.open(built.sdist) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]
    expected = [name for name in source_files if not name.startswith(NOT_PUBLISHED)]
    added = {"PKG-INFO", ".gitignore"}  # hatchling's own doing
    assert sorted(set(names) - added) == expected


def test_the_wheel_of_the_sdist_is_the_same(built: Built, tmp_path: Path) -> None:
    with tarfile.open(built.sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    build(tmp_path / built.sdist.name.removesuffix(".tar.gz"), tmp_path / "built", "wheel")
    (again,) = (tmp_path / "built").glob("*.whl")
    with zipfile.ZipFile(built.wheel) as first, zipfile.ZipFile(again) as second:
        assert {n: first.read(n) for n in first.namelist()} == {n: second.read(n) for n in second.namelist()}


def test_the_metadata_says_what_it_is(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
        told = email.message_from_bytes(archive.read(name))
    assert (told["Name"], told["License-Expression"]) == ("trackerrms-bridge", "Apache-2.0")
    assert (told["Requires-Python"], told["Description-Content-Type"]) == (">=3.11", "text/markdown")
    assert str(told.get_payload()).startswith("# TrackerRMS Bridge")
    assert set(told.get_all("Provides-Extra", [])) == {"dev", "embedded", "simulator"}


def test_the_license_is_apache_2() -> None:
    assert hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest() == APACHE_2


def test_the_changelog_begins_with_what_is_to_come_or_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    first = re.findall(r"^## \[?([\w.]+)", text, re.MULTILINE)[0]
    assert first in ("Unreleased", version)
    assert set(re.findall(r"^### (.+)", text, re.MULTILINE)) <= {
        "Added",
        "Changed",
        "Deprecated",
        "Removed",
        "Fixed",
        "Security",
    }
