"""The TensorFlow runtime, on a model of three operations: its fit with the terms."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attestation.errors import Misconfigured
from tests.workload.samples import terms_text
from workload import runtimes
from workload.job import Job, agree, parse_request
from workload.pipeline import Fed
from workload.runtimes import ModelMisfit
from workload.terms import parse_terms

REQUEST = {"INPUT_URI": "gs://photos", "RESULT_URI": "gs://results"}


def job(*replacements: tuple[str, str], top_k: int = 3, batch_size: int = 2) -> Job:
    text = terms_text()
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    request = parse_request({**REQUEST, "TOP_K": str(top_k), "BATCH_SIZE": str(batch_size)})
    return agree(parse_terms(text), request)


def fed(*colours: tuple[float, float, float]) -> Fed:
    """Pictures of one colour each, `float32[n, 8, 8, 3]`."""
    return np.stack([np.broadcast_to(np.array(colour, np.float32), (8, 8, 3)) for colour in colours])


def test_the_best_classes_come_first_with_their_softmax_scores(saved_model: Path) -> None:
    model = runtimes.load(saved_model, job())
    indices, scores = model.classifier(fed((1, 0, 0), (0, 0, 1)))
    assert indices.tolist() == [[0, 3, 1], [2, 3, 0]]
    assert indices.dtype == np.int32
    assert scores.dtype == np.float32
    expected = np.exp([1, 0.5, 0]) / np.exp([1, 0.5, 0, 0]).sum()
    np.testing.assert_allclose(scores, [expected, expected], rtol=1e-6)
    assert model.classes == 4


def test_scores_as_they_are_are_the_models_own(saved_model: Path) -> None:
    model = runtimes.load(saved_model, job(('scores = "softmax"', 'scores = "as-is"')))
    np.testing.assert_allclose(model.classifier(fed((1, 0, 0)))[1], [[1, 0.5, 0]], rtol=1e-6)


@pytest.mark.parametrize(
    ("replacement", "said"),
    [
        (("height = 8", "height = 16"), ["`images` float32[n, 8, 8, 3]", "float32[n, 16, 8, 3]"]),
        (('tensor = "images"', 'tensor = "x"'), ["`images` float32[n, 8, 8, 3]", "`x` float32[n, 8, 8, 3]"]),
        (('tensor = "logits"', 'tensor = "y"'), ["`logits` float32[n, 4]", "`y`"]),
    ],
)
def test_a_signature_that_does_not_fit_is_shown_beside_the_terms(
    saved_model: Path, replacement: tuple[str, str], said: list[str]
) -> None:
    with pytest.raises(ModelMisfit) as refused:
        runtimes.load(saved_model, job(replacement))
    assert [text for text in said if text not in refused.value.message] == []
    assert not any(character.isdigit() for character in refused.value.told_to_operator)


def test_more_classes_than_the_model_has_are_refused(saved_model: Path) -> None:
    with pytest.raises(ModelMisfit, match="5 classes are asked for, and the model has 4"):
        runtimes.load(saved_model, job(("largest_top_k = 3", "largest_top_k = 9"), top_k=5))


def test_what_tensorflow_cannot_read_is_the_owners_to_mend(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"\xff\xff not a graph")
    with pytest.raises(Misconfigured, match="cannot read the model") as refused:
        runtimes.load(tmp_path, job())
    assert str(tmp_path) not in refused.value.message


def test_a_model_without_a_serving_signature_does_not_fit(tmp_path: Path) -> None:
    import tensorflow as tf

    tf.saved_model.save(tf.Module(), str(tmp_path))
    with pytest.raises(ModelMisfit, match="no signature `serving_default`"):
        runtimes.load(tmp_path, job())


def save(folder: Path, function: Callable[..., Any], spec: Any) -> Path:
    import tensorflow as tf

    module = tf.Module()
    module.f = tf.function(function, input_signature=[spec])
    tf.saved_model.save(module, str(folder), signatures=module.f)
    return folder


def test_a_model_that_insists_on_a_batch_size_gets_it(tmp_path: Path) -> None:
    import tensorflow as tf

    spec = tf.TensorSpec([3, 8, 8, 3], tf.float32, name="images")
    folder = save(tmp_path, lambda images: {"logits": tf.reduce_mean(images, axis=[1, 2])}, spec)
    model = runtimes.load(folder, job(batch_size=2))
    assert model.batch_size == 3
    red, green, blue = (1, 0, 0), (0, 1, 0), (0, 0, 1)
    assert model.classifier(fed(red, green, blue))[0][:, 0].tolist() == [0, 1, 2]
    assert model.classifier(fed(red))[0][:, 0].tolist() == [0]


@pytest.mark.parametrize("kind", ["uint8", "int32", "float16", "bfloat16", "float64"])
def test_a_model_may_take_another_kind_of_number(tmp_path: Path, kind: str) -> None:
    import tensorflow as tf

    spec = tf.TensorSpec([None, 8, 8, 3], tf.dtypes.as_dtype(kind), name="images")
    folder = save(
        tmp_path, lambda images: {"logits": tf.reduce_mean(tf.cast(images, tf.float32), axis=[1, 2])}, spec
    )
    model = runtimes.load(folder, job(('"softmax"', '"as-is"')))
    indices, scores = model.classifier(fed((250, 7, 128)))
    assert indices.tolist() == [[0, 2, 1]]
    assert scores.tolist() == [[250, 128, 7]]


def test_whole_numbers_are_the_nearest_that_there_are(tmp_path: Path) -> None:
    import tensorflow as tf

    spec = tf.TensorSpec([None, 8, 8, 3], tf.uint8, name="images")
    folder = save(
        tmp_path, lambda images: {"logits": tf.reduce_mean(tf.cast(images, tf.float32), axis=[1, 2])}, spec
    )
    classify = runtimes.load(folder, job(('"softmax"', '"as-is"'))).classifier
    indices, scores = classify(fed((-3, 99.6, 300)))
    assert indices.tolist() == [[2, 1, 0]]
    assert scores.tolist() == [[255, 100, 0]]


def test_a_model_fed_with_text_does_not_fit(tmp_path: Path) -> None:
    import tensorflow as tf

    spec = tf.TensorSpec([None], tf.string, name="images")
    folder = save(tmp_path, lambda images: {"logits": tf.zeros([tf.shape(images)[0], 4])}, spec)
    with pytest.raises(ModelMisfit, match=r"string\[n\], and the terms feed `images` float32\[n, 8, 8, 3\]"):
        runtimes.load(folder, job())


def test_a_model_that_needs_more_than_its_signature_says_does_not_fit(tmp_path: Path) -> None:
    import tensorflow as tf

    def flat(images: Any) -> dict[str, Any]:
        return {"logits": tf.reshape(images, [tf.shape(images)[0], 9 * 9 * 3]) @ tf.ones([9 * 9 * 3, 4])}

    folder = save(tmp_path, flat, tf.TensorSpec([None, None, None, 3], tf.float32, name="images"))
    with pytest.raises(ModelMisfit, match=r"float32\[n, n, n, 3\] .* fed float32\[1, 8, 8, 3\]"):
        runtimes.load(folder, job())


def test_a_model_with_an_operation_that_tensorflow_lacks_is_the_owners_to_mend(tmp_path: Path) -> None:
    import tensorflow as tf

    spec = tf.TensorSpec([None, 8, 8, 3], tf.float32, name="images")
    folder = save(tmp_path, lambda images: {"logits": tf.reduce_mean(images, axis=[1, 2])}, spec)
    graph = folder / "saved_model.pb"
    graph.write_bytes(graph.read_bytes().replace(b"NoOp", b"NoNo"))
    with pytest.raises(Misconfigured, match="cannot read the model"):
        runtimes.load(folder, job())
