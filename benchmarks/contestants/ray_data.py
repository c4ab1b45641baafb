"""Ray Data over the same photos with the same model, written as its documentation writes batch inference.

`read_images` decodes and resizes in tasks, an actor holds the model and is given batches. It decodes and
resizes with Pillow, whose resizing is antialiased: its answers differ somewhat, and it is the faster way.
A pass is an execution of a dataset, so it starts the actor anew, as every job of Ray Data does.

Source: Ray 2 documentation, "End-to-end: Offline Batch Inference" and `ray.data.read_images`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_DATA_DISABLE_PROGRESS_BARS"] = "1"

import numpy as np
import ray

from ..work import TOP_K, Work
from .answering import Answer, serve

_OBJECT_STORE_BYTES = 1 << 30
_BATCH_SIZE = 32


class Model:
    """What the actor holds."""

    def __init__(self, work: Work) -> None:
        import tensorflow as tf

        self._tf = tf
        self._facts = work.model
        self._loaded = tf.saved_model.load(work.model.folder)
        self._model = self._loaded.signatures["serving_default"]

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        fed = (batch["image"].astype(np.float32) - self._facts.mean) * np.float32(self._facts.scale)
        logits = self._model(**{self._facts.input: fed})[self._facts.output]
        top = self._tf.math.top_k(self._tf.nn.softmax(logits), TOP_K)
        return {"path": batch["path"], "best": top.indices.numpy(), "scores": top.values.numpy()}


class RayData:
    """Ray on this machine's cores alone, reachable by loopback."""

    def __init__(self, work: Work) -> None:
        self._work = work
        ray.init(
            num_cpus=len(os.sched_getaffinity(0)),
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            object_store_memory=_OBJECT_STORE_BYTES,
            _node_ip_address="127.0.0.1",
        )

    def stream(self, photos: Sequence[str]) -> Iterator[Answer]:
        """The answers, in the order in which Ray Data has them."""
        pixels, folder = self._work.model.pixels, self._work.folder
        paths = [f"{folder}/{name}" for name in photos]
        images = ray.data.read_images(paths, size=(pixels, pixels), mode="RGB", include_paths=True)
        batch_size = self._work.batch_size or _BATCH_SIZE
        answers = images.map_batches(
            Model,
            fn_constructor_args=(self._work,),
            batch_size=batch_size,
            compute=ray.data.ActorPoolStrategy(size=1),
        )
        for batch in answers.iter_batches(batch_size=batch_size):
            for path, best, scores in zip(batch["path"], batch["best"], batch["scores"], strict=True):
                yield Path(str(path)).name, best.tolist(), scores.tolist()

    def delay(self, latency_s: float) -> None:
        if latency_s:
            raise AssertionError("Ray Data reads its files itself: no wait can be put before each")

    def alone(self, stage: str) -> Callable[[], int]:
        raise AssertionError(f"Ray Data runs no stage {stage} alone")


def whole_job(work: Work, photos: Sequence[str]) -> Iterator[Answer]:
    """Every photo, from nothing."""
    return RayData(work).stream(photos)


if __name__ == "__main__":
    serve(RayData, whole_job)
    ray.shutdown()
