"""The owner's folder: `terms.toml` and `policy.toml`, which others read, and `owner.toml`, which stays here.

Nothing is overwritten that says something else: a person sees the difference, and says `--force`.
"""

from __future__ import annotations

import difflib
import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attestation.digests import Digest
from attestation.errors import Misconfigured, quoted
from contract.formats import check_format
from contract.release_terms import ReleaseTerms
from contract.tables import render_table
from contract.terms import OwnerTerms, parse_terms

from ..inputs import read_text
from .packing import Packing, packing_of

TERMS, POLICY, HERE = "terms.toml", "policy.toml", "owner.toml"
_FORMAT = 1
_HINT = "make it with `symbolon owner init MODEL`, or name the folder that has it"


class AlreadyThere(Misconfigured):
    """A file that would be written is there, and says something else."""

    code = "already-there"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """What `symbolon owner init` left in a folder."""

    folder: Path
    terms: OwnerTerms
    model: Path
    labels: Path | None

    @property
    def packing(self) -> Packing:
        """How the model is packed.

        Raises:
            Misconfigured: its files are not where they were.
        """
        return packing_of(self.model, self.labels)


def open_workplace(folder: Path) -> Workplace:
    """The owner's folder, read.

    Raises:
        Misconfigured: it has no terms, or they are not in order; or it does not say where the model is.
    """
    if not (folder / TERMS).is_file():
        raise Misconfigured(f"there is no `{TERMS}` in {quoted(str(folder))}", hint=_HINT)
    terms = parse_terms(read_text(str(folder / TERMS), what="terms"))
    if not (folder / HERE).is_file():
        raise Misconfigured(f"there is no `{HERE}` in {quoted(str(folder))}", hint=_HINT)
    try:
        said = tomllib.loads(read_text(str(folder / HERE), what="owner's file"))
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(f"`{HERE}` is not TOML: {quoted(str(error))}", hint=_HINT) from None
    check_format(said.get("format"), known=_FORMAT, what=f"`{HERE}`", hint=_HINT)
    model, labels = said.get("model"), said.get("labels")
    if not isinstance(model, str) or not isinstance(labels, str | None):
        raise Misconfigured(f"`{HERE}` does not say where the model is", hint='write `model = "…"`')
    return Workplace(
        folder=folder,
        terms=terms,
        model=folder / model,
        labels=None if labels is None else folder / labels,
    )


def render_here(folder: Path, model: Path, labels: Path | None) -> str:
    """The content of `owner.toml`: paths from `folder`, so that it may be moved with what they lead to."""
    lines = [f"model = {_path(folder, model)}"]
    lines += [f"labels = {_path(folder, labels)}"] if labels is not None else []
    return "\n".join(
        [
            "# Where the model is on this machine, for `symbolon owner trial` and `owner protect`.",
            "# It is for nobody else, and no part of the image.",
            f"format = {_FORMAT}",
            *lines,
            "",
        ]
    )


def _path(folder: Path, file: Path) -> str:
    return json.dumps(os.path.relpath(file.resolve(), folder.resolve()), ensure_ascii=False)


def differences(folder: Path, wanted: Mapping[str, str]) -> str:
    """The changes that `wanted` would make to the files that are there, as `diff -u` shows them; "" if none.

    Raises:
        Misconfigured: one that is there cannot be read.
    """
    lines: list[str] = []
    for name, text in wanted.items():
        if (folder / name).exists():
            there = read_text(str(folder / name), what="file")
            lines += difflib.unified_diff(
                there.splitlines(), text.splitlines(), f"{name} (there)", f"{name} (wanted)", lineterm=""
            )
    return "\n".join(lines)


def pinned(text: str, *, sha256: Digest, generation: int | None) -> str:
    """`terms.toml` with that model pinned, and every other letter as it was.

    Raises:
        Misconfigured: the text's `[model]` is not written as one key a line.
    """
    wanted: dict[str, Any] = {"sha256": json.dumps(sha256.removeprefix("sha256:"))}
    wanted["generation"] = None if generation is None else str(generation)
    lines, inside, at = [], False, None
    for line in text.splitlines(keepends=True):
        stripped = line.strip()
        if stripped.startswith("["):
            inside = stripped.partition("#")[0].strip() == "[model]"
        name = stripped.partition("=")[0].strip()
        if inside and name in wanted and "=" in stripped and not stripped.startswith("#"):
            value = wanted[name]
            if value is not None:
                lines.append(f"{name} = {value}\n")
            if name == "sha256":
                at = len(lines)
            else:
                wanted.pop(name)
            continue
        lines.append(line)
    if at is not None and wanted.get("generation") is not None:
        lines.insert(at, f"generation = {wanted['generation']}\n")
    found = "".join(lines)
    model = parse_terms(found).model
    if (model.sha256, model.generation) != (sha256, generation):
        raise Misconfigured(
            f"`[model]` in `{TERMS}` is not written as one key a line",
            hint=f"write `sha256 = {wanted['sha256']}` there yourself",
        )
    return found


def released(text: str, release: ReleaseTerms | None) -> str:
    """`terms.toml` with that `[release]`, or without any, and every other letter as it was.

    Raises:
        Misconfigured: the text's `[release]` is not written as a table of its own.
    """
    kept, inside = list[str](), False
    for line in text.splitlines(keepends=True):
        if line.strip().startswith("["):
            inside = line.partition("#")[0].strip() == "[release]"
        if not inside:
            kept.append(line)
    if len(kept) == len(text.splitlines()) and release is None:
        return text
    found = "".join(kept).rstrip() + "\n"
    if release is not None:
        table = render_table("release", release, commented=True)
        found = f"{found}\n{table}"
    if parse_terms(found).release != release:
        raise Misconfigured(
            f"`[release]` in `{TERMS}` is not written as a table of its own",
            hint="remove it there yourself, and run this again",
        )
    return found
