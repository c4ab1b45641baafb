"""TensorFlow: a SavedModel as classifier, its variables frozen and the choice of the best in its graph."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from attestation.errors import Misconfigured

from ..job import Job
from ..pipeline import Classifier, Fed, Indices, Scores
from ..terms import InputTerms, OutputTerms
from . import LoadedModel, ModelMisfit

# Read when TensorFlow is imported: its own log lines may quote a model's nodes and paths.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf

_SERVING = "serving_default"


def load(saved_model: Path, job: Job) -> LoadedModel:
    """The SavedModel as a function from fed pictures to the job's k best classes.

    Raises:
        Misconfigured: TensorFlow cannot read it.
        ModelMisfit: its signature does not fit the terms, or it has fewer classes than are asked for.
    """
    try:
        loaded = tf.saved_model.load(str(saved_model))
    except (OSError, ValueError, LookupError, RuntimeError, TypeError, AttributeError, tf.errors.OpError):
        raise Misconfigured(
            "TensorFlow cannot read the model",
            hint="the owner saves it again, with the image's TensorFlow and its operations alone",
        ) from None
    if _SERVING not in loaded.signatures:
        raise ModelMisfit(f"the model has no signature `{_SERVING}`")
    signature = loaded.signatures[_SERVING]
    batch_size = _check_input(signature, job.terms.input)
    classes = _check_output(signature, job.terms.output)
    if job.top_k > classes:
        raise ModelMisfit(f"{job.top_k} classes are asked for, and the model has {classes}")
    return LoadedModel(
        classifier=_classifier(signature, job, batch_size),
        classes=classes,
        batch_size=batch_size,
    )


def _check_input(signature: Any, terms: InputTerms) -> int | None:
    """The batch size that the model insists on, or None."""
    _, inputs = signature.structured_input_signature
    fed = tf.TensorSpec([None, terms.height, terms.width, 3], tf.float32)
    spec = inputs.get(terms.tensor)
    if spec is None or len(inputs) != 1 or not _takes(spec, fed):
        taken = ", ".join(f"`{name}` {_shown(spec)}" for name, spec in sorted(inputs.items()))
        raise ModelMisfit(f"the model takes {taken}, and the terms feed `{terms.tensor}` {_shown(fed)}")
    size: int | None = spec.shape[0] if spec.shape.rank else None
    return size


def _takes(spec: Any, fed: Any) -> bool:
    """An input of that kind and shape can be told what is fed."""
    is_number = spec.dtype.is_floating or spec.dtype.is_integer
    return bool(is_number and spec.shape.is_compatible_with(fed.shape))


def _check_output(signature: Any, terms: OutputTerms) -> int:
    """The number of classes that the model tells apart."""
    outputs = signature.structured_outputs
    spec = outputs.get(terms.tensor)
    if spec is None or not spec.dtype.is_floating or spec.shape.rank != 2 or spec.shape[1] is None:
        given = ", ".join(f"`{name}` {_shown(spec)}" for name, spec in sorted(outputs.items()))
        raise ModelMisfit(f"the model gives {given}, and the terms expect `{terms.tensor}` float[n, classes]")
    classes: int = spec.shape[1]
    return classes


def _shown(spec: Any) -> str:
    if spec.shape.rank is None:
        return f"{spec.dtype.name}[...]"
    return f"{spec.dtype.name}[{', '.join('n' if size is None else str(size) for size in spec.shape)}]"


def _classifier(signature: Any, job: Job, batch_size: int | None) -> Classifier:
    terms = job.terms
    height, width = terms.input.height, terms.input.width
    taken = signature.structured_input_signature[1][terms.input.tensor]

    @tf.function(input_signature=[tf.TensorSpec([batch_size, height, width, 3], tf.float32)], autograph=False)  # type: ignore[untyped-decorator]
    def best(images: Any) -> tuple[Any, Any]:
        # A model may take bytes, or numbers shorter than these: the nearest that it can be told.
        given = tf.round(images) if taken.dtype.is_integer else images
        given = tf.saturate_cast(given, taken.dtype)
        scores = tf.cast(signature(**{terms.input.tensor: given})[terms.output.tensor], tf.float32)
        if terms.output.scores == "softmax":
            scores = tf.nn.softmax(scores)
        top = tf.math.top_k(scores, job.top_k)
        return top.indices, top.values

    def classifier(images: Fed) -> tuple[Indices, Scores]:
        count = len(images)
        if batch_size is not None and count < batch_size:
            blank = np.zeros([batch_size - count, height, width, 3], np.float32)
            images = np.concatenate([images, blank])
        try:
            indices, values = best(images)
        except tf.errors.ResourceExhaustedError:
            raise Misconfigured(
                "the machine's memory does not hold a batch of this size",
                hint="set a smaller `tee-env-BATCH_SIZE`, or launch a larger machine",
            ) from None
        except (ValueError, TypeError, tf.errors.OpError):
            fed = tf.TensorSpec(images.shape, taken.dtype)
            raise ModelMisfit(
                f"the model takes `{terms.input.tensor}` {_shown(taken)} by its signature,"
                f" and does not run when it is fed {_shown(fed)}"
            ) from None
        return indices.numpy()[:count], values.numpy()[:count]

    # Traced and run once, so that what the first batch would wait for is done before there is one.
    classifier(np.zeros([batch_size or 1, height, width, 3], np.float32))
    return classifier
