"""A PyTorch state dict, read without PyTorch and without letting the file run anything.

A checkpoint is a pickle, and a pickle is a program: loaded with `pickle.load` it may call any
function it names. Here it may name four things and nothing else.

Source: pytorch/pytorch, torch/serialization.py, `_legacy_load` (the format before 1.6: four
pickles, the list of storage keys, then each storage as a 64-bit count and its raw elements).
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from attestation.errors import EvidenceRejected

_MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
_PROTOCOL_VERSION = 1001


class CheckpointRejected(EvidenceRejected):
    """A model checkpoint is not a plain dictionary of tensors."""

    code = "checkpoint-rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Storage:
    """A named run of elements, whose bytes stand at the end of the file."""

    key: str
    dtype: np.dtype[np.generic]
    elements: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tensor:
    """A strided view of a storage; strides and offset count elements."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_checkpoint(path: Path) -> dict[str, npt.NDArray[np.generic]]:
    """Every tensor of the state dict by name, in C order.

    Raises:
        CheckpointRejected: the file is of another format, is cut short, or names anything but
            ordered dictionaries and tensors of floats and integers.
    """
    with path.open("rb") as file:
        try:
            return _read(file)
        except (pickle.UnpicklingError, EOFError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise CheckpointRejected(
                "the checkpoint is not a PyTorch state dict of the format before 1.6",
                hint="reinstall the package that carries it",
            ) from error


def _read(file: BinaryIO) -> dict[str, npt.NDArray[np.generic]]:
    magic_number, protocol_version = _Unpickler(file).load(), _Unpickler(file).load()
    if (magic_number, protocol_version) != (_MAGIC_NUMBER, _PROTOCOL_VERSION):
        raise pickle.UnpicklingError("another format")
    _Unpickler(file).load()  # facts about the machine that wrote it
    tensors = _Unpickler(file).load()
    dtypes = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    elements = {key: _read_storage(file, dtypes[key]) for key in _Unpickler(file).load()}
    return {name: _view(tensor, elements[tensor.storage.key]) for name, tensor in tensors.items()}


def _read_storage(file: BinaryIO, storage: _Storage) -> npt.NDArray[np.generic]:
    count = int.from_bytes(file.read(8), "little")
    if count != storage.elements:
        raise ValueError("a storage's length is not the announced one")
    return np.frombuffer(file.read(count * storage.dtype.itemsize), storage.dtype, count)


def _view(tensor: _Tensor, elements: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """The tensor itself, every element of it inside its storage."""
    if not all(isinstance(n, int) and n >= 0 for n in (tensor.offset, *tensor.shape, *tensor.strides)):
        raise ValueError("an offset, a size or a stride is not a natural number")
    last = tensor.offset + sum((n - 1) * by for n, by in zip(tensor.shape, tensor.strides, strict=True))
    if last >= elements.size or 0 in tensor.shape:
        raise ValueError("a tensor reaches beyond its storage")
    return np.ascontiguousarray(
        np.lib.stride_tricks.as_strided(
            elements[tensor.offset :],
            tensor.shape,
            tuple(by * elements.itemsize for by in tensor.strides),
            writeable=False,
        )
    ).reshape(tensor.shape)


def _rebuild_tensor(
    storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_autograd: object
) -> _Tensor:
    """Stands for `torch._utils._rebuild_tensor_v2`."""
    if not isinstance(storage, _Storage):
        raise TypeError("a tensor without a storage")
    return _Tensor(storage=storage, offset=offset, shape=shape, strides=strides)


_ALLOWED: dict[tuple[str, str], object] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch", "FloatStorage"): "<f4",
    ("torch", "LongStorage"): "<i8",
}


class _Unpickler(pickle.Unpickler):
    """A pickle's reader that knows four names and refuses every other."""

    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in _ALLOWED:
            raise CheckpointRejected(
                f"the checkpoint names `{module}.{name}`"[:160],
                hint="a state dict names tensors alone: do not use this file",
            )
        return _ALLOWED[module, name]

    def persistent_load(self, pid: tuple[str, str, str, str, int, None]) -> _Storage:
        kind, dtype, key, _location, elements, view = pid
        if kind != "storage" or dtype not in ("<f4", "<i8") or view is not None:
            raise pickle.UnpicklingError("a persistent object that is not a storage")
        return _Storage(key=key, dtype=np.dtype(dtype), elements=elements)
