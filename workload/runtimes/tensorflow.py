"""TensorFlow: a SavedModel as classifier, by the C interface of TensorFlow's own libraries.

No Python of TensorFlow's is imported, which takes seconds and hundreds of MB: a SavedModel needs none. On a
machine with a GPU, and with all of the wheel in the image, its Python runs the model (`tensorflow_python`).
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attestation.errors import Misconfigured
from contract.request import Job

from ..answers import Classifier, Fed, Indices, Scores
from . import LoadedModel
from .signature import (
    Tensor,
    check_input,
    check_output,
    choose_signature,
    does_not_run,
    float32_range,
)
from .tensorflow_library import EXHAUSTED, Failed, Session, load_library, wheel_folder
from .tensorflow_signature import Port, read_signatures, render_config

# Read when the library is loaded. Its own log lines may quote a model's nodes and paths. Of itself it uses
# oneDNN only on processors with AVX-512, and is slower by a half on the others.
os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="1")

_GPU = Path("/dev/nvidia0")

_library = load_library()


def load(saved_model: Path, job: Job) -> LoadedModel:
    """The SavedModel as a function from fed pictures to the job's k best classes.

    On all cores; or on the first GPU, where there is one and all of TensorFlow is there to run it.

    Raises:
        Misconfigured: TensorFlow cannot read it, or not run it in the terms' precision.
        ModelMisfit: its signature does not fit the terms, or it has fewer classes than are asked for.
    """
    if _GPU.exists() and (wheel_folder() / "python").is_dir():
        from . import tensorflow_python

        return tensorflow_python.load(saved_model, job)
    terms = job.terms
    if terms.runtime.precision == "int8":
        raise Misconfigured(
            "TensorFlow runs no model in int8",
            hint='the owner names `runtime.name = "openvino"`, or `runtime.precision = "fp32"`, in the terms',
        )
    config = render_config(is_bf16=terms.runtime.precision == "bf16")
    try:
        session = Session(_library, saved_model, config=config)
        signatures = read_signatures(session.meta_graph)
    except (Failed, ValueError):
        raise Misconfigured(
            "TensorFlow cannot read the model",
            hint="the owner saves it again, with the image's TensorFlow and its operations alone",
        ) from None
    inputs, outputs = choose_signature(signatures, terms.model.signature)
    batch_size = check_input({name: port.shown for name, port in inputs.items()}, terms.input)
    classes = check_output({name: port.shown for name, port in outputs.items()}, terms.output, job)
    taken = inputs[terms.input.tensor]
    classifier = _classifier(session, taken, outputs[terms.output.tensor], job, batch_size)
    # Run once, so that what the first batch would wait for is done before there is one.
    classifier(np.zeros([batch_size or 1, terms.input.height, terms.input.width, 3], np.float32))
    return LoadedModel(
        classifier=classifier,
        classes=classes,
        at_once=len(os.sched_getaffinity(0)),
        batch_size=batch_size,
        preferred_batch_size=None,
        takes=taken.shown.dtype,
    )


def _classifier(session: Session, taken: Port, given: Port, job: Job, batch_size: int | None) -> Classifier:
    """Any number of threads may call it."""
    terms = job.terms
    run = partial(session.run, kind=taken.kind, fed=taken.tensor, fetched=given.tensor)

    def classifier(pictures: Fed) -> tuple[Indices, Scores]:
        count = len(pictures)
        if batch_size is not None and count < batch_size:
            pictures = np.concatenate(
                [pictures, np.zeros([batch_size - count, *pictures.shape[1:]], np.float32)]
            )
        try:
            found = run(as_kind(pictures, taken.shown))
        except Failed as failed:
            if failed.code == EXHAUSTED:
                raise Misconfigured(
                    "the machine's memory does not hold a batch of this size",
                    hint="set a smaller `tee-env-BATCH_SIZE`, or launch a larger machine",
                ) from None
            raise does_not_run(terms.input.tensor, taken.shown, pictures.shape) from None
        scores = as_float32(found[:count], given.shown)
        return best(_softmax(scores) if terms.output.scores == "softmax" else scores, job.top_k)

    return classifier


def as_kind(pictures: Fed, taken: Tensor) -> NDArray[Any]:
    """What a model is told that may take bytes, or numbers shorter than these: the nearest that there are."""
    if taken.dtype == "float32":
        return pictures
    if taken.dtype == "bfloat16":
        bits = pictures.view(np.uint32)
        return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16)
    if not taken.is_integer:
        low, high = float32_range(np.finfo(taken.dtype))
        return pictures.clip(low, high).astype(taken.dtype)
    low, high = float32_range(np.iinfo(taken.dtype))
    return np.rint(pictures).clip(low, high).astype(taken.dtype)


def as_float32(scores: NDArray[Any], given: Tensor) -> Scores:
    """The model's scores, whatever its numbers are."""
    if given.dtype == "bfloat16":
        return (scores.astype(np.uint32) << 16).view(np.float32)
    with np.errstate(over="ignore"):
        return scores.astype(np.float32)


def _softmax(scores: Scores) -> Scores:
    with np.errstate(invalid="ignore"):  # what is not finite gives no number, and is told as such
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        whole: Scores = powers / powers.sum(axis=1, keepdims=True)
    return whole


def best(scores: Scores, count: int) -> tuple[Indices, Scores]:
    """The `count` best of each picture, best first; of equals the first. What is no number is the best."""
    keys = np.where(np.isnan(scores), -np.inf, -scores)
    # No other class is better than the last of these, but some may be as good.
    last = np.partition(keys, count - 1, axis=1)[:, count - 1]
    indices = np.empty([len(scores), count], np.int32)
    for row, (key, worst) in enumerate(zip(keys, last, strict=True)):
        (candidates,) = np.nonzero(key <= worst)
        indices[row] = candidates[np.argsort(key[candidates], kind="stable")[:count]]
    return indices, np.take_along_axis(scores, indices, axis=1)
