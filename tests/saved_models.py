"""A SavedModel small enough to be understood, made by TensorFlow itself."""

from __future__ import annotations

import os
from pathlib import Path


def save_colours(folder: Path) -> Path:
    """`folder` has a model of three operations: the mean red, green and blue of `images`, and one half."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    class Colours(tf.Module):  # type: ignore[misc]  # TensorFlow is untyped
        def __init__(self) -> None:
            self.half = tf.Variable([0.5])

        @tf.function(input_signature=[tf.TensorSpec([None, 8, 8, 3], tf.float32, name="images")])  # type: ignore[untyped-decorator]
        def __call__(self, images: object) -> dict[str, object]:
            means = tf.reduce_mean(images, axis=[1, 2])
            half = tf.broadcast_to(self.half, [tf.shape(means)[0], 1])
            return {"logits": tf.concat([means, half], axis=1)}

    model = Colours()
    tf.saved_model.save(model, str(folder), signatures={"serving_default": model.__call__})
    return folder
