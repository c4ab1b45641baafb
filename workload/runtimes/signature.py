"""What a model says that it takes and gives, held against the owner's terms: alike for every runtime."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from attestation.errors import Misconfigured
from contract.request import Job
from contract.terms import InputTerms, OutputTerms

Signature = TypeVar("Signature")


class ModelMisfit(Misconfigured):
    """The model is not what the terms say of it; the message says how, in the model's own shapes.

    Without the shapes nobody could mend it, so they are in the message, and so in the log. An
    operator whom the launch policy (`log_redirect`) shows the log can read there how the
    signature of a publication that never worked differs from its terms. `error.json` has
    `told_to_operator` instead: nothing of the model goes into the operator's bucket.
    """

    code = "model-misfit"
    told_to_operator = "the model does not fit the owner's terms"

    def __init__(self, message: str) -> None:
        super().__init__(message, hint="the owner corrects the terms, and publishes the image again")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """An input or output: numpy's name of its numbers, and its sizes; None is any, or any number of them.

    >>> str(Tensor(dtype="float32", shape=(None, 8, 8, 3)))
    'float32[n, 8, 8, 3]'
    >>> str(Tensor(dtype="uint8", shape=None))
    'uint8[...]'
    """

    dtype: str
    shape: tuple[int | None, ...] | None

    @property
    def is_integer(self) -> bool:
        return self.dtype.lstrip("u").startswith("int")

    @property
    def is_floating(self) -> bool:
        return "float" in self.dtype

    def __str__(self) -> str:
        sizes = ["..."] if self.shape is None else ["n" if size is None else str(size) for size in self.shape]
        return f"{self.dtype}[{', '.join(sizes)}]"


def choose_signature(signatures: Mapping[str, Signature], name: str) -> Signature:
    """The signature that the terms name.

    Raises:
        ModelMisfit: the model has none of that name.
    """
    if name not in signatures:
        raise ModelMisfit(f"the model has no signature `{name}`")
    return signatures[name]


def check_input(inputs: Mapping[str, Tensor], terms: InputTerms) -> int | None:
    """The batch size that the model insists on, or None.

    Raises:
        ModelMisfit: it has another input than the terms name, or cannot be told what is fed.
    """
    fed = Tensor(dtype="float32", shape=(None, terms.height, terms.width, 3))
    taken = inputs.get(terms.tensor)
    if taken is None or len(inputs) != 1 or not _takes(taken, fed):
        described = ", ".join(f"`{name}` {tensor}" for name, tensor in sorted(inputs.items())) or "nothing"
        raise ModelMisfit(f"the model takes {described}, and the terms feed `{terms.tensor}` {fed}")
    return taken.shape[0] if taken.shape else None


def check_output(outputs: Mapping[str, Tensor], terms: OutputTerms, job: Job) -> int:
    """The number of classes that the model tells apart.

    Raises:
        ModelMisfit: its output is no score a class, or it has fewer classes than are asked for.
    """
    given = outputs.get(terms.tensor)
    if given is None or not given.is_floating or given.shape is None or len(given.shape) != 2:
        classes = None
    else:
        classes = given.shape[1]
    if classes is None:
        described = ", ".join(f"`{name}` {tensor}" for name, tensor in sorted(outputs.items())) or "nothing"
        expected = f"`{terms.tensor}` float[n, classes]"
        raise ModelMisfit(f"the model gives {described}, and the terms expect {expected}")
    if job.top_k > classes:
        raise ModelMisfit(f"{job.top_k} classes are asked for, and the model has {classes}")
    return classes


def does_not_run(name: str, taken: Tensor, fed: tuple[int, ...]) -> ModelMisfit:
    """What is said of a model that fails with an input of the shape `fed`, which its signature admits."""
    shown = Tensor(dtype=taken.dtype, shape=fed)
    return ModelMisfit(
        f"the model takes `{name}` {taken} by its signature, and does not run when it is fed {shown}"
    )


def float32_range(limits: Any) -> tuple[float, float]:
    """The least and the largest `float32` within the limits of a kind of number."""
    with np.errstate(over="ignore"):
        low, high = np.float32(limits.min), np.float32(limits.max)
    if not np.isfinite(high):
        return float(np.finfo(np.float32).min), float(np.finfo(np.float32).max)
    # As a number of Python's: numpy would compare what a `float32` can tell apart.
    return float(low), float(high if float(high) <= limits.max else np.nextafter(high, np.float32(0)))


def _takes(taken: Tensor, fed: Tensor) -> bool:
    """An input of that kind and shape can be told what is fed."""
    if not (taken.is_integer or taken.is_floating):
        return False
    if taken.shape is None:
        return True
    assert fed.shape is not None  # noqa: S101
    return len(taken.shape) == len(fed.shape) and all(
        a is None or b is None or a == b for a, b in zip(taken.shape, fed.shape, strict=True)
    )
