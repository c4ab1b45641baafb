"""TensorFlow: a SavedModel as classifier, and a `tf.data` stream that decodes and batches for it.

Pictures are decoded and resized by TensorFlow's own operations, because models are trained with
them: another decoder's pixels differ.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from attestation.errors import Misconfigured

from ..images import EncodedImage
from ..job import Job
from ..pipeline import Batcher, Classifier, Fed, Indices, Positions, Scores
from ..terms import InputTerms, OutputTerms
from . import LoadedModel, ModelMisfit

# Read when TensorFlow is imported: its own log lines may quote a model's nodes and paths.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf

_SERVING = "serving_default"
_PREFETCHED_BATCHES = 2


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
        batches=_batcher(job.terms.input, batch_size or job.batch_size),
        classifier=_classifier(signature, job, batch_size),
        classes=classes,
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

    @tf.function(input_signature=[tf.TensorSpec([batch_size, height, width, 3], tf.float32)])  # type: ignore[untyped-decorator]
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


def _batcher(terms: InputTerms, batch_size: int) -> Batcher:
    cores = len(os.sched_getaffinity(0))

    def batches(encoded: Iterable[tuple[int, EncodedImage]]) -> Iterator[tuple[Positions, Fed]]:
        stream = tf.data.Dataset.from_generator(
            lambda: ((position, image.data, image.orientation) for position, image in encoded),
            output_signature=(
                tf.TensorSpec([], tf.int64),
                tf.TensorSpec([], tf.string),
                tf.TensorSpec([], tf.int32),
            ),
        )
        stream = stream.map(
            lambda position, data, orientation: (position, prepare(data, orientation, terms)),
            num_parallel_calls=cores,
            deterministic=True,
        )
        stream = stream.ignore_errors().batch(batch_size).prefetch(_PREFETCHED_BATCHES)
        options = tf.data.Options()
        # Its autotuner can hold up the end of a short job by as much as the job itself took.
        options.autotune.enabled = False
        yield from stream.with_options(options).as_numpy_iterator()

    return batches


def prepare(data: Any, orientation: Any, terms: InputTerms) -> Any:
    """An encoded picture (scalar string) as the model is fed with it: `float32[height, width, 3]`.

    CMYK is converted, 16-bit channels lose their low byte, of an animation the first frame is taken.
    """
    image = tf.io.decode_image(data, channels=3, expand_animations=False)
    image.set_shape([None, None, 3])
    if terms.exif_orientation == "apply":
        image = _upright(image, orientation)
    if terms.fit == "crop":
        image = _cropped(image, terms.height, terms.width)
    resized = tf.image.resize(image, [terms.height, terms.width], terms.method, antialias=terms.antialias)
    return (tf.cast(resized, tf.float32) - tf.constant(terms.mean, tf.float32)) * terms.scale


def _upright(image: Any, orientation: Any) -> Any:
    """Turned and mirrored as EXIF's tag says. Source: Exif 2.32, tag 0x0112."""
    turned = tf.cond(orientation >= 5, lambda: tf.transpose(image, [1, 0, 2]), lambda: image)
    left_right = tf.reduce_any(orientation == [2, 3, 6, 7])
    up_down = tf.reduce_any(orientation == [3, 4, 7, 8])
    turned = tf.cond(left_right, lambda: tf.reverse(turned, [1]), lambda: turned)
    return tf.cond(up_down, lambda: tf.reverse(turned, [0]), lambda: turned)


def _cropped(image: Any, height: int, width: int) -> Any:
    """The largest centred part with the proportions `height` to `width`."""
    shape = tf.shape(image, tf.int64)
    kept_height = tf.maximum(tf.minimum(shape[0], shape[1] * height // width), 1)
    kept_width = tf.maximum(tf.minimum(shape[1], shape[0] * width // height), 1)
    top, left = (shape[0] - kept_height) // 2, (shape[1] - kept_width) // 2
    return image[top : top + kept_height, left : left + kept_width]
