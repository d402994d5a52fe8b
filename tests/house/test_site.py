"""The documentation site builds without a warning and needs no other host. README is short."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import pages
from tests.pages import ROOT

MOST_LINES_OF_README = 250


def build(directory: Path, *arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Build the site of a checkout into a directory, as ``make docs`` does."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(directory), *arguments]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of the built site. A broken link or anchor fails the build."""
    directory = tmp_path_factory.mktemp("site")
    ended = build(directory)
    assert (ended.returncode, "WARNING" in ended.stderr) == (0, False), ended.stderr
    return directory


def test_the_site_has_every_page(site: Path) -> None:
    for name in pages.NAMES:
        title = pages.text_of(name).splitlines()[0].removeprefix("# ")
        folder = "" if name == "README.md" else Path(name).stem.lower()
        text = (site / folder / "index.html").read_text(encoding="utf-8")
        assert re.search(rf"<h1[^>]*>{re.escape(title)}<", text), name
    assert (site / "search" / "search_index.json").is_file()


def test_a_page_loads_nothing_from_another_host(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|img|iframe)[^>]*\ssrc=\"?(https?:)?//", text)
        loaded += re.findall(r"<link[^>]*rel=\"?(?:stylesheet|preconnect)[^>]*href=\"?(https?:)?//", text)
        assert loaded == [], page.relative_to(site)


@pytest.mark.parametrize("link", ["events.md#no-such-heading", "nowhere.md"])
def test_a_broken_link_fails_the_build(tmp_path: Path, link: str) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text(f"# Home\n\n[there]({link})\n", encoding="utf-8")
    (tmp_path / "docs" / "events.md").write_text("# Events\n", encoding="utf-8")
    settings = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    (validation,) = re.findall(r"^validation:\n(?: .*\n)+", settings, re.MULTILINE)
    (tmp_path / "mkdocs.yml").write_text(f"site_name: x\n{validation}", encoding="utf-8")
    ended = build(tmp_path / "site", cwd=tmp_path)
    assert ended.returncode == 1
    assert link in ended.stderr


def test_the_readme_is_short() -> None:
    count = len(pages.text_of("README.md").splitlines())
    assert count < MOST_LINES_OF_README, f"README.md has {count} lines: move what is not a beginning to docs/"
