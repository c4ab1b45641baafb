"""TensorFlow without its Python gives what its Python gives, from a process that has none of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attestation.errors import Misconfigured
from tests.workload.runtimes.test_runtimes import make_job, save
from workload import runtimes
from workload.runtimes import tensorflow, tensorflow_python
from workload.runtimes.signature import Tensor

ROOT = Path(__file__).parents[3]
KINDS = ["uint8", "int8", "uint16", "int16", "int32", "uint32", "int64", "float16", "bfloat16", "float64"]


def network(images: Any) -> dict[str, Any]:
    """Two convolutions with a depthwise one between them, of weights from a seed."""
    import tensorflow as tf

    chance = np.random.default_rng(0)
    x = tf.nn.relu6(tf.nn.conv2d(images, chance.normal(size=(3, 3, 3, 32)).astype("f4"), 2, "SAME"))
    x = tf.nn.depthwise_conv2d(x, chance.normal(size=(3, 3, 32, 1)).astype("f4"), [1] * 4, "SAME")
    x = tf.nn.conv2d(tf.nn.relu6(x), chance.normal(size=(1, 1, 32, 1000)).astype("f4") / 8, 1, "SAME")
    return {"logits": tf.reduce_mean(x, [1, 2])}


@pytest.mark.parametrize("scores", ["softmax", "as-is"])
def test_it_gives_what_tensorflows_python_gives(tmp_path: Path, scores: str) -> None:
    import tensorflow as tf

    folder = save(tmp_path, network, tf.TensorSpec([None, 8, 8, 3], tf.float32, name="images"))
    job = make_job(('"softmax"', f'"{scores}"'))
    pictures = np.random.default_rng(1).random((50, 8, 8, 3), np.float32)
    expected = tensorflow_python.load(folder, job).classifier(pictures)
    found = tensorflow.load(folder, job).classifier(pictures)
    np.testing.assert_array_equal(found[0], expected[0])
    # The threads of a pool part the sums in other places than one thread does.
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_of_other_numbers_is_told_what_tensorflow_would_tell_it(kind: str) -> None:
    import tensorflow as tf

    pictures = np.array(
        [[-3e38, -1.5, -0.5, 0, 0.5, 1.5, 2.5, 99.6, 254.5, 300, 7e4, 3e9, 1e19, 3e38]], np.float32
    )
    taken = Tensor(dtype=kind, shape=None)
    told = tf.saturate_cast(tf.round(pictures) if taken.is_integer else pictures, kind)
    if kind in ("int64", "uint32", "uint64"):  # whose largest number no float32 is
        pictures, told = pictures[:, 1:11], told[:, 1:11]
    if kind == "bfloat16":
        told = tf.bitcast(told, tf.uint16)
    np.testing.assert_array_equal(tensorflow.as_kind(pictures, taken), told.numpy())


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float64"])
def test_scores_of_other_numbers_are_read(kind: str, tmp_path: Path) -> None:
    import tensorflow as tf

    def means(images: Any) -> dict[str, Any]:
        return {"logits": tf.cast(tf.reduce_mean(images, axis=[1, 2]), kind)}

    folder = save(tmp_path, means, tf.TensorSpec([None, 8, 8, 3], tf.float32, name="images"))
    pictures = np.broadcast_to(np.array([0.5, 3, -2], np.float32), (2, 8, 8, 3))
    indices, scores = tensorflow.load(folder, make_job(('"softmax"', '"as-is"'))).classifier(pictures)
    assert indices.tolist() == [[1, 0, 2]] * 2
    assert scores.tolist() == [[3, 0.5, -2]] * 2


@settings(deadline=None)
@given(
    st.lists(
        st.lists(st.sampled_from([0.0, 1.0, 2.0, -1.0, np.inf, -np.inf]), min_size=7, max_size=7), min_size=1
    ),
    st.integers(1, 7),
)
def test_the_best_are_those_of_tensorflow_the_first_of_equals_first(
    rows: list[list[float]], count: int
) -> None:
    import tensorflow as tf

    scores = np.array(rows, np.float32)
    expected = tf.math.top_k(scores, count)
    indices, values = tensorflow.best(scores, count)
    np.testing.assert_array_equal(indices, expected.indices)
    np.testing.assert_array_equal(values, expected.values)


def test_what_is_no_number_is_not_hidden_behind_numbers() -> None:
    scores = np.array([[1, np.nan, 3], [3, 2, 1]], np.float32)
    indices, values = tensorflow.best(scores, 2)
    assert indices.tolist() == [[1, 2], [0, 1]]
    assert np.isnan(values[0, 0])


def test_int8_is_refused_with_the_runtime_that_has_it(saved_model: Path) -> None:
    with pytest.raises(Misconfigured, match="no model in int8") as refused:
        runtimes.load(saved_model, make_job(("fp32", "int8")))
    assert 'runtime.name = "openvino"' in refused.value.hint


def test_on_a_gpu_its_python_runs_the_model(
    saved_model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tensorflow, "_GPU", tmp_path)
    assert isinstance(tensorflow.load(saved_model, make_job()).classifier, tensorflow_python._Classifier)
    monkeypatch.setattr(tensorflow, "_GPU", tmp_path / "none")
    assert not isinstance(tensorflow.load(saved_model, make_job()).classifier, tensorflow_python._Classifier)


SEEN = """
import json, sys
from pathlib import Path
from tests.workload.runtimes.test_runtimes import fed, make_job
from workload import runtimes
assert "numpy.random" not in sys.modules
model = runtimes.load(Path(sys.argv[1]), make_job())
import numpy.random  # behind the library: another C++ library's names would be in its way
numpy.random.default_rng(0).random()
print(json.dumps([sorted(sys.modules), model.classifier(fed((1, 0, 0)))[0].tolist()]))
"""


def test_no_python_of_tensorflows_is_there_and_numbers_can_be_drawn_behind_it(saved_model: Path) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    done = subprocess.run(
        [sys.executable, "-c", SEEN, str(saved_model)],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    modules, indices = json.loads(done.stdout)
    packages = {module.partition(".")[0] for module in modules}
    assert not packages & {"tensorflow", "keras", "h5py", "absl"}
    assert indices == [[0, 3, 1]]
