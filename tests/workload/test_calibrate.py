"""An owner's model in int8, from the script to the runtime that takes nothing else for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.workload.samples import terms_text

SCRIPT = Path(__file__).parents[2] / "scripts" / "calibrate"
FOR_INT8 = (('"tensorflow"', '"openvino"'), ('"fp32"', '"int8"'))


def calibrate(folder: Path, model: Path, *replacements: tuple[str, str]) -> subprocess.CompletedProcess[str]:
    text = terms_text()
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    (folder / "terms.toml").write_text(text)
    command = [sys.executable, str(SCRIPT), str(model), str(folder / "photos")]
    options = ["--terms", str(folder / "terms.toml"), "--out", str(folder / "int8")]
    return subprocess.run([*command, *options], capture_output=True, text=True, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With ten photos of random colours."""
    (tmp_path / "photos").mkdir()
    random = np.random.default_rng(1)
    for number in range(10):
        pixels = random.integers(0, 256, (1, 1, 3), np.uint8).repeat(12, 0).repeat(12, 1)
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{number}.png")
    return tmp_path


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SavedModel with a convolution in it: where there is none, nothing can be quantised."""
    import tensorflow as tf

    class Convolved(tf.Module):  # type: ignore[misc]  # TensorFlow is untyped
        def __init__(self) -> None:
            kernel = np.random.default_rng(0).normal(size=(3, 3, 3, 4)).astype(np.float32)
            self.kernel = tf.Variable(kernel)

        @tf.function(input_signature=[tf.TensorSpec([None, 8, 8, 3], tf.float32, name="images")])  # type: ignore[untyped-decorator]
        def __call__(self, images: object) -> dict[str, object]:
            features = tf.nn.relu(tf.nn.conv2d(images, self.kernel, 1, "SAME"))
            return {"logits": tf.reduce_mean(features, axis=[1, 2])}

    saved = tmp_path_factory.mktemp("convolved") / "model"
    model = Convolved()
    tf.saved_model.save(model, str(saved), signatures={"serving_default": model.__call__})
    return saved


def test_the_calibrated_model_is_one_that_the_runtime_takes_for_int8(folder: Path, network: Path) -> None:
    done = calibrate(folder, network, *FOR_INT8)
    assert done.returncode == 0, done.stderr
    assert "calibrated on 8 photos; of 2 others" in done.stdout
    assert sorted(path.name for path in (folder / "int8").iterdir()) == ["model.bin", "model.xml"]
    assert "FakeQuantize" in (folder / "int8" / "model.xml").read_text()


def test_terms_that_ask_for_something_else_are_refused_before_anything_is_made(
    folder: Path, network: Path
) -> None:
    done = calibrate(folder, network, FOR_INT8[0])
    assert done.returncode == 7
    assert done.stderr.startswith("error: the terms do not name `openvino` and `int8`")
    assert not (folder / "int8").exists()


def test_too_few_photos_are_refused(folder: Path, network: Path) -> None:
    for number in range(7):
        (folder / "photos" / f"{number}.png").write_bytes(b"no picture")
    done = calibrate(folder, network, *FOR_INT8)
    assert done.returncode == 7
    assert "holds 3 that can be read" in done.stderr
    assert not (folder / "int8").exists()
