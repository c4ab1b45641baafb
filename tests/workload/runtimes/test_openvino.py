"""What only the OpenVINO runtime does: no TensorFlow, IRs, int8, and TensorFlow's answers all the same."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attestation.errors import Misconfigured
from contract.request import Job
from symbolon.demo.model import FED_MEAN, FED_SCALE, make_model_archive, usable_cache
from tests.workload.runtimes.test_runtimes import make_job
from workload import model_archive, runtimes
from workload.pictures.headers import check_header
from workload.pictures.preparing import prepare

ROOT = Path(__file__).parents[3]
PHOTOS = sorted(
    str(file.locate())
    for package in ("scikit-image", "scikit-learn")
    for file in distribution(package).files or ()
    if file.suffix in (".jpg", ".png") and {"data", "images"} & set(file.parts) and "tests" not in file.parts
)


def openvino_job(*replacements: tuple[str, str], top_k: int = 3) -> Job:
    return make_job(("tensorflow", "openvino"), *replacements, top_k=top_k)


@pytest.fixture(scope="module")
def demo_model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The demo's EfficientNet-Lite0, unpacked."""
    folder = tmp_path_factory.mktemp("demo")
    archive = folder / "archive"
    archive.write_bytes(make_model_archive(usable_cache(otherwise=folder)).read_bytes())
    model_archive.unpack(archive, folder / "model", max_unpacked_bytes=1 << 30)
    yield folder / "model"


def demo_job(runtime: str, precision: str = "fp32") -> Job:
    return make_job(
        ("tensorflow", runtime),
        ("fp32", precision),
        ("height = 8", "height = 224"),
        ("width = 8", "width = 224"),
        ("mean = [0.0, 0.0, 0.0]", f"mean = [{FED_MEAN}, {FED_MEAN}, {FED_MEAN}]"),
        ("scale = 0.00392156862745098", f"scale = {FED_SCALE}"),
        ("largest_top_k = 3", "largest_top_k = 5"),
        top_k=5,
    )


def fed() -> Any:
    terms = demo_job("openvino").terms.input
    return np.stack([prepare(check_header(Path(photo).read_bytes()), terms) for photo in PHOTOS])


def test_every_photo_has_the_five_classes_that_tensorflow_gives_it(demo_model: Path) -> None:
    pixels = fed()
    assert len(pixels) > 20
    indices, scores = runtimes.load(demo_model, demo_job("openvino")).classifier(pixels)
    theirs, their_scores = runtimes.load(demo_model, demo_job("tensorflow")).classifier(pixels)
    np.testing.assert_array_equal(indices, theirs)
    np.testing.assert_allclose(scores, their_scores, atol=1e-4)


def test_a_photo_has_the_same_scores_whatever_is_in_its_batch(demo_model: Path) -> None:
    pixels = fed()
    classifier = runtimes.load(demo_model, demo_job("openvino")).classifier
    whole = classifier(pixels)[1]
    alone = np.concatenate([classifier(pixels[number : number + 1])[1] for number in range(len(pixels))])
    np.testing.assert_array_equal(whole, alone)


def test_threads_may_ask_at_once(demo_model: Path) -> None:
    pixels = fed()[:10]
    classifier = runtimes.load(demo_model, demo_job("openvino")).classifier
    expected, start = classifier(pixels), threading.Barrier(4)

    def ask(_: int) -> Any:
        start.wait()
        return classifier(pixels)

    with ThreadPoolExecutor(4) as threads:
        for indices, scores in threads.map(ask, range(4)):
            np.testing.assert_array_equal(indices, expected[0])
            np.testing.assert_array_equal(scores, expected[1])


@pytest.fixture
def ir(saved_model: Path, tmp_path: Path) -> Path:
    """The model of three operations as an IR."""
    import openvino as ov

    file = tmp_path / "model.xml"
    ov.save_model(ov.Core().read_model(saved_model), file, compress_to_fp16=False)
    return file


