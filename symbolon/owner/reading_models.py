"""A model read and tried by a process of its own: `scripts/read-model`, which imports the workload.

This room never does; what the process prints is parsed here and nowhere else.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attestation.errors import (
    Denied,
    EvidenceRejected,
    Misconfigured,
    NotKnown,
    SymbolonError,
    Unavailable,
)
from deploy.image import SOURCE

from .conventions import Convention
from .model_facts import Facts, parse_facts

_INSTALLED = Path(__file__).parents[1] / "programs" / "read_model.py"
_CHECKOUT = SOURCE / "scripts" / "read-model"
_FAMILIES = {
    each.family: each
    for each in (SymbolonError, Misconfigured, EvidenceRejected, Denied, NotKnown, Unavailable)
}
_STOP_GRACE_S = 5
_LARGEST_WORDS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the model says of one photo, fed in one way: classes and scores, best first."""

    photo: Path
    way: str
    best: tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What the model says of the photos in each way, and why each of `unreadable` is no photo.

    `probabilities`: its scores add up to one as they are; None where no photo could be read.
    """

    answers: tuple[Answer, ...]
    unreadable: Mapping[Path, str]
    probabilities: bool | None


def look(model: Path) -> Facts:
    """What the model's files say of it.

    Raises:
        Misconfigured: they are no model, or what reads it is not installed.
    """
    (facts,) = _ask({"look": str(model.resolve())})
    return parse_facts(facts)


def try_ways(
    model: Path,
    *,
    terms: str,
    classes: int,
    photos: Sequence[Path],
    ways: Mapping[str, Convention],
    top_k: int,
) -> Tried:
    """The model answers to each photo, fed in each of the ways; `terms` fit it, and feed pixels as they are.

    Raises:
        Misconfigured: the model does not run, or what runs it is not installed.
    """
    fed = {
        name: {"mean": list(way.mean), "scale": way.scale, "channels": way.channels}
        for name, way in ways.items()
    }
    asked = {"try": str(model.resolve()), "terms": terms, "classes": classes, "ways": fed, "top_k": top_k}
    rows: list[Mapping[str, Any]] = []
    unreadable: dict[Path, str] = {}
    probabilities: bool | None = None
    for said in _ask({**asked, "photos": [str(photo.resolve()) for photo in photos]}):
        if "probabilities" in said:
            probabilities = bool(said["probabilities"])
        elif "error" in said:
            unreadable[Path(said["photo"])] = said["error"]
        else:
            rows.append(said)
    return Tried(
        answers=tuple(
            Answer(
                photo=Path(row["photo"]),
                way=row["way"],
                best=tuple(
                    (number, score if probabilities else powers) for number, score, powers in row["best"]
                ),
            )
            for row in rows
        ),
        unreadable=unreadable,
        probabilities=probabilities,
    )


def _ask(asked: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Each object that the program answers with, as it comes."""
    program = _CHECKOUT if _CHECKOUT.is_file() else _INSTALLED
    # -P: what lies in the folder where a person types is not imported.
    command = [sys.executable, "-P", str(program)]
    path = os.pathsep.join(filter(None, (str(SOURCE), os.environ.get("PYTHONPATH", ""))))
    env = os.environ | {"PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3"}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=env, text=True) as process:
        assert process.stdin is not None and process.stdout is not None  # noqa: S101  as they were asked for
        assert process.stderr is not None  # noqa: S101
        try:
            with suppress(BrokenPipeError):
                process.stdin.write(json.dumps(asked))
                process.stdin.close()
            for line in process.stdout:
                said = json.loads(line)
                if isinstance(said.get("error"), dict):
                    family = _FAMILIES.get(said["error"]["family"], SymbolonError)
                    raise family(said["error"]["message"], hint=said["error"]["hint"])
                yield said
            words = process.stderr.read()
            if process.wait() != 0:
                raise _failure(words)
        finally:
            _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_GRACE_S)
            return
        process.kill()


def _failure(words: str) -> SymbolonError:
    """Of a program that ended without saying why."""
    last = words.strip().rpartition("\n")[2]
    if last.startswith("ModuleNotFoundError: No module named "):
        module = last.rpartition(" ")[2].strip("'").partition(".")[0]
        extra = "openvino" if module == "openvino" else "demo"
        return Misconfigured(
            f"`{module}` is not installed, and reading this model needs it",
            hint=f"make the environment that has it: scripts/environment {extra}",
        )
    return SymbolonError(f"the model could not be read: {last[:_LARGEST_WORDS]}")
