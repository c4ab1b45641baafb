"""The names of the model's classes, from a file that the owner packed beside the model."""

from __future__ import annotations

from pathlib import Path

from attestation.errors import Misconfigured

from .runtimes import ModelMisfit

_MOST_BYTES = 16 << 20


def read_labels(folder: Path, name: str | None, *, classes: int) -> tuple[str, ...] | None:
    """A label a class, one line each, from the file `name` of the unpacked archive; None where none is named.

    Raises:
        Misconfigured: there is no such file, or it is no UTF-8 text.
        ModelMisfit: it has more or fewer lines than the model has classes.
    """
    if name is None:
        return None
    file = folder / name
    if not file.is_file() or file.stat().st_size > _MOST_BYTES:
        raise _bad_labels("is not in the model archive")
    try:
        with file.open(encoding="utf-8") as lines:
            labels = tuple(line.rstrip("\n") for line in lines)
    except UnicodeDecodeError:
        raise _bad_labels("is not UTF-8 text") from None
    if len(labels) != classes:
        raise ModelMisfit(f"the label file names {len(labels)} classes, and the model has {classes}")
    return labels


def _bad_labels(what: str) -> Misconfigured:
    return Misconfigured(
        f"the label file that the terms name {what}",
        hint="the owner packs it into the archive beside the model",
    )
