"""What runs a model, one module each: `load` makes it a `Classifier` (see `workload.pipeline`).

A third runtime is one module more, and its name in the terms.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType

from attestation.errors import Misconfigured

from ..job import Job
from ..pipeline import Classifier


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
    """A model that is in memory. Its files are no longer needed.

    `batch_size` is the one that it insists on, or None.
    """

    classifier: Classifier
    classes: int
    batch_size: int | None


def import_runtime(name: str) -> ModuleType:
    """The module of the runtime `name`: importing it takes longest of all, and needs no model."""
    return import_module(f".{name}", __name__)


def load(saved_model: Path, job: Job) -> LoadedModel:
    """The model in the folder `saved_model`, loaded by the runtime that the terms name.

    Raises:
        Misconfigured: it is no model for that runtime.
        ModelMisfit: its signature does not fit the terms, or it has fewer classes than are asked for.
    """
    loaded: LoadedModel = import_runtime(job.terms.runtime.name).load(saved_model, job)
    return loaded
