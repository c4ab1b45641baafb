"""What runs a model, one module each: it makes a `Batcher` and a `Classifier` (see `workload.pipeline`).

A runtime is imported when a verified model is there to be loaded, and not before: a run that is
refused costs no import.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from attestation.errors import Misconfigured

from ..job import Job
from ..pipeline import Batcher, Classifier


class ModelMisfit(Misconfigured):
    """The model is not what the terms say of it; the message says how, in the model's own shapes.

    The message goes to the process's log, which leaves the machine only where the owner's launch
    policy (`log_redirect`) lets it. `told_to_operator` is what `error.json` says instead, since
    that lies in the operator's bucket, and nothing of the model goes there.
    """

    code = "model-misfit"
    told_to_operator = "the model does not fit the owner's terms"

    def __init__(self, message: str) -> None:
        super().__init__(message, hint="the owner corrects the terms, and tries them on a debug image first")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A model that is in memory, with what feeds it. Its files are no longer needed."""

    batches: Batcher
    classifier: Classifier
    classes: int


def load(saved_model: Path, job: Job) -> LoadedModel:
    """The model in the folder `saved_model`, loaded by the runtime that the terms name.

    Raises:
        Misconfigured: it is no model for that runtime.
        ModelMisfit: its signature does not fit the terms, or it has fewer classes than are asked for.
    """
    from . import tensorflow

    return tensorflow.load(saved_model, job)
