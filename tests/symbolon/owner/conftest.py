"""A model of an owner's, and photos, for the tests of what brings it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.workload.samples import LABELS, picture

COLOURS = {"red.png": (255, 0, 0), "green.png": (0, 255, 0), "blue.png": (0, 0, 255)}


@pytest.fixture(scope="session")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SavedModel that says `red`, `green` or `blue`, trained with 0 to 1; its label file lies beside it."""
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

    folder = tmp_path_factory.mktemp("owner") / "colours"
    model = Colours()
    tf.saved_model.save(model, str(folder), signatures={"serving_default": model.__call__})
    (folder.parent / "names.txt").write_text("\n".join(LABELS) + "\n")
    return folder


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three, of one colour each."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, colour in COLOURS.items():
        (folder / name).write_bytes(picture(colour))
    return folder


NAMES = (
    *("--project", "primus", "--project-number", "100000000001"),
    *("--operator-account", "workload-sa@secundus.iam.gserviceaccount.com"),
)
"""Who the owner and the operator are."""
