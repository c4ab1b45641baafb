"""TensorFlow by its Python: variables that become constants, precision, and one GPU."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from attestation.errors import Misconfigured
from tests.workload.runtimes.test_runtimes import make_job
from workload.runtimes import tensorflow_python


def test_a_model_that_is_frozen_under_way_goes_on_with_the_same_answers(
    saved_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tensorflow_python, "FREEZE_AFTER", 8)
    classifier: Any = tensorflow_python.load(saved_model, make_job()).classifier
    images = np.random.default_rng(0).random((4, 8, 8, 3), np.float32)
    before, variables = classifier(images), classifier._best
    classifier(images)
    classifier._freezing.join()
    assert classifier._best is not variables
    assert not classifier._best.variables
    after = classifier(images)
    np.testing.assert_array_equal(after[0], before[0])
    np.testing.assert_allclose(after[1], before[1], rtol=1e-5)


def test_a_short_job_is_not_kept_waiting_for_constants(saved_model: Path) -> None:
    classifier: Any = tensorflow_python.load(saved_model, make_job()).classifier
    classifier(np.zeros((4, 8, 8, 3), np.float32))
    assert classifier._freezing is None


@pytest.mark.parametrize(("precision", "is_bf16"), [("fp32", False), ("bf16", True)])
def test_nothing_but_the_terms_makes_it_less_exact(saved_model: Path, precision: str, is_bf16: bool) -> None:
    import tensorflow as tf

    tensorflow_python.load(saved_model, make_job(("fp32", precision)))
    assert tf.config.optimizer.get_experimental_options()["auto_mixed_precision_onednn_bfloat16"] is is_bf16
    assert tf.config.experimental.tensor_float_32_execution_enabled() is is_bf16


def test_int8_is_refused_with_the_runtime_that_has_it(saved_model: Path) -> None:
    with pytest.raises(Misconfigured, match="no model in int8") as refused:
        tensorflow_python.load(saved_model, make_job(("fp32", "int8")))
    assert 'runtime.name = "openvino"' in refused.value.hint


def test_one_gpu_is_used_where_there_is_one_in_larger_batches(
    saved_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tensorflow as tf

    told: list[object] = []
    gpus = [SimpleNamespace(name="first"), SimpleNamespace(name="second")]
    with monkeypatch.context() as patched:
        patched.setattr(tf.config, "list_physical_devices", lambda _kind: gpus)
        for name in ("set_intra_op_parallelism_threads", "set_inter_op_parallelism_threads"):
            patched.setattr(tf.config.threading, name, lambda _count: None)
        patched.setattr(tf.config, "set_visible_devices", lambda devices, _kind: told.append(devices))
        patched.setattr(tf.config.experimental, "set_memory_growth", lambda gpu, on: told.append((gpu, on)))
        loaded = tensorflow_python.load(saved_model, make_job())
        assert (loaded.preferred_batch_size, loaded.at_once) == (256, 2)
    assert told == [gpus[:1], (gpus[0], True)]
    assert tensorflow_python.load(saved_model, make_job()).preferred_batch_size is None
