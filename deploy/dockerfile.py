"""Reads Dockerfile and .dockerignore, as far as ours use their languages.

For the tests, and for :mod:`deploy.replay_build`. Not read: heredocs, ``--mount``, parser
directives and escapes other than a backslash at the end of a line; a Dockerfile that uses them is
refused, so that nothing is skipped in silence.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

_WORDS = frozenset(
    "FROM RUN CMD LABEL EXPOSE ENV ADD COPY ENTRYPOINT VOLUME USER WORKDIR ARG STOPSIGNAL "
    "HEALTHCHECK SHELL ONBUILD".split()
)
_FROM = re.compile(r"(\S+) AS ([a-z][a-z0-9-]*)")


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction."""

    word: str
    """In capitals."""
    rest: str
    """What follows it, continuation lines joined."""
    line: int
    """Where it begins, counted from 1."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What begins with a FROM."""

    name: str
    base: str
    """An image, or the name of an earlier stage."""
    steps: tuple[Step, ...]

    def last(self, word: str) -> str | None:
        """What the last instruction of this kind says; None when there is none."""
        found = [step.rest for step in self.steps if step.word == word]
        return found[-1] if found else None

    def exec_form(self, word: str) -> list[str]:
        """CMD, ENTRYPOINT or the command of HEALTHCHECK as its list; empty in shell form."""
        text = self.last(word) or ""
        if word == "HEALTHCHECK":
            text = text.partition("CMD ")[2]
        return _as_list(text)


@dataclass(frozen=True, slots=True)
class Copy:
    """A COPY."""

    sources: tuple[str, ...]
    target: str
    stage: str
    """Where from; empty = the build context."""


def parse(text: str) -> tuple[Stage, ...]:
    """The stages of a Dockerfile, in order.

    Raises:
        ValueError: it uses something that is not read here, or is wrong; names the line.
    """
    stages: list[Stage] = []
    for step in _steps(text):
        if step.word == "FROM":
            found = _FROM.fullmatch(step.rest)
            if found is None:
                raise ValueError(f"line {step.line}: FROM needs an image and a name")
            stages.append(Stage(found[2], found[1], ()))
        elif not stages:
            raise ValueError(f"line {step.line}: {step.word} before the first FROM")
        else:
            last = stages[-1]
            stages[-1] = Stage(last.name, last.base, (*last.steps, step))
    return tuple(stages)


def _steps(text: str) -> Iterator[Step]:
    parts: list[str] = []
    began = 0
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("#") or not (line.strip() or parts):
            continue
        began = began if parts else number
        parts.append(line.removesuffix("\\").strip())
        if line.endswith("\\"):
            continue
        word, _, rest = " ".join(parts).partition(" ")
        parts = []
        if word not in _WORDS or "<<" in rest or rest.startswith("--mount"):
            raise ValueError(f"line {began}: {word} in this form is not read here")
        yield Step(word, rest.strip(), began)
    if parts:
        raise ValueError(f"line {began}: the file ends within an instruction")


def _as_list(text: str) -> list[str]:
    try:
        found = json.loads(text)
    except json.JSONDecodeError:
        return []
    return found if isinstance(found, list) and all(isinstance(one, str) for one in found) else []


def copy_of(step: Step) -> Copy:
    """A COPY taken apart."""
    words = shlex.split(step.rest)
    stage = words.pop(0).removeprefix("--from=") if words[0].startswith("--from=") else ""
    if words[0].startswith("--"):
        raise ValueError(f"line {step.line}: {words[0]} is not read here")
    return Copy(tuple(words[:-1]), words[-1], stage)


def needed(stages: Sequence[Stage], target: str) -> tuple[Stage, ...]:
    """The stages a target is made of, itself last, each after what it builds on.

    Raises:
        KeyError: there is no such stage.
    """
    by_name = {stage.name: stage for stage in stages}
    wanted = {target}
    for stage in reversed(stages):
        if stage.name in wanted:
            froms = {copy_of(step).stage for step in stage.steps if step.word == "COPY"}
            wanted |= {name for name in {stage.base, *froms} if name in by_name}
    if target not in by_name:
        raise KeyError(target)
    return tuple(stage for stage in stages if stage.name in wanted)


def inherited(stages: Sequence[Stage], target: str) -> tuple[Step, ...]:
    """Every step that is in a target's image: of the stages it is FROM, then its own."""
    by_name = {stage.name: stage for stage in stages}
    stage = by_name[target]
    before = inherited(stages, stage.base) if stage.base in by_name else ()
    return (*before, *stage.steps)


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Put in ``$NAME`` and ``${NAME}``; an unknown one becomes nothing, as a build does."""
    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda hit: variables.get(hit[1] or hit[2], ""), text)


def ignore_rules(text: str) -> tuple[str, ...]:
    """The patterns of a .dockerignore."""
    lines = (line.strip() for line in text.splitlines())
    return tuple(line for line in lines if line and not line.startswith("#"))


def is_let_in(path: str, rules: Sequence[str]) -> bool:
    """Whether a file of the project enters the build.

    Args:
        path: relative to the project, with slashes.
        rules: from :func:`ignore_rules`; the last one that matches the path or a folder it lies
            in decides.
    """
    let_in = True
    parts = path.split("/")
    for rule in rules:
        pattern = rule.removeprefix("!").strip("/").split("/")
        if any(_matches(parts[:end], pattern) for end in range(1, len(parts) + 1)):
            let_in = rule.startswith("!")
    return let_in


def _matches(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_matches(parts[skip:], pattern[1:]) for skip in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])
