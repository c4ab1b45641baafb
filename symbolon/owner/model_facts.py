"""What a model's files say of themselves, and what of it the terms have to say or cannot mend.

The files are read by `scripts/read-model`, since this room never imports the workload.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from attestation.errors import Misconfigured, quoted
from contract.terms import DEFAULT_SIGNATURE

SAVED_MODEL, IR = "SavedModel", "OpenVINO IR"
_PAGE = "docs/how-to/save-a-model-again.md has the lines"


class ModelUnmendable(Misconfigured):
    """No terms make this model one that the workload can feed: it has to be saved again."""

    code = "model-unmendable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """An input or output: numpy's name of its numbers, and its sizes; None is any, or any number of them.

    >>> str(Tensor(dtype="float32", shape=(None, 8, 8, 3)))
    'float32[n, 8, 8, 3]'
    """

    dtype: str
    shape: tuple[int | None, ...] | None

    @property
    def is_number(self) -> bool:
        return "float" in self.dtype or self.dtype.lstrip("u").startswith("int")

    def __str__(self) -> str:
        sizes = ["..."] if self.shape is None else ["n" if size is None else str(size) for size in self.shape]
        return f"{self.dtype}[{', '.join(sizes)}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One function of a model."""

    inputs: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]

    def __str__(self) -> str:
        return f"{_described(self.inputs)} to {_described(self.outputs)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """A model by its files. `label_files`: the lines of each text file beside it."""

    kind: str
    signatures: Mapping[str, Signature]
    quantised: bool
    label_files: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the owner says of the model; None leaves it to the files."""

    runtime: str | None = None
    signature: str | None = None
    output: str | None = None
    height: int | None = None
    width: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """What the terms say of the model; `takes` and `gives` are as its signature has them."""

    runtime: str
    precision: str
    signature: str
    input: str
    height: int
    width: int
    output: str
    classes: int
    takes: Tensor
    gives: Tensor


@dataclass(frozen=True, slots=True)
class _Problem:
    """What no term can mend, and how the model is saved again."""

    what: str
    again: str


def parse_facts(said: Mapping[str, Any]) -> Facts:
    """What `scripts/read-model` printed."""
    return Facts(
        kind=said["kind"],
        signatures={
            name: Signature(inputs=_tensors(each["inputs"]), outputs=_tensors(each["outputs"]))
            for name, each in said["signatures"].items()
            if not name.startswith("__")  # TensorFlow's own, which initialises
        },
        quantised=said["quantised"],
        label_files={name: tuple(lines) for name, lines in said["label_files"].items()},
    )


def fit(facts: Facts, wanted: Wanted) -> Fit:
    """How the terms describe the model.

    Raises:
        ModelUnmendable: no terms can; the message says why, the hint how to save it again.
        Misconfigured: the owner has to say more, or says what the model is not.
    """
    runtime = _runtime(facts, wanted)
    name, signature = _signature(facts, wanted, runtime)
    problems = [*_input_problems(signature.inputs, facts.kind), *_output_problems(signature.outputs, wanted)]
    if problems:
        raise ModelUnmendable(
            f"no terms can mend this model: {'; '.join(each.what for each in problems)}",
            hint=f"save it again: {'; '.join(each.again for each in problems)} ({_PAGE})",
        )
    ((given, takes),) = signature.inputs.items()
    output, gives = _output(signature.outputs, wanted)
    height, width = _size(takes, wanted)
    classes = gives.shape[1] if gives.shape else None
    assert classes is not None  # noqa: S101  `_output_problems` has looked
    precision = "int8" if facts.quantised else "fp32"
    return Fit(
        runtime=runtime,
        precision=precision,
        signature=name,
        input=given,
        height=height,
        width=width,
        output=output,
        classes=classes,
        takes=takes,
        gives=gives,
    )


def _tensors(said: Mapping[str, Any]) -> dict[str, Tensor]:
    return {
        name: Tensor(dtype=each["dtype"], shape=None if each["shape"] is None else tuple(each["shape"]))
        for name, each in said.items()
    }


def _described(tensors: Mapping[str, Tensor]) -> str:
    return ", ".join(f"{quoted(name)} {tensor}" for name, tensor in sorted(tensors.items())) or "nothing"


def _runtime(facts: Facts, wanted: Wanted) -> str:
    runtime = wanted.runtime or ("openvino" if facts.kind == IR else "tensorflow")
    if facts.kind == IR and runtime == "tensorflow":
        raise Misconfigured("TensorFlow runs no OpenVINO IR", hint="say `--runtime openvino`, or nothing")
    return runtime


