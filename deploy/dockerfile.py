"""The part of the Dockerfile language that our Dockerfile is written in, read strictly.

What is not understood is refused, so that the image described here and the image that a
builder makes of the same file can differ in what RUN does, and in nothing else.

Source: docs.docker.com/reference/dockerfile.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from attestation.errors import Misconfigured

_VARIABLE = re.compile(r"\$(?:\{(?P<braced>\w+)\}|(?P<plain>\w+))")
_MODULES_OF = re.compile(r"(?<=\w)\*\.py$")
_MODE = re.compile(r"--chmod=(?P<mode>0?[0-7]{3})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """One COPY: files of the build context, and where they go (absolute; ending in `/` for a folder).

    A source may end with `NAME*.py`: each module whose name begins so.
    """

    sources: tuple[str, ...]
    destination: str
    mode: int

    def targets(self) -> dict[str, str]:
        """Each source's path in the image, relative to its root.

        >>> Copy(sources=("a/b.py",), destination="/app/", mode=0o644).targets()
        {'a/b.py': 'app/b.py'}
        """
        if not self.destination.endswith("/"):
            return {self.sources[0]: self.destination[1:]}
        folder = PurePosixPath(self.destination[1:])
        return {source: str(folder / PurePosixPath(source).name) for source in self.sources}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dockerfile:
    """What one build stage says, in the order it says it."""

    base: str
    copies: tuple[Copy, ...]
    runs: tuple[str, ...]
    environment: Mapping[str, str]
    labels: Mapping[str, str]
    working_dir: str
    user: str
    entrypoint: tuple[str, ...]


def parse_dockerfile(text: str, *, arguments: Mapping[str, str] | None = None) -> Dockerfile:
    """What the Dockerfile says, with `arguments` as its build arguments; one without a value is empty.

    Raises:
        Misconfigured: an instruction, a flag or a form that is not of the subset, with its line.
    """
    stage = _Stage(arguments or {})
    for number, instruction, rest in _instructions(text):
        try:
            stage.take(instruction, rest)
        except ValueError as error:
            raise Misconfigured(
                f"line {number} of the dockerfile: {error}",
                hint="deploy/dockerfile.py names the subset that is understood",
            ) from None
    if stage.base is None:
        raise Misconfigured("the dockerfile has no FROM", hint="name the base image, pinned by digest")
    return Dockerfile(
        base=stage.base,
        copies=tuple(stage.copies),
        runs=tuple(stage.runs),
        environment=stage.environment,
        labels=stage.labels,
        working_dir=stage.working_dir,
        user=stage.user,
        entrypoint=stage.entrypoint,
    )


def _instructions(text: str) -> list[tuple[int, str, str]]:
    """Line number, upper-case instruction and the rest of each, comments dropped and continuations joined."""
    found: list[tuple[int, str, str]] = []
    parts: list[str] = []
    first = 0
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        if not parts:
            first = number
        parts.append(stripped.removesuffix("\\").strip())
        if not stripped.endswith("\\"):
            name, _, rest = " ".join(parts).partition(" ")
            found.append((first, name.upper(), rest.strip()))
            parts = []
    if parts:
        raise Misconfigured(
            f"line {first} of the dockerfile: the instruction does not end",
            hint="remove the last backslash",
        )
    return found


class _Stage:
    """One build stage as its instructions fill it in; every ValueError becomes a message with its line."""

    def __init__(self, arguments: Mapping[str, str]) -> None:
        self.base: str | None = None
        self.copies: list[Copy] = []
        self.runs: list[str] = []
        self.environment: dict[str, str] = {}
        self.labels: dict[str, str] = {}
        self.working_dir = "/"
        self.user = ""
        self.entrypoint: tuple[str, ...] = ()
        self._given = arguments
        self._arguments: dict[str, str] = {}

    def take(self, instruction: str, rest: str) -> None:
        if self.base is None and instruction not in ("ARG", "FROM"):
            raise ValueError(f"`{instruction}` before FROM")
        match instruction:
            case "ARG":
                name, _, default = rest.partition("=")
                self._arguments[name] = self._given.get(name, self._expand(default))
            case "FROM":
                if self.base is not None:
                    raise ValueError("a second FROM; only one stage is understood")
                self.base = self._expand(rest)
                # An argument before FROM is forgotten by the stage that begins there.
                self._arguments.clear()
            case "ENV":
                self.environment.update(self._pairs(rest))
            case "LABEL":
                self.labels.update(self._pairs(rest))
            case "WORKDIR":
                self.working_dir = str(PurePosixPath(self.working_dir) / self._expand(rest))
            case "USER":
                self.user = self._expand(rest)
            case "RUN":
                self.runs.append(rest)
            case "COPY":
                self.copies.append(self._copy(rest))
            case "ENTRYPOINT":
                self.entrypoint = _command(rest)
            case _:
                raise ValueError(f"`{instruction[:40]}` is not understood")

    def _copy(self, rest: str) -> Copy:
        mode = 0o644
        if flag := _MODE.match(rest):
            mode = int(flag["mode"], 8)
            rest = rest[flag.end() :].strip()
        words = [self._expand(word) for word in _words(rest)]
        if any(word.startswith("--") for word in words):
            raise ValueError("a flag of COPY other than --chmod is not understood")
        plain = [_MODULES_OF.sub("", word) for word in words]
        if any(set(word) & set("*?[") or ".." in PurePosixPath(word).parts for word in plain):
            raise ValueError(
                "COPY names its files one by one, without wildcards (but `NAME*.py`) and without `..`"
            )
        if len(words) < 2:
            raise ValueError("COPY needs a source and a destination")
        *sources, target = words
        destination = str(PurePosixPath(self.working_dir) / target)
        if target.endswith("/"):
            destination = destination.rstrip("/") + "/"
        elif len(sources) > 1:
            raise ValueError("COPY of several files needs a destination that ends in `/`")
        return Copy(sources=tuple(sources), destination=destination, mode=mode)

    def _pairs(self, rest: str) -> dict[str, str]:
        pairs = {}
        for word in shlex.split(rest):
            name, equals, value = word.partition("=")
            if not equals or not name:
                raise ValueError(f"`{word[:40]}` is not NAME=VALUE")
            pairs[name] = self._expand(value)
        return pairs

    def _expand(self, text: str) -> str:
        values = self._arguments | self.environment
        expanded = _VARIABLE.sub(lambda found: values.get(found["braced"] or found["plain"], ""), text)
        if "$" in expanded:
            raise ValueError(f"`{text[:40]}` uses a form of `$` that is not understood")
        return expanded


def _words(rest: str) -> list[str]:
    """The words of a JSON array, or those that a shell would see."""
    if not rest.startswith("["):
        return shlex.split(rest)
    words = json.loads(rest)
    if not all(isinstance(word, str) for word in words):
        raise ValueError("an array of the JSON form holds strings alone")
    return list(words)


def _command(rest: str) -> tuple[str, ...]:
    """What the launcher will start: the JSON form as it stands, the shell form through a shell."""
    return tuple(_words(rest)) if rest.startswith("[") else ("/bin/sh", "-c", rest)
