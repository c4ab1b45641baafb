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

    Without the shapes nobody could mend it, so they are in the message, and so in the log. An
    operator whom the launch policy (`log_redirect`) shows the log can read there how the
    signature of a publication that never worked differs from its terms. `error.json` has
    `told_to_operator` instead: nothing of the model goes into the operator's bucket.
    """

    code = "model-misfit"
    told_to_operator = "the model does not fit the owner's terms"

    def __init__(self, message: str) -> None:
        super().__init__(message, hint="the owner corrects the terms, and publishes the image again")


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
