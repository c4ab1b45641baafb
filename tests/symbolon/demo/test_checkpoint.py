"""A PyTorch checkpoint is a program until it is read by someone who does not run it."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from symbolon.demo.checkpoint import CheckpointRejected, read_checkpoint

MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001


class Named:
    """A name that a pickle mentions; `torch` need not be there to write it."""

    def __init__(self, module: str, name: str) -> None:
        self.path = f"{module}\n{name}\n"


class Reduced:
    """A call that a pickle asks for."""

    def __init__(self, function: Named, *arguments: object) -> None:
        self.function, self.arguments = function, arguments


class Stored:
    """A reference to a storage."""

    def __init__(self, *pid: object) -> None:
        self.pid = pid


def pickled(value: object) -> bytes:
    """`value` in the few opcodes of protocol 2 that a state dict needs."""

    def write(value: object) -> bytes:
        match value:
            case Named():
                return b"c" + value.path.encode()
            case Reduced():
                return write(value.function) + write(value.arguments) + b"R"
            case Stored():
                return write(value.pid) + b"Q"
            case tuple():
                return b"(" + b"".join(map(write, value)) + b"t"
            case dict():
                items = b"".join(write(key) + write(item) for key, item in value.items())
                return b"ccollections\nOrderedDict\n)R(" + items + b"u"
            case _:
                return pickle.dumps(value, protocol=2)[2:-1]

    return b"\x80\x02" + write(value) + b"."


FLOATS = Named("torch", "FloatStorage")
REBUILD = Named("torch._utils", "_rebuild_tensor_v2")


def tensor(
    *,
    storage: object = FLOATS,
    elements: int = 6,
    offset: object = 0,
    shape: object = (2, 3),
    strides: object = (3, 1),
) -> Reduced:
    stored = Stored("storage", storage, "s", "cpu", elements, None)
    return Reduced(
        REBUILD, stored, offset, shape, strides, False, Reduced(Named("collections", "OrderedDict"))
    )


def checkpoint(
    tensors: object, *, magic: int = MAGIC, version: int = VERSION, count: int = 6, data: bytes | None = None
) -> bytes:
    floats = np.arange(6, dtype="<f4").tobytes() if data is None else data
    parts = [pickle.dumps(magic, 2), pickle.dumps(version, 2), pickle.dumps({}, 2), pickled(tensors)]
    return b"".join([*parts, pickle.dumps(["s"], 2), struct.pack("<q", count), floats])


Read = Callable[[bytes], dict[str, np.ndarray]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def from_bytes(data: bytes) -> dict[str, np.ndarray]:
        (tmp_path / "model.pth").write_bytes(data)
        return read_checkpoint(tmp_path / "model.pth")

    return from_bytes


def test_a_tensor_is_read_with_its_shape_and_strides(read: Read) -> None:
    tensors = {
        "rows": tensor(),
        "columns": tensor(shape=(3, 2), strides=(1, 3)),
        "last": tensor(offset=5, shape=(), strides=()),
    }
    found = read(checkpoint(tensors))
    assert found["rows"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert found["columns"].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert (found["last"].shape, found["last"].item()) == ((), 5)


@pytest.mark.parametrize(
    "name",
    [
        ("os", "system"),
        ("builtins", "eval"),
        ("torch", "load"),
        ("torch._utils", "_rebuild_tensor"),
        ("io", "open"),
    ],
)
def test_a_name_that_is_no_tensor_s_is_refused_and_not_called(read: Read, name: tuple[str, str]) -> None:
    with pytest.raises(CheckpointRejected, match=f"names `{name[0]}.{name[1]}`"):
        read(checkpoint({"w": Reduced(Named(*name), "true")}))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"PK\x03\x04" + b"\0" * 60, id="the newer format"),
        pytest.param(checkpoint({}, magic=MAGIC + 1), id="another magic number"),
        pytest.param(checkpoint({}, version=VERSION + 1), id="another version"),
        pytest.param(checkpoint({"w": tensor()})[:-1], id="cut short"),
        pytest.param(checkpoint({"w": tensor()}, count=5), id="a storage of another length"),
        pytest.param(checkpoint({"w": tensor(offset=1)}), id="an offset beyond the storage"),
        pytest.param(checkpoint({"w": tensor(shape=(3, 3))}), id="a shape beyond the storage"),
        pytest.param(checkpoint({"w": tensor(strides=(4, 1))}), id="a stride beyond the storage"),
        pytest.param(checkpoint({"w": tensor(offset=-1)}), id="a negative offset"),
        pytest.param(checkpoint({"w": tensor(strides=(-1, 1))}), id="a negative stride"),
        pytest.param(checkpoint({"w": tensor(shape=(2, 0))}), id="an empty tensor"),
        pytest.param(checkpoint({"w": tensor(shape=(6,))}), id="more strides than sizes"),
        pytest.param(checkpoint({"w": tensor(shape="ab")}), id="a shape of letters"),
        pytest.param(checkpoint({"w": tensor(storage=REBUILD)}), id="a storage of another type"),
        pytest.param(checkpoint({"w": "a text"}), id="no tensor"),
        pytest.param(checkpoint((1, 2)), id="no dictionary"),
        pytest.param(checkpoint({"w": Reduced(REBUILD, 1, 0, (1,), (1,))}), id="a tensor without a storage"),
    ],
)
def test_a_file_that_is_no_state_dict_is_refused(read: Read, data: bytes) -> None:
    with pytest.raises(CheckpointRejected, match="not a PyTorch state dict"):
        read(data)
