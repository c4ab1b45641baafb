"""TensorFlow by its Python, for GPUs: a SavedModel as classifier, with the choice of the best in its graph.

A large job's variables are frozen in the end: see `_Classifier`.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from threading import Lock, Thread
from typing import Any

import numpy as np

from attestation.errors import Misconfigured
from contract.request import Job

from ..answers import Fed, Indices, Scores
from . import LoadedModel
from .signature import Tensor, check_input, check_output, choose_signature, does_not_run

# Read when TensorFlow is imported. Its own log lines may quote a model's nodes and paths. And with
# the older Keras for its own, which the image lacks, it imports none: a SavedModel needs none.
os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", TF_USE_LEGACY_KERAS="1")

import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

FREEZE_AFTER = 2048
"""Pictures that a job has had when its model is frozen: smaller ones end sooner without."""

_GPU_BATCH = 256


def load(saved_model: Path, job: Job) -> LoadedModel:
    """The SavedModel as a function from fed pictures to the job's k best classes.

    On the first GPU where TensorFlow sees one, and on all cores.

    Raises:
        Misconfigured: TensorFlow cannot read it, or not run it in the terms' precision.
        ModelMisfit: its signature does not fit the terms, or it has fewer classes than are asked for.
    """
    on_gpu = _configure(job.terms.runtime.precision)
    try:
        loaded = tf.saved_model.load(str(saved_model))
    except (OSError, ValueError, LookupError, RuntimeError, TypeError, AttributeError, tf.errors.OpError):
        raise Misconfigured(
            "TensorFlow cannot read the model",
            hint="the owner saves it again, with the image's TensorFlow and its operations alone",
        ) from None
    signature = choose_signature(loaded.signatures, job.terms.model.signature)
    inputs = {name: _tensor(spec) for name, spec in signature.structured_input_signature[1].items()}
    outputs = {name: _tensor(spec) for name, spec in signature.structured_outputs.items()}
    batch_size = check_input(inputs, job.terms.input)
    classes = check_output(outputs, job.terms.output, job)
    taken = inputs[job.terms.input.tensor]
    return LoadedModel(
        classifier=_Classifier(loaded, taken, job, batch_size),
        classes=classes,
        # On a GPU two: one batch travels to it while the other is in it.
        at_once=2 if on_gpu else len(os.sched_getaffinity(0)),
        batch_size=batch_size,
        preferred_batch_size=_GPU_BATCH if on_gpu else None,
        takes=taken.dtype,
    )


def _configure(precision: str) -> bool:
    """TensorFlow computes with that precision, on all cores, and on one GPU where there is one: True then."""
    if precision == "int8":
        raise Misconfigured(
            "TensorFlow runs no model in int8",
            hint='the owner names `runtime.name = "openvino"`, or `runtime.precision = "fp32"`, in the terms',
        )
    tf.config.optimizer.set_experimental_options(
        {"auto_mixed_precision_onednn_bfloat16": precision == "bf16"}
    )
    # What a GPU calls 32 bits is 19 where it may: more exact than bf16, and less than fp32.
    tf.config.experimental.enable_tensor_float_32_execution(precision == "bf16")
    gpus = tf.config.list_physical_devices("GPU")
    with contextlib.suppress(RuntimeError):  # it has computed before, and so has been told
        # A core a batch: two that share one wait for each other at every layer.
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(len(os.sched_getaffinity(0)))
        if gpus:
            tf.config.set_visible_devices(gpus[:1], "GPU")
            tf.config.experimental.set_memory_growth(gpus[0], True)
    return bool(gpus)


def _tensor(spec: Any) -> Tensor:
    return Tensor(dtype=spec.dtype.name, shape=None if spec.shape.rank is None else tuple(spec.shape))


class _Classifier:
    """Any number of threads may call it.

    A graph whose weights are variables is ready at once. One whose weights are constants is up to a
    quarter faster, because TensorFlow then computes beforehand what depends on weights alone, and
    takes one to two seconds to make. So it is made beside the first one, once a job is long enough,
    and takes its place.
    """

    def __init__(self, loaded: Any, taken: Tensor, job: Job, batch_size: int | None) -> None:
        terms, signature = job.terms, loaded.signatures[job.terms.model.signature]
        # Freezing asks the variables, which the signature alone does not keep.
        self._loaded = loaded
        self._name = terms.input.tensor
        self._taken = taken
        self._shape = (terms.input.height, terms.input.width, 3)
        self._batch_size = batch_size
        self._seen = 0
        self._may_freeze = Lock()
        self._freezing: Thread | None = None
        dtype = tf.dtypes.as_dtype(taken.dtype)

        def best(pictures: Any) -> tuple[Any, Any]:
            # A model may take bytes, or numbers shorter than these: the nearest that it can be told.
            given = tf.saturate_cast(tf.round(pictures) if taken.is_integer else pictures, dtype)
            scores = tf.cast(signature(**{terms.input.tensor: given})[terms.output.tensor], tf.float32)
            if terms.output.scores == "softmax":
                scores = tf.nn.softmax(scores)
            top = tf.math.top_k(scores, job.top_k)
            return top.indices, top.values

        fed = tf.TensorSpec([batch_size, *self._shape], tf.float32)
        blank = np.zeros([batch_size or 1, *self._shape], np.float32)
        try:
            self._best = tf.function(best, input_signature=[fed], autograph=False).get_concrete_function()
        except (ValueError, TypeError, tf.errors.OpError):
            raise does_not_run(self._name, taken, blank.shape) from None
        # Run once, so that what the first batch would wait for is done before there is one.
        self(blank)

    def __call__(self, pictures: Fed) -> tuple[Indices, Scores]:
        count = len(pictures)
        if self._batch_size is not None and count < self._batch_size:
            blank = np.zeros([self._batch_size - count, *self._shape], np.float32)
            pictures = np.concatenate([pictures, blank])
        try:
            indices, values = self._best(tf.convert_to_tensor(pictures))
        except tf.errors.ResourceExhaustedError:
            raise Misconfigured(
                "the machine's memory does not hold a batch of this size",
                hint="set a smaller `tee-env-BATCH_SIZE`, or launch a larger machine",
            ) from None
        except (ValueError, TypeError, tf.errors.OpError):
            raise does_not_run(self._name, self._taken, pictures.shape) from None
        self._seen += count
        if self._seen >= FREEZE_AFTER and self._may_freeze.acquire(blocking=False):  # once, and never let go
            blank = np.zeros_like(pictures)  # the batch itself is the stream's, and is filled again
            self._freezing = Thread(target=self._freeze, args=(blank,), name="freeze")
            self._freezing.start()
        return indices.numpy()[:count], values.numpy()[:count]

    def _freeze(self, pictures: Fed) -> None:
        """The graph's weights are constants from now on; or it stays as it is, where TensorFlow cannot."""
        with contextlib.suppress(ValueError, TypeError, LookupError, RuntimeError, tf.errors.OpError):
            frozen = convert_variables_to_constants_v2(self._best, lower_control_flow=False)
            frozen(tf.convert_to_tensor(pictures))
            self._best = frozen
