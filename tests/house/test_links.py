"""Every link of a page leads to a file and a heading, as a browser of the repository finds them."""

import re

from tests import pages
from tests.pages import ROOT


def broken_links(page: str) -> list[str]:
    """Return the links of a page that lead nowhere."""
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", pages.without_blocks(page)):
        if target.startswith("http"):
            continue
        file, _, anchor = target.partition("#")
        other = (ROOT / page).parent / file if file else ROOT / page
        if not other.exists() or (
            anchor and anchor not in anchors(other.resolve().relative_to(ROOT).as_posix())
        ):
            broken.append(target)
    return broken


def anchors(page: str) -> set[str]:
    """Return the headings of a page as links spell them."""
    headings = re.findall(r"^#+ (.+)$", pages.without_blocks(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_link_leads_somewhere() -> None:
    found = [f"{page}: {target}" for page in pages.NAMES for target in broken_links(page)]
    assert not found, "\n".join(found)
