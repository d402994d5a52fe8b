"""Clean roots in which the Dockerfile's steps are run as an engine would run them: debootstrap and chroot.

The stand-in for the base image is a minimal Debian with its own Python 3.11, and pip where a stage uses it.
Needs root and debootstrap. What a step says is taken from the Dockerfile, never repeated here.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.image import recipe
from tests.image.recipe import ROOT, Settings, Stage, Step

SUITE, PACKAGES = "bookworm", "python3,python-is-python3,ca-certificates"
# How this machine reaches its package index is not the image's affair, but it must be reached.
PASSED_ON = ("PIP_CERT", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_DEFAULT_TIMEOUT", "SSL_CERT_FILE")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def base(directory: Path, *, with_pip: bool) -> Path:
    """A minimal Debian; made once, and kept for another run."""
    plain = directory / "base"
    if not (plain / "usr/bin/python").exists():
        shutil.rmtree(plain, ignore_errors=True)
        call("debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, str(plain))
        for ours in ("etc/resolv.conf", "etc/ssl/certs/ca-certificates.crt"):
            shutil.copyfile(f"/{ours}", plain / ours)
    if not with_pip:
        return plain
    more = directory / "base-pip"
    if not (more / "usr/bin/pip3").exists():
        shutil.rmtree(more, ignore_errors=True)
        call("cp", "--archive", str(plain), str(more))
        shutil.copyfile("/etc/resolv.conf", more / "etc/resolv.conf")
        inside(more, ["apt-get", "install", "--yes", "-qq", "--no-install-recommends", "python3-pip"], {})
    return more


def build(stages: Mapping[str, Stage], name: str, directory: Path) -> Path:
    """The root of the stage, after all its steps and those of the stages it is made from."""
    root = directory / name
    if root.exists():
        return root
    stage = stages[name]
    print(f"--- {name}, from {stage.base}", flush=True)
    uses_pip = any("python -m pip" in step.value for step in stage.steps)
    below = (
        build(stages, stage.base, directory) if stage.base in stages else base(directory, with_pip=uses_pip)
    )
    making = root.with_name(f"{name}.making")
    shutil.rmtree(making, ignore_errors=True)
    call("cp", "--archive", str(below), str(making))
    settings = recipe.settings(stages, stage.base) if stage.base in stages else Settings()
    for step in stage.steps:
        recipe.note(settings, step)
        _do(step, settings, making, stages, directory)
    making.rename(root)
    return root


def _do(step: Step, settings: Settings, root: Path, stages: Mapping[str, Stage], directory: Path) -> None:
    print(f"    {step.instruction} {step.value[:150]}", flush=True)
    if step.instruction == "WORKDIR":
        within(root, settings.directory).mkdir(parents=True, exist_ok=True)
    elif step.instruction == "RUN":
        assert settings.user in ("0", "0:0", "root"), "steps after USER are not run by this proof"
        passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        environ = passed | settings.environ
        inside(root, ["sh", "-ec", f"cd '{settings.directory}'; {step.value}"], environ)
    elif step.instruction == "COPY":
        _copy(step, settings, root, stages, directory)


def _copy(step: Step, settings: Settings, root: Path, stages: Mapping[str, Stage], directory: Path) -> None:
    stage, sources, destination = recipe.copied(step)
    target = within(root, str(Path(settings.directory) / destination))
    if stage is not None:
        (source,) = sources
        call("cp", "--archive", str(within(build(stages, stage, directory), source)), str(target))
        return
    into = (destination.endswith("/") and len(sources) > 1) or destination in (".", "./")
    for source in sources:
        for file in recipe.context():
            if str(file) == source:
                to = target / file.name if into else target
            elif file.is_relative_to(source.rstrip("/")):
                to = target / file.relative_to(source.rstrip("/"))
            else:
                continue
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / file, to)


def within(root: Path, path: str) -> Path:
    """A path of the container as this machine sees it."""
    return root / path.lstrip("/")


def inside(root: Path, command: list[str], environ: Mapping[str, str]) -> None:
    """Run it as root in the root, with these variables alone."""
    call("chroot", str(root), "env", "-i", *spelled({"PATH": PATH, **environ}), *command)


def spelled(environ: Mapping[str, str]) -> list[str]:
    """Variables as ``env`` takes them."""
    return [f"{name}={value}" for name, value in environ.items()]


def call(*command: str) -> None:
    """Run a program; what it printed is shown where it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)[:300]}\nfailed with {done.returncode}:\n{done.stdout[-3000:]}")


def read_only(root: Path) -> Path:
    """The root, mounted read-only but for an empty /tmp, with /proc and /dev: what an orchestrator gives.

    For a process in a mount namespace of its own: the mounts end with it.
    """
    place = root.with_name(f"{root.name}.mounted")
    place.mkdir(exist_ok=True)
    for options, source, at in (
        (["--bind"], str(root), place),
        (["--types", "tmpfs", "-o", "mode=1777,nosuid,nodev"], "tmpfs", place / "tmp"),
        (["--types", "proc"], "proc", place / "proc"),
        (["--types", "tmpfs", "-o", "mode=755"], "tmpfs", place / "dev"),
    ):
        call("mount", *options, source, str(at))
    for name, minor in (("null", "3"), ("zero", "5"), ("random", "8"), ("urandom", "9")):
        call("mknod", "-m", "666", str(place / "dev" / name), "c", "1", minor)
    call("mount", "-o", "remount,bind,ro", str(place))
    return place
