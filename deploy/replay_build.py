"""Takes the steps of a Dockerfile in a chroot, where no container daemon is at hand.

Run through ``deploy/replay-build.sh``, which makes the base system and a mount namespace of our
own: mounts made here are gone with us. The base is Debian of the image's release with its Python in
/usr/local, so the patch level of Python may differ from the image's; all else is the same steps.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deploy import dockerfile

ROOT = Path(__file__).resolve().parent.parent
_TAKEN_ALONG = ("PIP_CERT", "PIP_INDEX_URL", "PIP_DEFAULT_TIMEOUT", "HTTPS_PROXY", "https_proxy")
"""How this machine reaches its package registry; nothing else of its environment gets in."""
_MEASURED = ("/opt/venv", "/app")


@dataclass(slots=True)
class Image:
    """A stage as far as it is built."""

    root: Path
    variables: dict[str, str] = field(default_factory=dict)
    arguments: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    user: str = "0"


def main() -> None:
    """Build a target and run a command in it."""
    options = _options()
    stages = dockerfile.parse((ROOT / "Dockerfile").read_text(encoding="utf-8"))
    if options.target not in {stage.name for stage in stages}:
        sys.exit(f"replay-build: the Dockerfile has no stage {options.target}.")
    context = options.work / "context"
    size = export_context(ROOT, context)
    print(f"== build context: {size / 1e6:.1f} MB")
    images: dict[str, Image] = {}
    for stage in dockerfile.needed(stages, options.target):
        images[stage.name] = build(stage, images, options.base, options.work, context)
    image = images[options.target]
    for folder in _MEASURED:
        print(f"== {folder} of {options.target}: {_size(image.root / folder[1:]) / 1e6:.0f} MB")
    command = options.command or stages_command(stages, options.target)
    print("== as its user:", shlex.join(command), flush=True)
    sys.exit(run(image, command))


def _options() -> argparse.Namespace:
    reader = argparse.ArgumentParser(prog="deploy/replay-build.sh", description=__doc__)
    reader.add_argument("--base", type=Path, required=True, help="folder of the base system")
    reader.add_argument("--work", type=Path, required=True, help="empty folder to build in")
    reader.add_argument("target", help="stage of the Dockerfile")
    reader.add_argument("command", nargs="*", help="run in the image; else its own CMD")
    return reader.parse_args()


def stages_command(stages: Sequence[dockerfile.Stage], target: str) -> list[str]:
    """The CMD of a target."""
    stage = next(stage for stage in stages if stage.name == target)
    return stage.exec_form("CMD") or ["python", "--version"]


def export_context(project: Path, target: Path) -> int:
    """Copy what a build may see of a project; returns its size in bytes."""
    rules = dockerfile.ignore_rules((project / ".dockerignore").read_text(encoding="utf-8"))
    size = 0
    for path in context_files(project, rules):
        copy = target / path.relative_to(project)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy)
        size += copy.stat().st_size
    return size


def context_files(project: Path, rules: Sequence[str]) -> list[Path]:
    """The files .dockerignore lets into a build."""
    found = []
    for folder, names, files in os.walk(project):
        here = Path(folder)
        # No rule of ours lets in something below these; walking them takes seconds.
        names[:] = [name for name in names if name not in (".git", ".venv")]
        found += [
            here / name
            for name in files
            if dockerfile.is_let_in((here / name).relative_to(project).as_posix(), rules)
        ]
    return sorted(found)


def build(
    stage: dockerfile.Stage, images: Mapping[str, Image], base: Path, work: Path, context: Path
) -> Image:
    """Take every step of one stage."""
    before = images.get(stage.base)
    image = Image(work / stage.name)
    print(f"== stage {stage.name} from {stage.base}", flush=True)
    _shell("cp", "-ax", "--reflink=auto", "--", str(before.root if before else base), image.root)
    if before:
        image.variables, image.arguments = dict(before.variables), dict(before.arguments)
        image.folder, image.user = before.folder, before.user
    image.variables.setdefault(
        "PATH", "/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin"
    )
    for step in stage.steps:
        print(f"   {step.word} {step.rest[:90]}", flush=True)
        take(step, image, images, context)
    return image


def take(step: dockerfile.Step, image: Image, images: Mapping[str, Image], context: Path) -> None:
    """Take one step; what only a running container heeds (EXPOSE, VOLUME, ...) does nothing."""
    match step.word:
        case "ENV":
            for pair in shlex.split(step.rest):
                name, _, value = pair.partition("=")
                image.variables[name] = dockerfile.expand(value, image.variables)
        case "ARG":
            name, _, value = step.rest.partition("=")
            image.arguments[name] = value
        case "WORKDIR":
            image.folder = step.rest
            (image.root / step.rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
        case "USER":
            image.user = step.rest
        case "COPY":
            _copy(dockerfile.copy_of(step), image, images, context)
        case "RUN":
            if status := run(image, ["/bin/sh", "-c", step.rest]):
                sys.exit(f"replay-build: line {step.line} of the Dockerfile failed ({status}).")


def _copy(copy: dockerfile.Copy, image: Image, images: Mapping[str, Image], context: Path) -> None:
    """COPY: of a folder its contents, as a build does; owned by root."""
    source_root = images[copy.stage].root if copy.stage else context
    inside = Path(image.folder, copy.target)
    target = image.root / inside.relative_to("/")
    for name in copy.sources:
        source = source_root / name.lstrip("/")
        if not source.exists():
            sys.exit(f"replay-build: COPY finds no {name}; look at .dockerignore.")
        if source.is_dir():
            target.mkdir(parents=True, exist_ok=True)
            _shell("cp", "-a", "--", f"{source}/.", target)
        else:
            place = target / source.name if copy.target.endswith("/") else target
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, place)
        _shell("chown", "-R", "-h", "0:0", target if source.is_dir() else place)


def run(image: Image, command: Sequence[str]) -> int:
    """Run a command in the image as its user; returns its exit status."""
    for folder in ("dev", "proc"):
        place = image.root / folder
        place.mkdir(exist_ok=True)
        if not place.is_mount():
            _shell(
                "mount",
                *(("-t", "proc", "proc") if folder == "proc" else ("--rbind", "/dev")),
                place,
            )
    taken = {name: os.environ[name] for name in _TAKEN_ALONG if name in os.environ}
    user = f"{image.user}:{image.user}"
    jump = 'cd "$0" && exec "$@"'
    done = subprocess.run(
        [
            *("chroot", f"--userspec={user}", "--groups=", str(image.root)),
            *("/bin/sh", "-c", jump, image.folder),
            *command,
        ],
        env=taken | image.arguments | image.variables,
        check=False,
    )
    return done.returncode


def _shell(*command: object) -> None:
    subprocess.run([str(word) for word in command], check=True)


def _size(folder: Path) -> int:
    done = subprocess.run(
        ["du", "-sxb", "--", str(folder)], check=True, capture_output=True, text=True
    )
    return int(done.stdout.split()[0])


if __name__ == "__main__":
    main()
