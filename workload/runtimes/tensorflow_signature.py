"""What a SavedModel's signatures take and give, by its MetaGraphDef; and the configuration of a session.

TensorFlow's Python has these messages ready-made, and a gigabyte beside them. Here are the few fields of them
that are read or written, for protobuf, which Google's clients bring; it passes over all others.

Source: tensorflow/tensorflow, tensorflow/core/protobuf/meta_graph.proto, config.proto,
rewriter_config.proto; tensorflow/core/framework/tensor_shape.proto.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from .signature import Tensor
from .tensorflow_library import KINDS

_Field = descriptor_pb2.FieldDescriptorProto
_PACKAGE = "symbolon"
# Passes over the graph that are left out: they serve training, GPUs or graphs that no Keras wrote, and take a
# third of loading. The passes that fold constants, fuse operations and inline functions stay.
_LEFT_OUT = [
    ("layout_optimizer", 1, "int32"),
    ("arithmetic_optimization", 7, "int32"),
    ("dependency_optimization", 8, "int32"),
    ("loop_optimization", 9, "int32"),
    ("shape_optimization", 13, "int32"),
    ("pin_to_host_optimization", 18, "int32"),
    ("implementation_selector", 22, "int32"),
    ("auto_mixed_precision", 23, "int32"),
    ("common_subgraph_elimination", 24, "int32"),
]
# By message: each field's name, number and type; one that ends with `*` is repeated.
_MESSAGES: dict[str, list[tuple[str, int, str]]] = {
    "Dim": [("size", 1, "int64")],
    "Shape": [("dim*", 2, "Dim"), ("unknown_rank", 3, "bool")],
    "TensorInfo": [("name", 1, "string"), ("dtype", 2, "int32"), ("shape", 3, "Shape")],
    "NamedTensorInfo": [("key", 1, "string"), ("value", 2, "TensorInfo")],
    "Signature": [("inputs*", 1, "NamedTensorInfo"), ("outputs*", 2, "NamedTensorInfo")],
    "NamedSignature": [("key", 1, "string"), ("value", 2, "Signature")],
    "MetaGraph": [("signatures*", 5, "NamedSignature")],
    "Rewriting": [
        ("auto_mixed_precision_onednn_bfloat16", 31, "int32"),
        ("meta_optimizer_iterations", 12, "int32"),
        ("memory_optimization", 4, "int32"),
        ("disable_tfg_optimizer", 32, "bool"),
        *_LEFT_OUT,
    ],
    "GraphOptions": [("rewrite_options", 10, "Rewriting")],
    "Config": [
        ("intra_op_threads", 2, "int32"),
        ("inter_op_threads", 5, "int32"),
        ("graph", 10, "GraphOptions"),
    ],
}
_PLAIN = {
    "int32": _Field.TYPE_INT32,
    "int64": _Field.TYPE_INT64,
    "bool": _Field.TYPE_BOOL,
    "string": _Field.TYPE_STRING,
}
_ON, _OFF = 1, 2
_ONCE, _NO_MEMORY_OPTIMIZATION = 1, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """An input or output: the graph's tensor, and what is in it, also by TensorFlow's own number."""

    tensor: str
    kind: int
    shown: Tensor


Ports = dict[str, Port]


def read_signatures(meta_graph: bytes) -> dict[str, tuple[Ports, Ports]]:
    """The inputs and the outputs of each signature.

    Raises:
        ValueError: it is no MetaGraphDef.
    """
    message = _classes()["MetaGraph"]()
    try:
        message.ParseFromString(meta_graph)
    except DecodeError as error:
        raise ValueError from error
    return {
        signature.key: (_ports(signature.value.inputs), _ports(signature.value.outputs))
        for signature in message.signatures
    }


def render_config(*, is_bf16: bool) -> bytes:
    """A ConfigProto: each batch is computed by the thread that brings it, and by no other; and a graph is
    rewritten once, by the passes that make it faster."""
    config = _classes()["Config"](intra_op_threads=1, inter_op_threads=-1)
    rewriting = config.graph.rewrite_options
    rewriting.meta_optimizer_iterations, rewriting.memory_optimization = _ONCE, _NO_MEMORY_OPTIMIZATION
    # It goes through the graph in MLIR, for shapes and control flow, three times a model.
    rewriting.disable_tfg_optimizer = True
    for name, _, _ in _LEFT_OUT:
        setattr(rewriting, name, _OFF)
    if is_bf16:
        rewriting.auto_mixed_precision_onednn_bfloat16 = _ON
    return bytes(config.SerializeToString())


def _ports(entries: Any) -> Ports:
    return {entry.key: _port(entry.value) for entry in entries}


def _port(info: Any) -> Port:
    sizes = None
    if not info.shape.unknown_rank:
        sizes = tuple(None if dim.size < 0 else dim.size for dim in info.shape.dim)
    shown = Tensor(dtype=KINDS.get(info.dtype, f"kind {info.dtype}"), shape=sizes)
    return Port(tensor=info.name, kind=info.dtype, shown=shown)


def _classes() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(name=f"{_PACKAGE}.proto", package=_PACKAGE, syntax="proto3")
    for message, fields in _MESSAGES.items():
        described = file.message_type.add(name=message)
        for name, number, kind in fields:
            field = described.field.add(name=name.rstrip("*"), number=number)
            field.label = _Field.LABEL_REPEATED if name.endswith("*") else _Field.LABEL_OPTIONAL
            field.type = _PLAIN.get(kind, _Field.TYPE_MESSAGE)
            if kind not in _PLAIN:
                field.type_name = f".{_PACKAGE}.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))
        for name in _MESSAGES
    }
