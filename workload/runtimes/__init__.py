"""What runs a model, one module each: `load` makes it a `Classifier` (see `workload.answers`).

A third runtime is one module more; `contract.terms` and the Dockerfile list the names.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType

from attestation.errors import Misconfigured
from contract.request import Job

from ..answers import Classifier
from .signature import ModelMisfit

__all__ = ["LoadedModel", "ModelMisfit", "find_model", "import_runtime", "load"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A model that is in memory. Its files are no longer needed.

    `at_once` threads call it, each with a batch of its own, which is faster than many cores on one batch.
    `batch_size` is the one that it insists on, or None; `preferred_batch_size` the number of pictures
    in all those batches that is fastest by this runtime on this machine, where neither model nor operator
    names one, or None for any.
    `takes` is numpy's name of the numbers of its input.
    """

    classifier: Classifier
    classes: int
    at_once: int
    batch_size: int | None
    preferred_batch_size: int | None
    takes: str


def import_runtime(name: str) -> ModuleType:
    """The module of the runtime `name`: importing it takes longest of all, and needs no model.

    Raises:
        Misconfigured: the image is built for another runtime.
    """
    try:
        return import_module(f".{name}", __name__)
    except ModuleNotFoundError as missing:
        if missing.name not in (name, f"{__name__}.{name}"):
            raise
        raise Misconfigured(
            f"the terms name the runtime `{name}`, which this image does not hold",
            hint=f"the owner builds the image with `--build-arg RUNTIME={name}`, or names the other runtime",
        ) from None


def find_model(folder: Path, runtime: str) -> Path:
    """What the runtime `runtime` can read in the unpacked archive `folder`: the one that there is.

    Every runtime reads a SavedModel (its folder); `openvino` also an IR (its `.xml`, a `.bin` beside it).

    Raises:
        Misconfigured: there is none, or more than one.
    """
    found = [file.parent for file in folder.rglob("saved_model.pb")]
    kinds = "a SavedModel"
    if runtime == "openvino":
        found += [file for file in folder.rglob("*.xml") if file.with_suffix(".bin").is_file()]
        kinds = "a SavedModel or an OpenVINO IR"
    if len(found) != 1:
        raise Misconfigured(
            f"the owner's model archive holds {'more than one' if found else 'no'} model for {runtime}",
            hint=f"the owner packs {kinds}, `tar -czf model.tar.gz -C FOLDER .`, and publishes its digest",
        )
    return found[0]


def load(path: Path, job: Job) -> LoadedModel:
    """The model at `path` (see `find_model`), loaded by the runtime that the terms name.

    Raises:
        Misconfigured: it is no model for that runtime, or not in the precision that the terms name.
        ModelMisfit: its signature does not fit the terms, or it has fewer classes than are asked for.
    """
    loaded: LoadedModel = import_runtime(job.terms.runtime.name).load(path, job)
    return loaded
