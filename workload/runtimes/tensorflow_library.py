"""TensorFlow's C interface, by ctypes, from the shared libraries of its own wheel; none of its Python.

Two libraries are loaded with names of their own (RTLD_LOCAL). Were their names everybody's, importing
`numpy.random` afterwards would crash, probably because it would be bound to some of them.

Source: tensorflow/tensorflow, tensorflow/c/c_api.h, tf_tensor.h, tf_status.h; tensorflow/core/protobuf/
meta_graph.proto and config.proto, tensorflow/core/framework/types.proto.
"""

from __future__ import annotations

import ctypes
import os
from ctypes import POINTER, c_char_p, c_int, c_int64, c_size_t, c_void_p
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_LIBRARY = "libtensorflow_cc.so.2"
_SERVE = b"serve"

KINDS: Final = dict(
    enumerate(["float32", "float64", "int32", "uint8", "int16", "int8", "string"], start=1)
) | {9: "int64", 10: "bool", 14: "bfloat16", 17: "uint16", 19: "float16", 22: "uint32", 23: "uint64"}
"""Numpy's names of TensorFlow's kinds of numbers; `bfloat16`, which numpy lacks, is held in `uint16`."""
OK, INVALID, EXHAUSTED = 0, 3, 8

_Release = ctypes.CFUNCTYPE(None, c_void_p, c_size_t, c_void_p)


class _Output(ctypes.Structure):
    _fields_ = (("operation", c_void_p), ("index", c_int))


class _Buffer(ctypes.Structure):
    _fields_ = (("data", c_void_p), ("length", c_size_t), ("release", c_void_p))


_FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "TF_Version": (c_char_p,),
    "TF_NewStatus": (c_void_p,),
    "TF_DeleteStatus": (None, c_void_p),
    "TF_GetCode": (c_int, c_void_p),
    "TF_NewGraph": (c_void_p,),
    "TF_NewBuffer": (POINTER(_Buffer),),
    "TF_DeleteBuffer": (None, POINTER(_Buffer)),
    "TF_NewSessionOptions": (c_void_p,),
    "TF_DeleteSessionOptions": (None, c_void_p),
    "TF_SetConfig": (None, c_void_p, c_char_p, c_size_t, c_void_p),
    "TF_LoadSessionFromSavedModel": (
        *(c_void_p, c_void_p, c_void_p, c_char_p, POINTER(c_char_p), c_int),
        *(c_void_p, POINTER(_Buffer), c_void_p),
    ),
    "TF_GraphOperationByName": (c_void_p, c_void_p, c_char_p),
    "TF_NewTensor": (
        *(c_void_p, c_int, POINTER(c_int64), c_int, c_void_p, c_size_t),
        *(_Release, c_void_p),
    ),
    "TF_DeleteTensor": (None, c_void_p),
    "TF_TensorType": (c_int, c_void_p),
    "TF_NumDims": (c_int, c_void_p),
    "TF_Dim": (c_int64, c_void_p, c_int),
    "TF_TensorData": (c_void_p, c_void_p),
    "TF_TensorByteSize": (c_size_t, c_void_p),
    "TF_SessionRun": (
        *(None, c_void_p, c_void_p, POINTER(_Output), POINTER(c_void_p), c_int),
        *(POINTER(_Output), POINTER(c_void_p), c_int, c_void_p, c_int, c_void_p, c_void_p),
    ),
}


class Failed(Exception):
    """TensorFlow says no. Its words may quote the model's nodes and paths, so they stay where they are."""

    def __init__(self, code: int) -> None:
        super().__init__(f"code {code}")
        self.code = code


def wheel_folder() -> Path:
    """Where TensorFlow's wheel was unpacked, or its two libraries alone.

    Raises:
        ModuleNotFoundError: it was not.
    """
    found = find_spec("tensorflow")
    for place in (found.submodule_search_locations or ()) if found else ():
        if (Path(place) / _LIBRARY).is_file():
            return Path(place)
    raise ModuleNotFoundError(name="tensorflow")


