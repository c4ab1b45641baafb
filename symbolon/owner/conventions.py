"""How pixels are fed to a model: the few ways that models are trained with, by the name that a person types.

`fed = (pixel - mean) * scale`, pixel in 0 to 255; `mean` is red, green, blue. What a model was trained with
stands in no file; Keras and PyTorch document it with each of their models.

Source: keras.applications.imagenet_utils.preprocess_input (modes `tf`, `torch`, `caffe`); torchvision.models,
"the inference transforms"; tensorflow/tpu, EfficientNet-Lite.
"""

from __future__ import annotations

from dataclasses import dataclass

Mean = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Convention:
    """A way to feed a model. `says` is the range of what is fed, and who trains so."""

    mean: Mean
    scale: float
    channels: str = "rgb"
    says: str


CONVENTIONS: dict[str, Convention] = {
    "unit": Convention(mean=(0.0, 0.0, 0.0), scale=1 / 255, says="0 to 1: TensorFlow Hub's models"),
    "signed": Convention(
        mean=(127.5, 127.5, 127.5), scale=1 / 127.5, says="-1 to 1: Keras's MobileNet and Inception"
    ),
    "lite": Convention(
        mean=(127.0, 127.0, 127.0), scale=1 / 128, says="about -1 to 1, by 128: EfficientNet-Lite"
    ),
    "raw": Convention(mean=(0.0, 0.0, 0.0), scale=1.0, says="0 to 255: a model that scales by itself"),
    # One deviation a channel is no single scale: 0.229, 0.224 and 0.225 are taken as 0.226.
    "imagenet": Convention(
        mean=(123.675, 116.28, 103.53),
        scale=1 / (255 * 0.226),
        says="ImageNet's mean and deviation: PyTorch's models, nearly (one scale stands for three)",
    ),
    "caffe": Convention(
        mean=(123.68, 116.779, 103.939),
        scale=1.0,
        channels="bgr",
        says="ImageNet's mean, blue first: Keras's ResNet and VGG",
    ),
}
