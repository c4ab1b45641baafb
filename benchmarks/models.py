"""The model that contestants run where no other is named: EfficientNet-Lite0 for square photos of N pixels.

    python -m benchmarks.models N FOLDER

It has 4.7 million parameters, as many as a MobileNet; its published weights were trained at 224 pixels. At
128 its answers are worse, and take as long as those of a model that was trained for it.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
from importlib.metadata import version
from pathlib import Path

from symbolon.demo import model

from . import mobilenet

ARCHIVE = "model.tar"
SAVED_MODEL = "saved_model"
USUAL = "efficientnet-lite0"
NAMES = (USUAL, "mobilenet")


def make_saved_model(pixels: int, name: str = USUAL) -> Path:
    """A folder among the user's cached files with `saved_model` and `model.tar`; made once.

    `name` is one of `NAMES`; `mobilenet` has weights from a seed.
    """
    cache = model.usable_cache(otherwise=Path(tempfile.gettempdir()) / "symbolon-benchmarks")
    folder = cache / "models" / f"{name}-{pixels}-{_key()}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".making-") as making:
            draft = Path(making, "model")
            command = [sys.executable, "-m", "benchmarks.models", str(pixels), str(draft / SAVED_MODEL)]
            if name == "mobilenet":
                options = ["--pixels", str(pixels), "--seed", "0"]
                command = [sys.executable, "-m", "benchmarks.mobilenet", str(draft / SAVED_MODEL), *options]
            env = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_HOME": making}
            subprocess.run(command, check=True, env=env)
            with tarfile.open(draft / ARCHIVE, "x") as archive:  # not gzipped: weights would hardly shrink
                archive.add(draft / SAVED_MODEL, arcname=".")
            draft.replace(folder)
    return folder


def save_model(pixels: int, folder: Path) -> None:
    """`folder` holds the SavedModel: `images` float32[n, pixels, pixels, 3] to `logits`."""
    import tensorflow as tf

    from symbolon.demo.checkpoint import read_checkpoint
    from symbolon.demo.efficientnet_lite0 import EfficientNetLite0

    network = EfficientNetLite0(read_checkpoint(model.weights_file()))
    body = EfficientNetLite0.__call__.python_function
    images = tf.TensorSpec([None, pixels, pixels, 3], tf.float32, name="images")
    serving = tf.function(lambda images: body(network, images), input_signature=[images])
    tf.saved_model.save(network, str(folder), signatures={"serving_default": serving})


def _key() -> str:
    digest = hashlib.sha256(version("tensorflow-cpu").encode())
    sources = (
        Path(__file__),
        Path(mobilenet.__file__),
        Path(model.__file__).with_name("efficientnet_lite0.py"),
    )
    for source in sources:
        digest.update(hashlib.sha256(source.read_bytes()).digest())
    return digest.hexdigest()[:12]


def main() -> None:
    """The folder named holds the SavedModel."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("pixels", type=int, metavar="N")
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    arguments = parser.parse_args()
    save_model(arguments.pixels, arguments.folder)


if __name__ == "__main__":
    main()