def _signature(facts: Facts, wanted: Wanted, runtime: str) -> tuple[str, Signature]:
    name, found = wanted.signature or DEFAULT_SIGNATURE, facts.signatures
    known = ", ".join(quoted(each) for each in sorted(found))
    if not found:
        raise ModelUnmendable(
            "the SavedModel has no signature",
            hint=f"save it again with one: `model.export(FOLDER)` of Keras writes it ({_PAGE})",
        )
    if name not in found:
        raise Misconfigured(
            f"the model has no signature {quoted(name)}; it has {known}",
            hint=f"choose one: `--signature {sorted(found)[0]}`",
        )
    if runtime == "openvino" and name != DEFAULT_SIGNATURE:
        raise ModelUnmendable(
            f"OpenVINO reads the signature `{DEFAULT_SIGNATURE}` alone, and not {quoted(name)}",
            hint=f"say `--runtime tensorflow`, or save it again under `{DEFAULT_SIGNATURE}` ({_PAGE})",
        )
    return name, found[name]


def _input_problems(inputs: Mapping[str, Tensor], kind: str) -> Iterator[_Problem]:
    """What is wrong with what the model takes."""
    if flags := [name for name, tensor in inputs.items() if len(inputs) > 1 and tensor.dtype == "bool"]:
        yield _Problem(
            f"it takes {quoted(flags[0])} beside the picture",
            "a function of the pictures alone, which passes `training=False`",
        )
        inputs = {name: tensor for name, tensor in inputs.items() if name not in flags}
    if len(inputs) != 1:
        yield _Problem(
            f"it takes {_described(inputs)}, and a picture is one input",
            "a function of the pictures alone",
        )
        return
    ((name, tensor),) = inputs.items()
    shown = f"{quoted(name)} {tensor}"
    if tensor.dtype == "string":
        yield _Problem(
            f"it takes encoded pictures ({shown}), and the workload decodes them itself",
            "the part behind the decoding, which takes `float32[n, height, width, 3]`",
        )
        return
    if not tensor.is_number:
        yield _Problem(f"it takes {shown}, and pixels are numbers", "a function of `float32` pixels")
    if tensor.shape is None:
        return
    if len(tensor.shape) == 4:
        _, first, _, last = tensor.shape
        if last in (3, None):
            return
        if first == 3:
            how = "`PrePostProcessor` turns the layout" if kind == IR else "with `tf.transpose` before it"
            yield _Problem(f"it takes channels first, NCHW ({shown}), and the workload feeds NHWC", how)
        elif 1 in (first, last):
            yield _Problem(
                f"it takes grey pictures ({shown}), and the workload feeds three colours",
                "with `tf.image.rgb_to_grayscale` before it",
            )
        else:
            yield _Problem(f"it takes {shown}, and a pixel has three colours", "a function of three colours")
        return
    yield _Problem(
        f"it takes {shown}, and the workload feeds batches of pictures",
        "a function of `float32[n, height, width, 3]` that reshapes them",
    )


def _output_problems(outputs: Mapping[str, Tensor], wanted: Wanted) -> Iterator[_Problem]:
    """What is wrong with what the model gives, if none of it is a score a class."""
    if wanted.output is not None and wanted.output in outputs:
        outputs = {wanted.output: outputs[wanted.output]}
    if any(_is_scores(tensor) for tensor in outputs.values()):
        return
    if any(_is_scores(tensor, of_any_number=True) for tensor in outputs.values()):
        yield _Problem(
            f"it does not say how many classes it tells apart ({_described(outputs)})",
            "with `tf.ensure_shape(scores, [None, CLASSES])` behind it",
        )
        return
    yield _Problem(
        f"it gives {_described(outputs)}, and the workload needs one score a class, `float32[n, classes]`",
        "a function that gives the scores alone",
    )


def _is_scores(tensor: Tensor, *, of_any_number: bool = False) -> bool:
    if "float" not in tensor.dtype:
        return False
    if tensor.shape is None or (len(tensor.shape) == 2 and tensor.shape[1] is None):
        return of_any_number
    return len(tensor.shape) == 2


def _output(outputs: Mapping[str, Tensor], wanted: Wanted) -> tuple[str, Tensor]:
    if wanted.output is not None and wanted.output not in outputs:
        raise Misconfigured(
            f"the model has no output {quoted(wanted.output)}; it gives {_described(outputs)}",
            hint="name one of those: `--output-tensor NAME`",
        )
    scores = {name: tensor for name, tensor in outputs.items() if _is_scores(tensor)}
    if wanted.output is not None:
        return wanted.output, outputs[wanted.output]
    if len(scores) > 1:
        raise Misconfigured(
            f"the model gives more than one score a class: {_described(scores)}",
            hint="say which one leaves: `--output-tensor NAME`",
        )
    return next(iter(scores.items()))


def _size(takes: Tensor, wanted: Wanted) -> tuple[int, int]:
    _, height, width, _ = takes.shape or (None, None, None, None)
    for said, found in ((wanted.height, height), (wanted.width, width)):
        if said is not None and found is not None and said != found:
            raise Misconfigured(
                f"the model takes {takes}, and {wanted.height} by {wanted.width} pixels are asked for",
                hint="leave `--size` out: the model says it",
            )
    height, width = height or wanted.height, width or wanted.width
    if height is None or width is None:
        raise Misconfigured(
            f"the model takes pictures of any size ({takes}), and the terms fix one",
            hint="say what it was trained with: `--size 224x224` (height, width)",
        )
    return height, width