def load_library() -> Any:
    """The library with what it offers, ready to be called by any number of threads.

    Raises:
        ModuleNotFoundError: it is not there.
    """
    file = str(wheel_folder() / _LIBRARY)
    # By a call that lets other threads go on, as Python's own does not, and that binds a function when it is
    # first called: to bind all of them takes as long as all else of loading.
    dlopen = ctypes.CDLL(None).dlopen
    dlopen.restype, dlopen.argtypes = c_void_p, (c_char_p, c_int)
    handle = dlopen(os.fsencode(file), os.RTLD_LAZY | ctypes.RTLD_LOCAL)
    library = ctypes.CDLL(file, ctypes.RTLD_LOCAL, handle=handle)
    for name, (result, *arguments) in _FUNCTIONS.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


class Session:
    """A SavedModel that is in memory. `meta_graph` is its MetaGraphDef, serialized.

    Any number of threads may run it at once.

    Raises:
        Failed: TensorFlow cannot read it.
    """

    def __init__(self, library: Any, saved_model: Path, *, config: bytes) -> None:
        self._library = library
        self._graph = library.TF_NewGraph()
        options, meta_graph = library.TF_NewSessionOptions(), library.TF_NewBuffer()
        try:
            with _Status(library) as status:
                library.TF_SetConfig(options, config, len(config), status)
            with _Status(library) as status:
                tags = (c_char_p * 1)(_SERVE)
                folder = os.fsencode(saved_model)
                self._session = library.TF_LoadSessionFromSavedModel(
                    options, None, folder, tags, 1, self._graph, meta_graph, status
                )
            self.meta_graph = ctypes.string_at(meta_graph.contents.data, meta_graph.contents.length)
        finally:
            library.TF_DeleteBuffer(meta_graph)
            library.TF_DeleteSessionOptions(options)

    def run(self, given: NDArray[Any], kind: int, *, fed: str, fetched: str) -> NDArray[Any]:
        """What the tensor `fetched` is where the tensor `fed` is `given`, which is of `kind`.

        Raises:
            Failed: it cannot be computed.
        """
        library = self._library
        given = np.ascontiguousarray(given)
        sizes = (c_int64 * given.ndim)(*given.shape)
        tensor = library.TF_NewTensor(kind, sizes, given.ndim, given.ctypes.data, given.nbytes, _KEPT, None)
        found = (c_void_p * 1)()
        try:
            with _Status(library) as status:
                library.TF_SessionRun(
                    *(self._session, None, self._port(fed), (c_void_p * 1)(tensor), 1),
                    *(self._port(fetched), found, 1, None, 0, None, status),
                )
            return self._array(found[0])
        finally:
            library.TF_DeleteTensor(tensor)
            if found[0]:
                library.TF_DeleteTensor(found[0])

    def _port(self, tensor: str) -> Any:
        operation, _, index = tensor.partition(":")
        found = self._library.TF_GraphOperationByName(self._graph, operation.encode())
        if not found:
            raise Failed(INVALID)
        return (_Output * 1)(_Output(found, int(index or 0)))

    def _array(self, tensor: int | None) -> NDArray[Any]:
        library = self._library
        kind = KINDS.get(library.TF_TensorType(tensor), "")
        shape = [library.TF_Dim(tensor, axis) for axis in range(library.TF_NumDims(tensor))]
        dtype = np.dtype("uint16" if kind == "bfloat16" else kind)
        size = library.TF_TensorByteSize(tensor)
        data = ctypes.string_at(library.TF_TensorData(tensor), size) if size else b""
        return np.frombuffer(data, dtype).reshape(shape)


class _Status:
    """Whether a call succeeded: raises `Failed` at the end of the block if it did not."""

    def __init__(self, library: Any) -> None:
        self._library = library

    def __enter__(self) -> Any:
        self._status = self._library.TF_NewStatus()
        return self._status

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        code = self._library.TF_GetCode(self._status)
        self._library.TF_DeleteStatus(self._status)
        if kind is None and code != OK:
            raise Failed(code)


# The bytes are numpy's own, and stay where they are: TensorFlow has nothing to release.
_KEPT = _Release(lambda *_: None)
