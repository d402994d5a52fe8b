"""The Dockerfile, read: its stages, their steps, and what a container of a stage starts with."""

import fnmatch
import io
import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from dockerfile_parse import DockerfileParser
from msgspec import Struct, field

ROOT = Path(__file__).parents[2]


class Step(Struct, frozen=True, kw_only=True):
    """One instruction that does something."""

    instruction: str
    value: str


class Stage(Struct, frozen=True, kw_only=True):
    """From ``FROM`` to the next. ``base`` is another stage's name, or an image."""

    name: str
    base: str
    steps: list[Step] = field(default_factory=list)


class Settings(Struct, kw_only=True):
    """What a container of a stage starts with, the stages below it included."""

    environ: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    user: str = "0:0"
    directory: str = "/"
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    healthcheck: list[str] = field(default_factory=list)
    exposed: list[str] = field(default_factory=list)


def stages(path: Path = ROOT / "Dockerfile") -> dict[str, Stage]:
    """The stages by name, in their order."""
    arguments: dict[str, str] = {}
    found: dict[str, Stage] = {}
    current: Stage | None = None
    for one in DockerfileParser(fileobj=io.BytesIO(path.read_bytes())).structure:
        step = Step(instruction=one["instruction"].upper(), value=one["value"])
        if step.instruction == "FROM":
            base, _, name = step.value.partition(" AS ")
            current = Stage(name=name.strip(), base=filled(base.strip(), arguments))
            found[current.name] = current
        elif step.instruction == "ARG":
            name, _, default = step.value.partition("=")
            arguments[name] = default
        elif step.instruction != "COMMENT" and current is not None:
            value = filled(step.value, arguments) if step.instruction == "LABEL" else step.value
            current.steps.append(Step(instruction=step.instruction, value=value))
    return found


def filled(text: str, arguments: dict[str, str]) -> str:
    """``text`` with its ``${…}`` replaced."""
    return re.sub(r"\$\{(\w+)\}", lambda m: arguments[m[1]], text)


def lineage(found: Mapping[str, Stage], name: str) -> list[Stage]:
    """The stages from the lowest to this one."""
    below = lineage(found, found[name].base) if found[name].base in found else []
    return [*below, found[name]]


def settings(found: Mapping[str, Stage], name: str) -> Settings:
    """What a container of this stage starts with."""
    made = Settings()
    for stage in lineage(found, name):
        for step in stage.steps:
            note(made, step)
    return made


def note(made: Settings, step: Step) -> None:
    """Write into ``made`` what the step sets; steps that do something are left to others."""
    match step.instruction:
        case "ENV":
            made.environ |= pairs(step.value)
        case "LABEL":
            made.labels |= pairs(step.value)
        case "USER":
            made.user = step.value
        case "WORKDIR":
            made.directory = step.value
        case "ENTRYPOINT":
            made.entrypoint = json.loads(step.value)
        case "CMD":
            made.command = json.loads(step.value)
        case "HEALTHCHECK":
            made.healthcheck = json.loads(step.value.partition(" CMD ")[2])
        case "EXPOSE":
            made.exposed = step.value.split()


def pairs(value: str) -> dict[str, str]:
    """``KEY=value`` words, quoted or not."""
    return dict(word.split("=", 1) for word in shlex.split(value))


def copied(step: Step) -> tuple[str | None, list[str], str]:
    """(stage copied from, or None for the context; sources; destination) of a COPY."""
    words = shlex.split(step.value)
    options = [word for word in words if word.startswith("--")]
    *sources, destination = [word for word in words if not word.startswith("--")]
    stage = next((o.removeprefix("--from=") for o in options if o.startswith("--from=")), None)
    return stage, sources, destination


def context(path: Path = ROOT) -> list[Path]:
    """The files of the build's context: those that ``.dockerignore`` leaves, relative to ``path``."""
    lines = (path / ".dockerignore").read_text(encoding="utf-8").splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    named = [p[1:] for p in patterns if p.startswith("!")]
    ours = [file for name in named for file in [path / name, *(path / name).rglob("*")] if file.is_file()]
    return sorted(f.relative_to(path) for f in ours if not ignored(f.relative_to(path), patterns))


def ignored(file: Path, patterns: list[str]) -> bool:
    """Whether the last pattern that says something of the file, or of a directory above it, leaves it out."""
    places = [file, *file.parents]
    out = False
    for pattern in patterns:
        wanted = pattern.removeprefix("!")
        deep = wanted.removeprefix("**/")
        if any(fnmatch.fnmatch(str(p) if deep == wanted else p.name, deep) for p in places if p.name):
            out = not pattern.startswith("!")
    return out
