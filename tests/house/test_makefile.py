"""The words of the Makefile say what they do, and ``make generate`` writes what is committed."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.committed import ROOT, assert_fresh
from tools import assumption_table, dialect_table, reference

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
GENERATED = (
    "contracts/trackerrms_contracts/schema/*.json",
    "contracts/trackerrms_contracts/asyncapi.json",
    "contracts/trackerrms_contracts/openapi.json",
    "docs/messages.md",
    "helm/trackerrms-bridge/values.schema.json",
    "helm/trackerrms-bridge/files/secret-keys.json",
)
TABLES = (
    ("docs/configuration.md", reference.BEGIN, reference.END),
    ("docs/metrics.md", reference.METRICS_BEGIN, reference.METRICS_END),
    ("docs/simulator.md", dialect_table.BEGIN, dialect_table.END),
    *(("docs/assumptions.md", *assumption_table.marks(region)) for region in assumption_table.REGIONS),
)


def test_make_help_lists_every_word_with_what_it_does() -> None:
    words = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    phony = {word for line in re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE) for word in line.split()}
    command = ["make", "--no-print-directory", "help"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    listed = set(re.findall(r"^make ([a-z-]+) +\S.*$", ended.stdout, re.MULTILINE))
    assert listed == phony == words


def test_make_generate_writes_every_generated_file_as_it_is_committed(tmp_path: Path) -> None:
    copy(tmp_path)
    committed = files(tmp_path)
    remove_generated(tmp_path)
    ((_, rule),) = re.findall(r"^(generate):.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    (module,) = re.findall(r"^\t\$\(BIN\)/python -m (\S+)$", rule, re.MULTILINE)
    environ = {**os.environ, "PYTHONPATH": str(tmp_path / "contracts")}
    subprocess.run([sys.executable, "-B", "-m", module], cwd=tmp_path, env=environ, check=True)
    written = files(tmp_path)
    names = sorted(committed.keys() | written.keys())
    changed = [name for name in names if committed.get(name) != written.get(name)]
    assert_fresh({ROOT / name: written[name].decode() if name in written else None for name in changed})


def copy(directory: Path) -> None:
    """Copy what the generators read and write into ``directory``."""
    for folder in ("bridge", "contracts", "docs", "helm", "tools"):
        shutil.copytree(ROOT / folder, directory / folder, ignore=shutil.ignore_patterns("__pycache__"))


def files(directory: Path) -> dict[str, bytes]:
    """Return the content of every file below ``directory``."""
    paths = [path for path in directory.rglob("*") if path.is_file()]
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in paths}


def remove_generated(directory: Path) -> None:
    """Remove what the generators write, so that whatever is there afterwards was written by them."""
    for path in [path for pattern in GENERATED for path in directory.glob(pattern)]:
        path.unlink()
    for name, begin, end in TABLES:
        text = (directory / name).read_text(encoding="utf-8")
        text = re.sub(f"{begin}.*?{end}", f"{begin}\n{end}", text, flags=re.DOTALL)
        (directory / name).write_text(text, encoding="utf-8")
    (directory / "contracts" / "trackerrms_contracts" / "schema" / "gone.event.v1.json").write_text(
        "{}", encoding="utf-8"
    )
