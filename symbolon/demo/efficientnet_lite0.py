"""EfficientNet-Lite0 as a TensorFlow SavedModel, from the weights of its PyTorch original.

Run as a process of its own (`python -m symbolon.demo.efficientnet_lite0 CHECKPOINT FOLDER`), so
that the demo itself never loads TensorFlow.

Source: ml-illustrated/efficientnet_lite_pytorch, efficientnet_lite_pytorch/{model,utils}.py;
tensorflow/tpu, models/official/efficientnet/lite/efficientnet_lite_builder.py.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow.core.protobuf.fingerprint_pb2 import FingerprintDef

from .checkpoint import read_checkpoint

_BATCH_NORM_EPSILON = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """One inverted residual block: expand, filter each channel, project."""

    stride: int
    expands: bool
    keeps_shape: bool


def _blocks() -> Iterator[_Block]:
    """The sixteen blocks; kernel sizes and widths are those of the weights."""
    # repeats, stride of the first, expansion, channels in, channels out
    stages = (
        (1, 1, 1, 32, 16),
        (2, 2, 6, 16, 24),
        (2, 2, 6, 24, 40),
        (3, 2, 6, 40, 80),
        (3, 1, 6, 80, 112),
        (4, 2, 6, 112, 192),
        (1, 1, 6, 192, 320),
    )
    for repeats, stride, expansion, channels_in, channels_out in stages:
        first_keeps_shape = stride == 1 and channels_in == channels_out
        yield _Block(stride=stride, expands=expansion > 1, keeps_shape=first_keeps_shape)
        for _ in range(repeats - 1):
            yield _Block(stride=1, expands=expansion > 1, keeps_shape=True)


class EfficientNetLite0(tf.Module):  # type: ignore[misc]  # TensorFlow has no types
    """float32[n, 224, 224, 3], RGB as (pixel - 127) / 128, to logits float32[n, 1000]."""

    def __init__(self, weights: Mapping[str, npt.NDArray[np.generic]]) -> None:
        super().__init__(name="efficientnet_lite0")
        self._weights = {
            name: tf.Variable(
                _channels_last(name, weight), trainable=False, name=name.replace(".", "_").strip("_")
            )
            for name, weight in weights.items()
            if not name.endswith("num_batches_tracked")
        }

    def _weight(self, name: str) -> Any:
        return self._weights[name]

    def _normalized(self, x: Any, layer: str) -> Any:
        scale, offset, mean, variance = (
            self._weight(f"{layer}.{part}") for part in ("weight", "bias", "running_mean", "running_var")
        )
        return tf.nn.batch_normalization(x, mean, variance, offset, scale, _BATCH_NORM_EPSILON)

    def _convolved(self, x: Any, layer: str, norm: str, *, stride: int = 1) -> Any:
        return self._normalized(tf.nn.conv2d(x, self._weight(f"{layer}.weight"), stride, "SAME"), norm)

    def _block(self, x: Any, number: int, block: _Block) -> Any:
        prefix = f"_blocks.{number}."
        y = x
        if block.expands:
            y = tf.nn.relu6(self._convolved(y, f"{prefix}_expand_conv", f"{prefix}_bn0"))
        kernel = self._weight(f"{prefix}_depthwise_conv.weight")
        y = tf.nn.depthwise_conv2d(y, kernel, [1, block.stride, block.stride, 1], "SAME")
        y = tf.nn.relu6(self._normalized(y, f"{prefix}_bn1"))
        y = self._convolved(y, f"{prefix}_project_conv", f"{prefix}_bn2")
        return x + y if block.keeps_shape else y

    @tf.function(input_signature=[tf.TensorSpec([None, 224, 224, 3], tf.float32, name="images")])  # type: ignore[untyped-decorator]
    def __call__(self, images: Any) -> dict[str, Any]:
        x = tf.nn.relu6(self._convolved(images, "_conv_stem", "_bn0", stride=2))
        for number, block in enumerate(_blocks()):
            x = self._block(x, number, block)
        x = tf.nn.relu6(self._convolved(x, "_conv_head", "_bn1"))
        features = tf.reduce_mean(x, [1, 2])
        return {"logits": tf.matmul(features, self._weight("_fc.weight")) + self._weight("_fc.bias")}


def _channels_last(name: str, weight: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """The weight with its axes in TensorFlow's order; PyTorch keeps output channels first."""
    if "_depthwise_conv" in name:
        return weight.transpose(2, 3, 0, 1)
    if weight.ndim == 4:
        return weight.transpose(2, 3, 1, 0)
    return weight.T


def save_model(checkpoint: Path, folder: Path) -> None:
    """`folder` holds the SavedModel, with `serving_default`: `images` to `logits`.

    Raises:
        CheckpointRejected: the checkpoint is not a plain dictionary of tensors.
    """
    model = EfficientNetLite0(read_checkpoint(checkpoint))
    tf.saved_model.save(model, str(folder), signatures={"serving_default": model.__call__})
    _forget_identity(folder / "fingerprint.pb")


def _forget_identity(path: Path) -> None:
    """The random number that tells two savings apart is gone: the same model gives the same bytes."""
    fingerprint = FingerprintDef.FromString(path.read_bytes())
    fingerprint.ClearField("uuid")
    path.write_bytes(fingerprint.SerializeToString(deterministic=True))


if __name__ == "__main__":
    save_model(Path(sys.argv[1]), Path(sys.argv[2]))