def test_an_ir_gives_what_its_saved_model_gives(saved_model: Path, ir: Path) -> None:
    images = np.random.default_rng(0).random((5, 8, 8, 3), np.float32)
    expected = runtimes.load(saved_model, openvino_job()).classifier(images)
    for part, whole in zip(runtimes.load(ir, openvino_job()).classifier(images), expected, strict=True):
        np.testing.assert_array_equal(part, whole)


@pytest.mark.parametrize("damage", [b"", b"<net", b'<?xml version="1.0"?><net/>'])
def test_a_damaged_ir_is_the_owners_to_mend(ir: Path, damage: bytes) -> None:
    ir.write_bytes(damage)
    with pytest.raises(Misconfigured, match="OpenVINO cannot read the model") as refused:
        runtimes.load(ir, openvino_job())
    assert str(ir.parent) not in refused.value.message


def test_an_ir_whose_weights_are_cut_off_is_the_owners_to_mend(ir: Path) -> None:
    ir.with_suffix(".bin").write_bytes(b"")
    with pytest.raises(Misconfigured, match="OpenVINO cannot read the model"):
        runtimes.load(ir, openvino_job())


@pytest.fixture
def calibrated(tmp_path: Path) -> Path:
    """An IR that rounds its pixels to a few steps, as a calibrated one does."""
    import openvino as ov
    from openvino import opset13 as ops

    images = ops.parameter([-1, 8, 8, 3], np.float32, name="images")
    low, high = np.float32(0), np.float32(1)
    steps = ops.fake_quantize(images, low, high, low, high, 256)
    logits = ops.reduce_mean(steps, np.array([1, 2]), keep_dims=False)
    images.output(0).set_names({"images"})
    logits.output(0).set_names({"logits"})
    file = tmp_path / "int8.xml"
    ov.save_model(ov.Model([logits], [images]), file, compress_to_fp16=False)
    return file


def test_int8_is_what_terms_and_model_agree_on(calibrated: Path, saved_model: Path) -> None:
    red = np.zeros((1, 8, 8, 3), np.float32)
    red[..., 0] = 1
    int8 = runtimes.load(calibrated, openvino_job(("fp32", "int8"), ("softmax", "as-is")))
    assert int8.classifier(red)[0][0, 0] == 0
    with pytest.raises(Misconfigured, match="calibrated for int8, and the terms say `fp32`"):
        runtimes.load(calibrated, openvino_job())
    with pytest.raises(Misconfigured, match="the terms say `int8`, and the model is not calibrated"):
        runtimes.load(saved_model, openvino_job(("fp32", "int8")))


@pytest.mark.parametrize(("precision", "hint"), [("fp32", "f32"), ("bf16", "bf16"), ("int8", "f32")])
def test_nothing_but_the_terms_makes_it_less_exact(precision: str, hint: str) -> None:
    from workload.runtimes import openvino

    assert openvino._options(precision)["INFERENCE_PRECISION_HINT"] == hint


ALONE = """
import json, sys
def refuse(event, _):
    if event in {"socket.connect", "socket.sendto", "socket.getaddrinfo"}:
        raise SystemExit("something asks for the network")
sys.addaudithook(refuse)
from pathlib import Path
from tests.workload.runtimes.test_openvino import openvino_job
from workload import runtimes
loaded = runtimes.load(Path(sys.argv[1]), openvino_job())
print(json.dumps(sorted(sys.modules)))
"""


def test_no_tensorflow_no_converter_and_no_telemetry_is_in_the_process(saved_model: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(saved_model)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    modules = json.loads(done.stdout)
    packages = {module.partition(".")[0] for module in modules}
    assert "openvino" in packages
    assert not packages & {"tensorflow", "keras", "openvino_telemetry"}
    assert not [module for module in modules if module.startswith("openvino.tools.ovc.")]
