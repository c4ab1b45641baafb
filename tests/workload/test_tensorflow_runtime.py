"""The TensorFlow runtime, on a model of three operations: its fit with the terms, and its pixels."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from attestation.errors import Misconfigured
from tests.workload.samples import LABELS, picture, terms_text
from workload import runtimes
from workload.images import EncodedImage, check_header
from workload.job import Job, agree, parse_request
from workload.labels import read_labels
from workload.runtimes import LoadedModel, ModelMisfit
from workload.terms import parse_terms

REQUEST = {"INPUT_URI": "gs://photos", "RESULT_URI": "gs://results"}


def job(*replacements: tuple[str, str], top_k: int = 3, batch_size: int = 2) -> Job:
    text = terms_text()
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    request = parse_request({**REQUEST, "TOP_K": str(top_k), "BATCH_SIZE": str(batch_size)})
    return agree(parse_terms(text), request)


def fed(model: LoadedModel, *images: bytes) -> tuple[list[int], np.ndarray[Any, Any]]:
    """The positions that could be decoded, and what the model is fed with."""
    encoded = [(position, check_header(data)) for position, data in enumerate(images)]
    batches = list(model.batches(encoded))
    positions = [position for batch, _ in batches for position in batch.tolist()]
    return positions, np.concatenate([pixels for _, pixels in batches])


def test_the_best_classes_come_first_with_their_softmax_scores(saved_model: Path) -> None:
    model = runtimes.load(saved_model, job())
    _, pixels = fed(model, picture((255, 0, 0)), picture((0, 0, 255)))
    indices, scores = model.classifier(pixels)
    assert indices.tolist() == [[0, 3, 1], [2, 3, 0]]
    assert indices.dtype == np.int32
    assert scores.dtype == np.float32
    expected = np.exp([1, 0.5, 0]) / np.exp([1, 0.5, 0, 0]).sum()
    np.testing.assert_allclose(scores, [expected, expected], rtol=1e-6)
    assert model.classes == 4


def test_scores_as_they_are_are_the_models_own(saved_model: Path) -> None:
    model = runtimes.load(saved_model, job(('scores = "softmax"', 'scores = "as-is"')))
    _, pixels = fed(model, picture((255, 0, 0)))
    np.testing.assert_allclose(model.classifier(pixels)[1], [[1, 0.5, 0]], rtol=1e-6)


def test_mean_and_scale_are_the_terms(saved_model: Path) -> None:
    model = runtimes.load(
        saved_model,
        job(("mean = [0.0, 0.0, 0.0]", "mean = [127.0, 10.0, -1.0]"), ("0.00392156862745098", "0.0078125")),
    )
    _, pixels = fed(model, picture((255, 10, 0)))
    np.testing.assert_array_equal(pixels[0, 0, 0], [1.0, 0.0, 0.0078125])


def test_pixels_equal_those_of_the_codelabs_workload_with_its_scaling_mended(saved_model: Path) -> None:
    import tensorflow as tf

    noise = np.random.default_rng(0).integers(0, 255, (40, 30, 3), np.uint8)
    encoded = io.BytesIO()
    Image.fromarray(noise).save(encoded, "JPEG")
    _, pixels = fed(runtimes.load(saved_model, job()), encoded.getvalue())
    decoded = tf.image.decode_image(encoded.getvalue(), channels=3)
    theirs = tf.image.resize(decoded, (8, 8)) * (1 / 255)
    np.testing.assert_array_equal(pixels[0], theirs.numpy())


def encode(image: Image.Image, format: str, **options: Any) -> bytes:
    encoded = io.BytesIO()
    image.save(encoded, format, **options)
    return encoded.getvalue()


RED, BLUE = Image.new("RGB", (12, 10), (255, 0, 0)), Image.new("RGB", (12, 10), (0, 0, 255))
KINDS = [
    *("jpeg", "png", "gif", "bmp", "webp"),
    *("cmyk", "16-bit", "grey", "alpha", "palette"),
    *("gif-animated", "png-animated", "webp-animated"),
]
GREY16 = Image.fromarray(np.full((10, 12), 0xFFFF, np.uint16))


@pytest.mark.parametrize(
    ("data", "colour"),
    [
        (encode(RED, "JPEG"), (1, 0, 0)),
        (encode(RED, "PNG"), (1, 0, 0)),
        (encode(RED, "GIF"), (1, 0, 0)),
        (encode(RED, "BMP"), (1, 0, 0)),
        (encode(RED, "WEBP", lossless=True), (1, 0, 0)),
        (encode(RED.convert("CMYK"), "JPEG"), (1, 0, 0)),
        (encode(GREY16, "PNG"), (1, 1, 1)),
        (encode(RED.convert("L"), "PNG"), (0.298, 0.298, 0.298)),
        (encode(RED.convert("RGBA"), "PNG"), (1, 0, 0)),
        (encode(RED.convert("P"), "PNG"), (1, 0, 0)),
        (encode(RED, "GIF", save_all=True, append_images=[BLUE]), (1, 0, 0)),
        (encode(RED, "PNG", save_all=True, append_images=[BLUE]), (1, 0, 0)),
        (encode(RED, "WEBP", save_all=True, append_images=[BLUE], lossless=True), (1, 0, 0)),
    ],
    ids=[
        "jpeg",
        "png",
        "gif",
        "bmp",
        "webp",
        "cmyk",
        "16-bit",
        "grey",
        "alpha",
        "palette",
        "gif-animated",
        "png-animated",
        "webp-animated",
    ],
)
def test_every_kind_of_picture_is_decoded_to_its_colour(
    saved_model: Path, data: bytes, colour: tuple[float, float, float]
) -> None:
    _, pixels = fed(runtimes.load(saved_model, job()), data)
    np.testing.assert_allclose(pixels.mean(axis=(0, 1, 2)), colour, atol=0.02)


def test_a_damaged_picture_is_left_out_and_the_order_kept(saved_model: Path) -> None:
    whole = encode(Image.effect_noise((64, 64), 50).convert("RGB"), "JPEG")
    png = encode(Image.effect_noise((64, 64), 50).convert("RGB"), "PNG")
    images = [whole, whole[: len(whole) // 2], picture(), png[: len(png) // 2], picture(), picture()]
    positions, pixels = fed(runtimes.load(saved_model, job()), *images)
    assert positions == [0, 2, 4, 5]
    assert pixels.shape == (4, 8, 8, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_turned_upright_where_the_terms_say_so(saved_model: Path, orientation: int) -> None:
    pixels = np.random.default_rng(orientation).integers(0, 255, (8, 8, 3), np.uint8)
    image = Image.fromarray(pixels)
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.info["exif"] = exif.tobytes()
    upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(encode(image, "PNG", exif=exif)))))
    model = runtimes.load(saved_model, job(('"ignore"', '"apply"')))
    ((_, turned),) = model.batches([(0, EncodedImage(data=encode(image, "PNG"), orientation=orientation))])
    np.testing.assert_allclose(turned[0], upright / 255, atol=1e-6)


@pytest.mark.parametrize(("size", "kept"), [((24, 8), (8, 0, 16, 8)), ((8, 24), (0, 8, 8, 16))])
def test_cropping_keeps_the_centred_part(
    saved_model: Path, size: tuple[int, int], kept: tuple[int, int, int, int]
) -> None:
    image = Image.effect_noise(size, 80).convert("RGB")
    _, pixels = fed(runtimes.load(saved_model, job(('"stretch"', '"crop"'))), encode(image, "PNG"))
    np.testing.assert_allclose(pixels[0], np.asarray(image.crop(kept)) / 255, atol=1e-6)


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
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 0, 0)]
    found = [
        model.classifier(pixels)[0][:, 0].tolist()
        for _, pixels in model.batches(
            (position, check_header(picture(colour))) for position, colour in enumerate(colours)
        )
    ]
    assert found == [[0, 1, 2], [0]]


@pytest.mark.parametrize("kind", ["uint8", "int32", "float16", "bfloat16", "float64"])
def test_a_model_may_take_another_kind_of_number(tmp_path: Path, kind: str) -> None:
    import tensorflow as tf

    spec = tf.TensorSpec([None, 8, 8, 3], tf.dtypes.as_dtype(kind), name="images")
    folder = save(
        tmp_path, lambda images: {"logits": tf.reduce_mean(tf.cast(images, tf.float32), axis=[1, 2])}, spec
    )
    in_bytes = ("scale = 0.00392156862745098", "scale = 1.0")
    model = runtimes.load(folder, job(('"softmax"', '"as-is"'), in_bytes))
    batches = list(model.batches([(0, check_header(picture((250, 7, 128))))]))
    indices, scores = model.classifier(batches[0][1])
    assert indices.tolist() == [[0, 2, 1]]
    assert scores.tolist() == [[250, 128, 7]]


def test_whole_numbers_are_the_nearest_that_there_are(tmp_path: Path) -> None:
    import tensorflow as tf

    spec = tf.TensorSpec([None, 8, 8, 3], tf.uint8, name="images")
    folder = save(
        tmp_path, lambda images: {"logits": tf.reduce_mean(tf.cast(images, tf.float32), axis=[1, 2])}, spec
    )
    replacements = (("scale = 0.00392156862745098", "scale = 1.0"), ('"softmax"', '"as-is"'))
    classify = runtimes.load(folder, job(*replacements)).classifier
    pixels = np.broadcast_to(np.array([-3.0, 99.6, 300.0], np.float32), [1, 8, 8, 3])
    indices, scores = classify(np.ascontiguousarray(pixels))
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


@pytest.mark.parametrize(
    ("content", "family", "said"),
    [
        (None, Misconfigured, "is not in the model archive"),
        (b"\xff\xfe", Misconfigured, "is not UTF-8 text"),
        (b"red\ngreen\nblue", ModelMisfit, "names 3 classes, and the model has 4"),
    ],
)
def test_labels_that_do_not_fit_the_model_are_refused(
    tmp_path: Path, content: bytes | None, family: type[Misconfigured], said: str
) -> None:
    if content is not None:
        (tmp_path / "labels.txt").write_bytes(content)
    with pytest.raises(family, match=said):
        read_labels(tmp_path, "labels.txt", classes=4)


def test_labels_are_a_line_each(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("\n".join(LABELS) + "\n")
    assert read_labels(tmp_path, "labels.txt", classes=4) == LABELS
    assert read_labels(tmp_path, None, classes=4) is None


def test_a_label_may_hold_what_separates_lines_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_bytes("a\u2028b\r\nc\x85d".encode())
    assert read_labels(tmp_path, "labels.txt", classes=2) == ("a\u2028b", "c\x85d")
