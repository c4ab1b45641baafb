"""OpenVINO: a SavedModel or an IR as classifier, without TensorFlow anywhere in the process.

A batch goes through the model in pieces of one size, and as many batches at once as the processor is
fastest with. So nothing is compiled again for another size, and a picture's scores do not depend on what else
was in its batch.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np

from attestation.errors import Misconfigured
from contract.request import Job
from contract.terms import DEFAULT_SIGNATURE

from ..answers import Classifier, Fed, Indices, Scores
from . import LoadedModel
from .signature import ModelMisfit, Tensor, check_input, check_output, does_not_run, float32_range

# Converters that nobody needs here, and whose import reports itself to their vendor. Without them
# `openvino` is complete: it looks whether they are there.
sys.modules.setdefault("openvino.tools.ovc", None)  # type: ignore[arg-type]  # Python's word for absent

import openvino as ov  # noqa: E402  what it may not import has to be said before
from openvino import opset13 as ops  # noqa: E402

PIECE = 4
"""Pictures of a piece. Larger ones are hardly faster, and a job's first and last wait for them."""

_PIECES_A_STREAM = 2
_KINDS = {"f": "float", "bf": "bfloat", "i": "int", "u": "uint"}
_QUANTISED = "FakeQuantize"


def load(path: Path, job: Job) -> LoadedModel:
    """The SavedModel in the folder `path`, or the IR in that file, as a function to the job's k best classes.

    Raises:
        Misconfigured: OpenVINO cannot read it, or it is not in the precision that the terms name.
        ModelMisfit: its signature does not fit the terms, or it has fewer classes than are asked for.
    """
    core = ov.Core()
    try:
        model = core.read_model(path)
    except (RuntimeError, ValueError):
        raise Misconfigured(
            "OpenVINO cannot read the model",
            hint="the owner saves it again, with the operations that the image's OpenVINO knows",
        ) from None
    terms = job.terms
    if terms.model.signature != DEFAULT_SIGNATURE:
        raise ModelMisfit(
            f"the terms name the signature `{terms.model.signature}`,"
            f" and OpenVINO reads `{DEFAULT_SIGNATURE}` alone"
        )
    if path.is_dir() and DEFAULT_SIGNATURE.encode() not in (path / "saved_model.pb").read_bytes():
        raise ModelMisfit(f"the model has no signature `{DEFAULT_SIGNATURE}`")
    _check_precision(model, terms.runtime.precision)
    inputs = _tensors(model.inputs, terms.input.tensor)
    batch_size = check_input(inputs, terms.input)
    classes = check_output(_tensors(model.outputs, terms.output.tensor), terms.output, job)
    taken = inputs[terms.input.tensor]
    piece = batch_size or PIECE
    fed = (piece, terms.input.height, terms.input.width, 3)
    try:
        compiled = core.compile_model(_best(model, taken, fed, job), "CPU", _options(terms.runtime.precision))
        streams = compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
        classifier = _classifier(compiled, terms.input.tensor, taken, fed, streams)
    except RuntimeError:
        raise does_not_run(terms.input.tensor, taken, fed) from None
    return LoadedModel(
        classifier=classifier,
        classes=classes,
        at_once=streams,
        batch_size=None,
        preferred_batch_size=_PIECES_A_STREAM * streams * piece,
        takes=taken.dtype,
    )


def _check_precision(model: Any, precision: str) -> None:
    quantised = any(node.get_type_name() == _QUANTISED for node in model.get_ops())
    if quantised and precision != "int8":
        raise Misconfigured(
            f"the model is calibrated for int8, and the terms say `{precision}`",
            hint='the owner says `runtime.precision = "int8"` in the terms, or publishes the model as it was',
        )
    if precision == "int8" and not quantised:
        raise Misconfigured(
            "the terms say `int8`, and the model is not calibrated for it",
            hint="the owner calibrates it to an IR with FakeQuantize operations, and publishes that",
        )


