"""What would be published holds what belongs into it, and nothing else."""

import email
import hashlib
import re
import tarfile
import tomllib
import zipfile
from email.message import Message
from pathlib import Path

from tests.package.conftest import ROOT, Built, build

# The text of the Apache License 2.0 as apache.org has it.
APACHE_2 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
# Tracked, but of the repository alone.
NOT_PUBLISHED = (".ci/", ".git")


def names_of(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return sorted(archive.namelist())


def modules_of(wheel: Path) -> list[str]:
    return [name for name in names_of(wheel) if ".dist-info/" not in name]


def archived(sdist: Path) -> list[str]:
    """Return the files of an archive without those that hatchling adds by itself."""
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    return sorted(names - {"PKG-INFO", ".gitignore"})


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
        return email.message_from_bytes(archive.read(name))


def below(folder: str, source_files: list[str]) -> list[str]:
    """Return the tracked files below a folder, relative to it."""
    return [name.removeprefix(folder) for name in source_files if name.startswith(folder)]


def test_each_wheel_holds_its_package_and_nothing_else(
    built: Built, built_contracts: Built, source_files: list[str]
) -> None:
    assert modules_of(built.wheel) == [f"bridge/{name}" for name in below("bridge/", source_files)]
    package = [name for name in below("contracts/", source_files) if "/" in name]
    assert modules_of(built_contracts.wheel) == package
    assert {name.partition("/")[0] for name in package} == {"trackerrms_contracts"}


def test_the_wheels_hold_what_is_no_module_too(built: Built, built_contracts: Built) -> None:
    names = set(names_of(built.wheel)) | set(names_of(built_contracts.wheel))
    assert {
        "bridge/py.typed",
        "bridge/store/migrations/0001_initial.sql",
        "trackerrms_contracts/py.typed",
        "trackerrms_contracts/openapi.json",
        "trackerrms_contracts/asyncapi.json",
        "trackerrms_contracts/schema/candidate.event.v1.json",
    } <= names
    for wheel in (built.wheel, built_contracts.wheel):
        assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names_of(wheel))


def test_each_sdist_holds_what_is_tracked_and_nothing_else(
    built: Built, built_contracts: Built, source_files: list[str]
) -> None:
    expected = [name for name in source_files if not name.startswith(NOT_PUBLISHED)]
    assert {"tools/generate.py", "contracts/pyproject.toml"} <= set(expected)
    assert archived(built.sdist) == expected
    assert archived(built_contracts.sdist) == below("contracts/", source_files)


def test_the_wheel_of_each_sdist_is_the_same(built: Built, built_contracts: Built, tmp_path: Path) -> None:
    for one in (built, built_contracts):
        with tarfile.open(one.sdist) as archive:
            archive.extractall(tmp_path, filter="data")
        output = tmp_path / f"of {one.sdist.name}"
        build(tmp_path / one.sdist.name.removesuffix(".tar.gz"), output, "wheel")
        (again,) = output.glob("*.whl")
        assert contents(one.wheel) == contents(again)


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_metadata_says_what_each_is(built: Built, built_contracts: Built) -> None:
    bridge, contracts = metadata(built.wheel), metadata(built_contracts.wheel)
    for found, name, title in (
        (bridge, "trackerrms-bridge", "# TrackerRMS Bridge"),
        (contracts, "trackerrms-contracts", "# trackerrms-contracts"),
    ):
        assert (found["Name"], found["License-Expression"]) == (name, "Apache-2.0")
        assert (found["Requires-Python"], found["Description-Content-Type"]) == (">=3.11", "text/markdown")
        assert str(found.get_payload()).startswith(title)
    assert set(bridge.get_all("Provides-Extra", [])) == {"dev", "embedded", "simulator"}


def test_the_bridge_needs_the_contracts_of_its_version_and_they_need_msgspec(
    built: Built, built_contracts: Built
) -> None:
    bridge, contracts = metadata(built.wheel), metadata(built_contracts.wheel)
    assert f"trackerrms-contracts=={bridge['Version']}" in bridge.get_all("Requires-Dist", [])
    assert contracts["Version"] == bridge["Version"]
    (needed,) = contracts.get_all("Requires-Dist", [])
    assert needed in bridge.get_all("Requires-Dist", [])
    assert re.match("msgspec[>=]", needed)


def test_the_license_of_both_is_apache_2() -> None:
    for path in (ROOT / "LICENSE", ROOT / "contracts" / "LICENSE"):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == APACHE_2


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
