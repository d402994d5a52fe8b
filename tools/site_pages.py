"""Add the pages at the root and the documents of contracts, outside of ``docs/``, to the documentation site.

mkdocs loads this file (``hooks`` in ``mkdocs.yml``). Links are written for the checkout, so that they also
work when someone browses the repository. Here they become links of the site, whose pages are all in one
folder.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
PAGES = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "architecture.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
}
DOCUMENTS = ("contracts/trackerrms_contracts/asyncapi.json", "contracts/trackerrms_contracts/openapi.json")
_BLOCK = re.compile(r"(^ *```.*?^ *```$)", re.DOTALL | re.MULTILINE)
_SHORT_CODE = re.compile(r"<code>(?=[^</\n]{1,40}</code>)")
_CODE = re.compile(r"`[^`\n]+`")
_LINK = re.compile(r"\]\((?!\w+:|#)([^)\s#]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages and documents that are outside of ``docs/``."""
    for name, uri in {**PAGES, **dict(zip(DOCUMENTS, DOCUMENTS, strict=True))}.items():
        files.append(File.generated(config, uri, abs_src_path=str(ROOT / name)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Return the page with the links of the site."""
    del config, files
    folder = "" if page.file.src_uri in PAGES.values() else "docs"
    parts = _BLOCK.split(markdown)
    parts[::2] = [as_in_the_site(folder, part) for part in parts[::2]]
    return "".join(parts)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Mark the page's short pieces of code, so that the browser does not break them at a hyphen."""
    del page, config, files
    return _SHORT_CODE.sub('<code class="short">', html)


def as_in_the_site(folder: str, text: str) -> str:
    """Return text outside of code blocks, with links and code in the form that mkdocs reads."""
    text = _LINK.sub(lambda link: f"]({of_the_site(folder, link[1])}", text)
    # A bar in the code of a table is escaped for a browser of the repository; mkdocs shows the backslash.
    return _CODE.sub(lambda code: code[0].replace("\\|", "|"), text)


def of_the_site(folder: str, target: str) -> str:
    """Return the address in the site for a link of a page in a folder of the checkout."""
    path = posixpath.normpath(posixpath.join(folder, target))
    return PAGES.get(path) or path.removeprefix("docs/")
