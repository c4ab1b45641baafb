"""The page on saving a model again: its lines make models that terms fit, of models that no term can mend."""

from __future__ import annotations

import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from symbolon.owner.model_facts import Facts, ModelUnmendable, Wanted, fit, parse_facts

ROOT = Path(__file__).parents[2]
READ_MODEL = runpy.run_path(str(ROOT / "scripts" / "read-model"))
PAGE = (ROOT / "docs" / "how-to" / "save-a-model-again.md").read_text(encoding="utf-8")
FORM, DEVIATIONS, IR = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
ROWS = dict(re.findall(r"^\| (it .*?) \| `(.*)` \|$", PAGE, re.MULTILINE))
SIDE = 8
SHAPES = {
    "it takes `training` beside the picture": "[None, 8, 8, 3]",
    "it takes channels first, NCHW": "[None, 3, 8, 8]",
    "it takes grey pictures": "[None, 8, 8, 1]",
    "it takes numbers in a row": "[None, 8 * 8 * 3]",
    "it does not say how many classes it tells apart": "[None, 8, 8, 3]",
    "it gives a map of scores, `[n, 1, 1, classes]`": "[None, 8, 8, 3]",
}
_UNMENDABLE = """
import sys
import tensorflow as tf

def saved(folder, shape, how):
    module = tf.Module()
    module.weights = tf.Variable([[1.0, 2.0, 3.0, 4.0]])
    specs = [tf.TensorSpec(shape, tf.float32, name="x")]
    if "training" in how:
        specs.append(tf.TensorSpec([], tf.bool, name="training"))
    def serve(x, training=False):
        sums = tf.reduce_sum(tf.reshape(x, [tf.shape(x)[0], -1]), axis=1, keepdims=True)
        scores = sums @ module.weights
        if "how many" in how:
            scores = scores[:, : tf.cast(tf.reduce_max(tf.ones_like(scores)) * 4, tf.int32)]
        return {"output_0": scores[:, None, None] if "map" in how else scores}
    tf.saved_model.save(module, folder, signatures=tf.function(serve, input_signature=specs))

"""
_ASKS_SCALED = """
import json
pixels = tf.broadcast_to([200.0, 100.0, 50.0], [1, 8, 8, 3])
found = tf.saved_model.load("scaled").signatures["serving_default"](images=pixels)["scores"]
open("scores.json", "w").write(json.dumps(found.numpy().tolist()))
"""


def look(model: Path) -> Facts:
    """What `scripts/read-model` says of it, in this process."""
    (facts,) = READ_MODEL["_look"]({"look": str(model)})
    return parse_facts(facts)


def python(program: str, folder: Path) -> None:
    env = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each model that no term can mend, and what the page's lines make of it, by the row's number."""
    folder = tmp_path_factory.mktemp("again")
    program = _UNMENDABLE
    for number, (said, line) in enumerate(ROWS.items()):
        program += f"saved('old-{number}', {SHAPES[said]}, {said!r})\n"
        form = FORM.replace('"saved_model"', f'"old-{number}"').replace('"saved_again"', f'"new-{number}"')
        form = form.replace('old(images)["output_0"]', line)
        program += form.replace("224", str(SIDE)).replace("1000", "4")
    head, _, rest = FORM.partition("@tf.function")
    deviations = head + DEVIATIONS + rest[rest.index("\n\nmodule = ") :]
    deviations = deviations.replace('"saved_model"', '"plain"').replace('"saved_again"', '"scaled"')
    program += "saved('plain', [None, 8, 8, 3], '')\n" + deviations.replace("224, 224", "8, 8")
    program += _ASKS_SCALED
    python(program, folder)
    return folder


@pytest.mark.parametrize(("number", "said"), list(enumerate(SHAPES)))
def test_a_row_mends_what_it_is_the_row_of(folder: Path, number: int, said: str) -> None:
    assert list(ROWS)[number] == said
    with pytest.raises(ModelUnmendable) as refused:
        fit(look(folder / f"old-{number}"), Wanted())
    if "row" not in said and "map" not in said:
        assert said.partition(",")[0] in refused.value.message
    found = fit(look(folder / f"new-{number}"), Wanted())
    assert (str(found.takes), str(found.gives)) == ("float32[n, 8, 8, 3]", "float32[n, 4]")


def test_a_model_scales_by_itself_as_pytorch_does(folder: Path) -> None:
    scores = json.loads((folder / "scores.json").read_text())
    fed = (np.array([200, 100, 50]) / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(scores[0], SIDE * SIDE * fed.sum() * np.array([1, 2, 3, 4]), rtol=1e-4)


def test_an_ir_is_turned_and_scales_by_itself(tmp_path: Path) -> None:
    import openvino as ov
    from openvino import opset13 as ops

    given = ops.parameter([-1, 3, SIDE, SIDE], np.float32, name="x")
    scores = ops.reduce_mean(given, np.array([2, 3], np.int64))
    model = ov.Model([scores], [given])
    model.inputs[0].set_names({"x"})
    model.outputs[0].set_names({"y"})
    ov.save_model(model, tmp_path / "model.xml", compress_to_fp16=False)
    with pytest.raises(ModelUnmendable, match="NCHW"):
        fit(look(tmp_path / "model.xml"), Wanted())
    python(IR, tmp_path)
    found = fit(look(tmp_path / "again.xml"), Wanted())
    assert (found.input, found.output, found.height, found.classes) == ("x", "y", SIDE, 3)
    compiled = ov.Core().compile_model(tmp_path / "again.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    pixels = np.full((1, SIDE, SIDE, 3), 255, np.float32)
    expected = (1 - np.array([0.485, 0.456, 0.406])) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(compiled(pixels)[0][0], expected, rtol=1e-4)
