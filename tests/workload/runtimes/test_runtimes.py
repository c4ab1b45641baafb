"""What both runtimes do alike, on models of a few operations: their fit with the terms, and their answers."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attestation.errors import Misconfigured
from contract.request import Job, agree, parse_request
from contract.terms import parse_terms
from tests.workload.samples import terms_text
from workload import runtimes
from workload.answers import Fed
from workload.runtimes import ModelMisfit

MakeJob = Callable[..., Job]
REQUEST = {"INPUT_URI": "gs://photos", "RESULT_URI": "gs://results"}
RUNTIMES = ["tensorflow", "openvino"]


@pytest.fixture(params=RUNTIMES)
def job(request: pytest.FixtureRequest) -> MakeJob:
    def make(*replacements: tuple[str, str], top_k: int = 3) -> Job:
        return make_job(("tensorflow", request.param), *replacements, top_k=top_k)

    return make


def make_job(*replacements: tuple[str, str], top_k: int = 3) -> Job:
    text = terms_text()
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    request = parse_request({**REQUEST, "TOP_K": str(top_k)})
    return agree(parse_terms(text), request)


def fed(*colours: tuple[float, float, float]) -> Fed:
    """Pictures of one colour each, `float32[n, 8, 8, 3]`."""
    return np.stack([np.broadcast_to(np.array(colour, np.float32), (8, 8, 3)) for colour in colours])


def test_the_best_classes_come_first_with_their_softmax_scores(job: MakeJob, saved_model: Path) -> None:
    model = runtimes.load(saved_model, job())
    indices, scores = model.classifier(fed((1, 0, 0), (0, 0, 1)))
    assert indices.tolist() == [[0, 3, 1], [2, 3, 0]]
    assert indices.dtype == np.int32
    assert scores.dtype == np.float32
    expected = np.exp([1, 0.5, 0]) / np.exp([1, 0.5, 0, 0]).sum()
    np.testing.assert_allclose(scores, [expected, expected], rtol=1e-6)
    assert model.classes == 4


def test_scores_as_they_are_are_the_models_own(job: MakeJob, saved_model: Path) -> None:
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
    job: MakeJob, saved_model: Path, replacement: tuple[str, str], said: list[str]
) -> None:
    with pytest.raises(ModelMisfit) as refused:
        runtimes.load(saved_model, job(replacement))
    assert [text for text in said if text not in refused.value.message] == []
    assert not any(character.isdigit() for character in refused.value.told_to_operator)


def test_more_classes_than_the_model_has_are_refused(job: MakeJob, saved_model: Path) -> None:
    with pytest.raises(ModelMisfit, match="5 classes are asked for, and the model has 4"):
        runtimes.load(saved_model, job(("largest_top_k = 3", "largest_top_k = 9"), top_k=5))


def test_what_the_runtime_cannot_read_is_the_owners_to_mend(job: MakeJob, tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"\xff\xff not a graph")
    with pytest.raises(Misconfigured, match="cannot read the model") as refused:
        runtimes.load(tmp_path, job())
    assert str(tmp_path) not in refused.value.message


def test_a_model_without_a_serving_signature_does_not_fit(job: MakeJob, tmp_path: Path) -> None:
    import tensorflow as tf

    tf.saved_model.save(tf.Module(), str(tmp_path))
    with pytest.raises(ModelMisfit, match="no signature `serving_default`"):
        runtimes.load(tmp_path, job())


ANOTHER = ('signature = "serving_default"', 'signature = "classify"')


def test_another_signature_is_asked_where_the_terms_name_it(tmp_path: Path) -> None:
    import tensorflow as tf

    module = tf.Module()
    spec = tf.TensorSpec([None, 8, 8, 3], tf.float32, name="images")
    functions = {
        name: tf.function(
            lambda images, factor=factor: {"logits": factor * tf.reduce_mean(images, axis=[1, 2])},
            input_signature=[spec],
        ).get_concrete_function()
        for name, factor in (("classify", 1.0), ("serving_default", -1.0))
    }
    tf.saved_model.save(module, str(tmp_path), signatures=functions)
    best = {}
    for terms in ((ANOTHER[0], ANOTHER[0]), ANOTHER):
        model = runtimes.load(tmp_path, make_job(terms))
        best[terms[1]] = int(model.classifier(fed((1, 0.5, 0)))[0][0, 0])
    assert best == {ANOTHER[0]: 2, ANOTHER[1]: 0}


def test_another_signature_than_the_model_has_is_refused_by_its_name(job: MakeJob, saved_model: Path) -> None:
    with pytest.raises(ModelMisfit, match="signature `classify`"):
        runtimes.load(saved_model, job(ANOTHER))


def save(folder: Path, function: Callable[..., Any], spec: Any) -> Path:
    import tensorflow as tf

    module = tf.Module()
    module.f = tf.function(function, input_signature=[spec])
    tf.saved_model.save(module, str(folder), signatures=module.f)
    return folder


def test_a_model_that_insists_on_a_batch_size_gets_it(job: MakeJob, tmp_path: Path) -> None:
    import tensorflow as tf

    spec = tf.TensorSpec([3, 8, 8, 3], tf.float32, name="images")
    folder = save(tmp_path, lambda images: {"logits": tf.reduce_mean(images, axis=[1, 2])}, spec)
    model = runtimes.load(folder, job())
    red, green, blue = (1, 0, 0), (0, 1, 0), (0, 0, 1)
    assert model.classifier(fed(red, green, blue))[0][:, 0].tolist() == [0, 1, 2]
    assert model.classifier(fed(red))[0][:, 0].tolist() == [0]


@pytest.mark.parametrize("kind", ["uint8", "int32", "float16", "bfloat16", "float64"])
def test_a_model_may_take_another_kind_of_number(job: MakeJob, tmp_path: Path, kind: str) -> None:
    import tensorflow as tf

    spec = tf.TensorSpec([None, 8, 8, 3], tf.dtypes.as_dtype(kind), name="images")
    folder = save(
        tmp_path, lambda images: {"logits": tf.reduce_mean(tf.cast(images, tf.float32), axis=[1, 2])}, spec
    )
    model = runtimes.load(folder, job(('"softmax"', '"as-is"')))
    indices, scores = model.classifier(fed((250, 7, 128)))
    assert indices.tolist() == [[0, 2, 1]]
    assert scores.tolist() == [[250, 128, 7]]


def test_whole_numbers_are_the_nearest_that_there_are(job: MakeJob, tmp_path: Path) -> None:
    import tensorflow as tf

    spec = tf.TensorSpec([None, 8, 8, 3], tf.uint8, name="images")
    folder = save(
        tmp_path, lambda images: {"logits": tf.reduce_mean(tf.cast(images, tf.float32), axis=[1, 2])}, spec
    )
    classify = runtimes.load(folder, job(('"softmax"', '"as-is"'))).classifier
    indices, scores = classify(fed((-3, 99.6, 300)))
    assert indices.tolist() == [[2, 1, 0]]
    assert scores.tolist() == [[255, 100, 0]]


def test_a_model_fed_with_text_does_not_fit(job: MakeJob, tmp_path: Path) -> None:
    import tensorflow as tf

    spec = tf.TensorSpec([None], tf.string, name="images")
    folder = save(tmp_path, lambda images: {"logits": tf.zeros([tf.shape(images)[0], 4])}, spec)
    with pytest.raises(ModelMisfit, match=r"string\[n\], and the terms feed `images` float32\[n, 8, 8, 3\]"):
        runtimes.load(folder, job())


def test_a_model_that_needs_more_than_its_signature_says_does_not_fit(job: MakeJob, tmp_path: Path) -> None:
    import tensorflow as tf

    def flat(images: Any) -> dict[str, Any]:
        return {"logits": tf.reshape(images, [tf.shape(images)[0], 9 * 9 * 3]) @ tf.ones([9 * 9 * 3, 4])}

    folder = save(tmp_path, flat, tf.TensorSpec([None, None, None, 3], tf.float32, name="images"))
    with pytest.raises(ModelMisfit, match=r"float32\[n, n, n, 3\] .* fed float32\[[14], 8, 8, 3\]"):
        runtimes.load(folder, job())


def test_a_model_with_an_operation_that_the_runtime_lacks_is_the_owners_to_mend(
    job: MakeJob, tmp_path: Path
) -> None:
    import tensorflow as tf

    spec = tf.TensorSpec([None, 8, 8, 3], tf.float32, name="images")
    folder = save(tmp_path, lambda images: {"logits": tf.reduce_mean(images, axis=[1, 2])}, spec)
    graph = folder / "saved_model.pb"
    graph.write_bytes(graph.read_bytes().replace(b"Mean", b"Moan"))
    with pytest.raises(Misconfigured, match="cannot read the model"):
        runtimes.load(folder, job())


@pytest.mark.parametrize(
    ("runtime", "file", "found"),
    [
        ("tensorflow", "saved_model.pb", ""),
        ("tensorflow", "colours/saved_model.pb", "colours"),
        ("openvino", "colours/saved_model.pb", "colours"),
        ("openvino", "colours/model.xml", "colours/model.xml"),
    ],
)
def test_the_model_is_found_wherever_the_archive_has_it(
    tmp_path: Path, runtime: str, file: str, found: str
) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_bytes(b"")
    (tmp_path / file).with_suffix(".bin").write_bytes(b"")
    assert runtimes.find_model(tmp_path, runtime) == tmp_path / found


@pytest.mark.parametrize(
    ("runtime", "files"),
    [
        ("tensorflow", ["labels.txt"]),
        ("tensorflow", ["one/saved_model.pb", "two/saved_model.pb"]),
        ("tensorflow", ["model.xml", "model.bin"]),
        ("openvino", ["saved_model.pb", "model.xml", "model.bin"]),
        ("openvino", ["model.xml"]),
    ],
)
def test_an_archive_without_exactly_one_model_for_the_runtime_is_refused(
    tmp_path: Path, runtime: str, files: list[str]
) -> None:
    for file in files:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_bytes(b"")
    with pytest.raises(Misconfigured, match=f"model for {runtime}") as refused:
        runtimes.find_model(tmp_path, runtime)
    assert "SavedModel" in refused.value.hint


@pytest.mark.parametrize("name", RUNTIMES)
def test_an_image_for_another_runtime_says_what_to_do(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for module in (name, f"workload.runtimes.{name}"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setattr(sys, "meta_path", [Missing(name), *sys.meta_path])
    with pytest.raises(Misconfigured, match=f"`{name}`, which this image does not hold") as refused:
        runtimes.import_runtime(name)
    assert f"--build-arg RUNTIME={name}" in refused.value.hint


class Missing(MetaPathFinder):
    """The package `name` is not installed."""

    def __init__(self, name: str) -> None:
        self._name = name

    def find_spec(self, fullname: str, *_: object) -> None:
        if fullname == self._name:
            raise ModuleNotFoundError(name=fullname)
