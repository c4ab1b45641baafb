"""What terms can say of a model, and what they cannot mend: each with how it is saved again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from attestation.errors import Misconfigured
from symbolon.owner.model_facts import IR, SAVED_MODEL, Facts, Fit, ModelUnmendable, Wanted, fit, parse_facts

PICTURES: dict[str, Any] = {"dtype": "float32", "shape": [None, 224, 224, 3]}
SCORES: dict[str, Any] = {"dtype": "float32", "shape": [None, 1000]}


def facts(
    inputs: dict[str, Any] | None = None,
    outputs: dict[str, Any] | None = None,
    *,
    name: str = "serving_default",
    kind: str = SAVED_MODEL,
    quantised: bool = False,
) -> Facts:
    signature = {
        "inputs": {"images": PICTURES} if inputs is None else inputs,
        "outputs": {"scores": SCORES} if outputs is None else outputs,
    }
    empty: dict[str, Any] = {"inputs": {}, "outputs": {}}
    return parse_facts(
        {
            "kind": kind,
            "signatures": {name: signature, "__saved_model_init_op": empty},
            "quantised": quantised,
            "label_files": {},
        }
    )


def of(dtype: str, *shape: int | None) -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape)}


def test_a_model_says_all_but_how_it_was_trained() -> None:
    found = fit(facts(), Wanted())
    assert isinstance(found, Fit)
    assert (found.input, found.height, found.width) == ("images", 224, 224)
    assert (found.output, found.classes) == ("scores", 1000)
    assert (found.runtime, found.precision, found.signature) == ("tensorflow", "fp32", "serving_default")
    assert (str(found.takes), str(found.gives)) == ("float32[n, 224, 224, 3]", "float32[n, 1000]")


def test_an_ir_runs_by_openvino_and_in_int8_where_it_is_calibrated() -> None:
    found = fit(facts(kind=IR, quantised=True), Wanted())
    assert (found.runtime, found.precision) == ("openvino", "int8")
    with pytest.raises(Misconfigured, match="TensorFlow runs no OpenVINO IR"):
        fit(facts(kind=IR), Wanted(runtime="tensorflow"))


UNMENDABLE = [
    pytest.param(
        {"images": PICTURES, "training": of("bool")}, None, "`training`", "training=False", id="flag"
    ),
    pytest.param({"a": PICTURES, "b": PICTURES}, None, "a picture is one input", "pictures alone", id="two"),
    pytest.param({"x": of("string", None)}, None, "encoded pictures", "behind the decoding", id="jpeg"),
    pytest.param({"x": of("float32", None, 3, 8, 8)}, None, "NCHW", "tf.transpose", id="channels first"),
    pytest.param({"x": of("float32", None, 8, 8, 1)}, None, "grey", "rgb_to_grayscale", id="grey"),
    pytest.param({"x": of("float32", None, 8, 8, 4)}, None, "three colours", "three colours", id="four"),
    pytest.param({"x": of("float32", 8, 8, 3)}, None, "batches", "reshapes", id="no batch"),
    pytest.param({"x": of("float32", None, 192)}, None, "batches", "reshapes", id="flat"),
    pytest.param({"x": of("complex64", None, 8, 8, 3)}, None, "pixels are numbers", "float32", id="complex"),
    pytest.param(
        None, {"y": of("float32", None, None)}, "how many classes", "ensure_shape", id="unknown count"
    ),
    pytest.param(
        None, {"y": {"dtype": "float32", "shape": None}}, "how many classes", "ensure_shape", id="any"
    ),
    pytest.param(None, {"y": of("int64", None)}, "one score a class", "scores alone", id="classes"),
    pytest.param(None, {"y": of("float32", None, 7, 7, 9)}, "one score a class", "scores alone", id="map"),
]


@pytest.mark.parametrize(("inputs", "outputs", "what", "again"), UNMENDABLE)
def test_what_no_term_can_mend_is_said_with_how_to_save_it_again(
    inputs: dict[str, Any] | None, outputs: dict[str, Any] | None, what: str, again: str
) -> None:
    with pytest.raises(ModelUnmendable) as refused:
        fit(facts(inputs, outputs), Wanted())
    assert what in refused.value.message
    assert again in refused.value.hint
    assert "save-a-model-again.md" in refused.value.hint
    assert "\n" not in refused.value.message + refused.value.hint


def test_everything_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(ModelUnmendable) as refused:
        fit(
            facts(
                {"x": of("float32", None, 3, 8, 8), "training": of("bool")}, {"y": of("float32", None, None)}
            ),
            Wanted(),
        )
    for part in ("`training`", "NCHW", "how many classes"):
        assert part in refused.value.message


def test_an_ir_with_channels_first_is_turned_by_openvino_s_own_tool() -> None:
    with pytest.raises(ModelUnmendable) as refused:
        fit(facts({"x": of("float32", 1, 3, 8, 8)}, kind=IR), Wanted())
    assert "PrePostProcessor" in refused.value.hint


def test_a_signature_is_chosen_by_its_name_and_openvino_has_no_choice() -> None:
    named = facts(name="classify")
    with pytest.raises(Misconfigured, match="no signature `serving_default`; it has `classify`") as refused:
        fit(named, Wanted())
    assert "--signature classify" in refused.value.hint
    assert fit(named, Wanted(signature="classify")).signature == "classify"
    with pytest.raises(ModelUnmendable, match="OpenVINO reads the signature `serving_default` alone"):
        fit(named, Wanted(signature="classify", runtime="openvino"))
    with pytest.raises(ModelUnmendable, match="has no signature"):
        fit(replace(named, signatures={}), Wanted())


def test_a_model_of_any_size_is_given_one_and_a_model_of_one_has_no_other() -> None:
    open_size = facts({"x": of("float32", None, None, None, 3)})
    with pytest.raises(Misconfigured, match="any size") as refused:
        fit(open_size, Wanted())
    assert "--size 224x224" in refused.value.hint
    found = fit(open_size, Wanted(height=9, width=8))
    assert (found.height, found.width) == (9, 8)
    assert fit(facts({"x": {"dtype": "uint8", "shape": None}}), Wanted(height=9, width=8)).width == 8
    with pytest.raises(Misconfigured, match="9 by 8 pixels are asked for"):
        fit(facts(), Wanted(height=9, width=8))


def test_the_output_is_the_only_one_that_has_a_score_a_class_or_the_one_that_is_named() -> None:
    features = {"features": of("float32", None, 7, 7, 64)}
    assert fit(facts(None, {"scores": SCORES, **features}), Wanted()).output == "scores"
    both = facts(None, {"scores": SCORES, "logits": SCORES})
    with pytest.raises(Misconfigured, match="more than one score a class"):
        fit(both, Wanted())
    assert fit(both, Wanted(output="logits")).output == "logits"
    with pytest.raises(Misconfigured, match="no output `x`"):
        fit(both, Wanted(output="x"))
    with pytest.raises(ModelUnmendable, match="one score a class"):
        fit(facts(None, {"scores": SCORES, **features}), Wanted(output="features"))
