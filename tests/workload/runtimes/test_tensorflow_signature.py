"""The few fields of TensorFlow's messages that are read and written are those of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from workload.runtimes.signature import Tensor
from workload.runtimes.tensorflow_signature import read_signatures, render_config


@pytest.mark.parametrize("is_bf16", [False, True])
def test_a_configuration_is_read_by_tensorflow_as_it_is_meant(is_bf16: bool) -> None:
    from tensorflow.core.protobuf import config_pb2, rewriter_config_pb2

    read = config_pb2.ConfigProto.FromString(render_config(is_bf16=is_bf16))
    assert read.intra_op_parallelism_threads == 1
    assert read.inter_op_parallelism_threads == -1
    rewriting = read.graph_options.rewrite_options
    kinds = rewriter_config_pb2.RewriterConfig
    assert (rewriting.auto_mixed_precision_onednn_bfloat16 == kinds.ON) is is_bf16
    assert rewriting.meta_optimizer_iterations == kinds.ONE
    assert rewriting.memory_optimization == kinds.NO_MEM_OPT
    assert rewriting.disable_tfg_optimizer
    left_out = {field.name for field, value in rewriting.ListFields() if value == kinds.OFF}
    assert len(left_out) == 9
    assert not left_out & {"constant_folding", "remapping", "function_optimization"}


def test_a_signature_is_read(saved_model: Path) -> None:
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel.FromString((saved_model / "saved_model.pb").read_bytes())
    meta_graph = saved.meta_graphs[0].SerializeToString()
    signature = read_signatures(meta_graph).get("serving_default")
    assert signature is not None
    inputs, outputs = signature
    assert inputs["images"].shown == Tensor(dtype="float32", shape=(None, 8, 8, 3))
    assert inputs["images"].tensor.startswith("serving_default_images")
    assert outputs["logits"].shown == Tensor(dtype="float32", shape=(None, 4))
    assert "another" not in read_signatures(meta_graph)


def test_what_is_no_message_is_refused() -> None:
    with pytest.raises(ValueError):
        read_signatures(b"\xff\xff")
