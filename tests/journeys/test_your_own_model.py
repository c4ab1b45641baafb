"""An owner's own model, from Keras's files to rows of the workload: the top five are the model's own."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from contract.terms import parse_terms
from symbolon.__main__ import main
from symbolon.demo.photos import PHOTOS

CLASSES = 12
SIDE = 48
_SAVES = """
import sys
import keras
keras.utils.set_random_seed(1)
model = keras.Sequential([
    keras.Input(({side}, {side}, 3), name="photo"),
    keras.layers.Conv2D(8, 3, strides=2, activation="relu"),
    keras.layers.DepthwiseConv2D(3, activation="relu"),
    keras.layers.Conv2D(16, 1, activation="relu"),
    keras.layers.GlobalAveragePooling2D(),
    keras.layers.Dense({classes}, kernel_initializer=keras.initializers.RandomNormal(stddev=4.0)),
])
model.export(sys.argv[1])
"""
_ASKS = """
import json, sys
import tensorflow as tf
serving = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
for path in sys.argv[2:]:
    photo = tf.io.decode_image(tf.io.read_file(path), channels=3, expand_animations=False)
    fed = tf.image.resize(photo, [{side}, {side}]) / 127.5 - 1
    (scores,) = serving(photo=fed[None]).values()
    best = tf.math.top_k(tf.nn.softmax(scores[0]), 5)
    print(json.dumps([path, best.indices.numpy().tolist(), best.values.numpy().tolist()]))
"""


def python(program: str, *arguments: str | Path) -> str:
    """What a program by Keras and TensorFlow alone prints; nothing of ours is in it."""
    text = program.format(side=SIDE, classes=CLASSES)
    env = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-c", text, *map(str, arguments)],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network, as `model.export` of Keras saves it."""
    folder = tmp_path_factory.mktemp("keras") / "saved_model"
    python(_SAVES, folder)
    return folder


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for photo in PHOTOS:
        (folder / photo.name).write_bytes(photo.path.read_bytes())
    return folder


@pytest.fixture(scope="module")
def direct(saved: Path, photos: Path) -> dict[str, tuple[list[int], list[float]]]:
    """The five best classes of each photo, and their scores, by TensorFlow's Python."""
    lines = python(_ASKS, saved, *sorted(photos.iterdir())).splitlines()
    answers = [json.loads(line) for line in lines if line.startswith("[")]
    return {Path(path).name: (classes, scores) for path, classes, scores in answers}


def typed(*words: str | Path) -> str:
    """What the command prints, which answers yes."""
    answer = io.StringIO()
    with redirect_stdout(answer):
        assert main([str(word) for word in words]) == 0
    return answer.getvalue()


def as_ir(saved: Path, folder: Path) -> Path:
    import openvino as ov

    ov.save_model(ov.Core().read_model(saved), folder / "net.xml", compress_to_fp16=False)
    return folder / "net.xml"


@pytest.mark.parametrize(
    ("make", "runtime"), [(lambda saved, _folder: saved, "tensorflow"), (as_ir, "openvino")]
)
def test_the_rows_are_what_the_model_says_when_it_is_asked_directly(
    make: Callable[[Path, Path], Path],
    runtime: str,
    saved: Path,
    photos: Path,
    direct: dict[str, tuple[list[int], list[float]]],
    tmp_path: Path,
) -> None:
    model, mine, names = make(saved, tmp_path), tmp_path / "mine", tmp_path / "names.txt"
    names.write_text("\n".join(f"thing {number}" for number in range(CLASSES)))
    owner = ("--project", "primus", "--project-number", "100000000001")
    operator = ("--operator-account", "workload-sa@secundus.iam.gserviceaccount.com")
    said = ("--convention", "signed", "--labels", names, "--score-digits", "6")
    init = ("owner", "init", model, "--photos", photos, "--output", mine, "--format", "json")
    tried = {
        each["photo"]: [(best["class_index"], best["score"]) for best in each["best"]]
        for each in json.loads(typed(*init, *said, *owner, *operator))["tried"]
        if each["convention"] == "signed"
    }
    terms = parse_terms((mine / "terms.toml").read_text())
    assert (terms.runtime.name, terms.output.scores, terms.input.height) == (runtime, "softmax", SIDE)
    assert "POLICY" not in typed("owner", "policy", "build", mine / "policy.toml")

    rows: list[dict[str, Any]] = json.loads(
        typed("owner", "trial", mine, "--photos", photos, "--format", "json")
    )["rows"]
    assert sorted(direct) == [row["image"] for row in rows]
    for row in rows:
        classes, scores = direct[row["image"]]
        best = row["top_k_predictions"]
        assert [each["class_index"] for each in best] == classes
        assert [each["label"] for each in best] == [f"thing {number}" for number in classes]
        assert [each["score"] for each in best] == pytest.approx(scores, abs=2e-5)
        for (number, score), each in zip(tried[row["image"]], best, strict=False):
            assert (number, score) == (each["class_index"], pytest.approx(each["score"], abs=2e-6))
    assert len({tuple(classes) for classes, _ in direct.values()}) > 1
