"""The workload that users copy today, with its scaling mended; whatever else it does, it does still.

One photo after the other: read, decode the whole of it, resize, run the model eagerly on a batch of one,
sort all scores; one object is written at the very end. The mended part: the model is fed
`(pixel - mean) * scale`, where the original feeds it 0 to 255, whatever it was trained with.

Source: GoogleCloudPlatform/confidential-space, codelabs/ml_model_protection.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..work import TOP_K, Work
from .answering import Answer, serve
from .files import Files

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

_WARM_UP = 8


class Sample:
    """The model as TensorFlow loads it, and a reader of one photo at a time."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._loaded = tf.saved_model.load(work.model.folder)  # the signature does not keep it alive
        self._model = self._loaded.signatures["serving_default"]
        self._files = Files(work.folder, latency_s=work.latency_ms / 1000)
        self._read = _reader(work) if work.bucket else self._files.read

    def stream(self, photos: Sequence[str]) -> Iterator[Answer]:
        for name in photos:
            scores = self._scores(self._read(name))
            best = np.argsort(scores)[-TOP_K:][::-1]
            yield name, best.tolist(), scores[best].tolist()

    def delay(self, latency_s: float) -> None:
        self._files.latency_s = latency_s

    def alone(self, stage: str) -> Callable[[], int]:
        raise AssertionError(f"the sample has no stage {stage}: it is one loop")

    def _scores(self, data: bytes) -> Any:
        facts = self._work.model
        image = tf.image.decode_image(data, channels=3, expand_animations=False)
        image = tf.image.resize(image, [facts.pixels, facts.pixels])
        image = (image - facts.mean) * facts.scale
        logits = self._model(**{facts.input: tf.expand_dims(image, 0)})[facts.output]
        return tf.nn.softmax(logits)[0].numpy()


def warm(work: Work) -> Sample:
    """A sample that has run a few photos: TensorFlow traces and plans at the first ones."""
    sample = Sample(work)
    for _ in sample.stream(work.photos[:_WARM_UP]):
        pass
    return sample


def whole_job(work: Work, photos: Sequence[str]) -> Iterator[Answer]:
    """Every photo, from nothing."""
    return Sample(work).stream(photos)


def _reader(work: Work) -> Callable[[str], bytes]:
    from google.cloud import storage

    bucket = storage.Client().bucket(work.bucket)
    return lambda name: bytes(bucket.blob(name).download_as_bytes())


if __name__ == "__main__":
    serve(warm, whole_job)