def _options(precision: str) -> dict[str, str]:
    """What is not said here, OpenVINO chooses for the processor: on some it would choose bf16."""
    return {
        "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
        "PERFORMANCE_HINT": "THROUGHPUT",
        "CACHE_DIR": "",
    }


def _tensors(ports: Iterable[Any], wanted: str) -> dict[str, Tensor]:
    """Each by the name that the terms give it, or the plainest of its names."""
    found = {}
    for port in ports:
        names = sorted(port.get_names(), key=lambda name: (":" in name, len(name), name)) or ["?"]
        shape = port.get_partial_shape()
        sizes = None
        if shape.rank.is_static:
            sizes = tuple(size.get_length() if size.is_static else None for size in shape)
        name = wanted if wanted in names else names[0]
        found[name] = Tensor(dtype=_dtype(port.get_element_type().get_type_name()), shape=sizes)
    return found


def _dtype(name: str) -> str:
    """Numpy's name of OpenVINO's `f32`, `i8`, ….

    >>> [_dtype(name) for name in ("f32", "bf16", "u8", "string")]
    ['float32', 'bfloat16', 'uint8', 'string']
    """
    letters = name.rstrip("0123456789")
    return _KINDS[letters] + name[len(letters) :] if letters in _KINDS and letters != name else name


def _best(model: Any, taken: Tensor, fed: tuple[int, ...], job: Job) -> Any:
    """A model from `float32` pictures of the shape `fed` to indices and scores."""
    terms = job.terms
    (port,) = model.inputs
    pictures = ops.parameter(list(fed), np.float32, name="fed")
    given = pictures
    # A model may take bytes, or numbers shorter than these: the nearest that it can be told.
    if taken.is_integer:
        low, high = float32_range(np.iinfo(taken.dtype))
        given = ops.clamp(ops.round(given, "half_to_even"), low, high)
    elif taken.dtype == "float16":
        low, high = float32_range(np.finfo(np.float16))
        given = ops.clamp(given, low, high)
    given = ops.convert(given, port.get_element_type().get_type_name())
    for target in port.get_target_inputs():
        target.replace_source_output(given.output(0))
    (output,) = (port for port in model.outputs if terms.output.tensor in port.get_names())
    scores = ops.convert(output.get_node().input_value(0), "f32")
    if terms.output.scores == "softmax":
        scores = ops.softmax(scores, 1)
    top = ops.topk(scores, np.int32(job.top_k), 1, "max", "value", "i32", stable=True)
    best = ov.Model([top.output(1), top.output(0)], [pictures])
    best.validate_nodes_and_infer_types()
    return best


def _classifier(compiled: Any, name: str, taken: Tensor, fed: tuple[int, ...], streams: int) -> Classifier:
    requests: SimpleQueue[Any] = SimpleQueue()
    for _ in range(streams):
        requests.put(compiled.create_infer_request())
    piece = fed[0]

    def run(pictures: Fed) -> tuple[Indices, Scores]:
        count = len(pictures)
        if count < piece:
            pictures = np.concatenate([pictures, np.zeros([piece - count, *fed[1:]], np.float32)])
        request = requests.get()
        try:
            found = request.infer([pictures], share_inputs=True)
            return found[0][:count], found[1][:count]
        except RuntimeError:
            raise does_not_run(name, taken, fed) from None
        finally:
            requests.put(request)

    def classifier(pictures: Fed) -> tuple[Indices, Scores]:
        pieces = [pictures[first : first + piece] for first in range(0, len(pictures), piece)]
        answers = [run(one) for one in pieces]
        return np.concatenate([one for one, _ in answers]), np.concatenate([one for _, one in answers])

    # Two threads that make OpenVINO's first tensors at once can wait for one another for ever: here is one.
    _ = ov.Tensor(np.zeros([1], np.float32), shared_memory=True).data
    return classifier
