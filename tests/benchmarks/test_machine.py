"""What is said of the machine that figures come from, and when they are not to be quoted."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.machine import Processor, Watched, gflop_an_image, judge, look, render

CPUINFO = "processor\t: 0\nmodel name\t: AMD EPYC 7B12\nflags\t\t: fpu avx avx2 fma sse\n\n"


def test_the_processor_is_named_with_its_vector_extensions() -> None:
    found = look(CPUINFO)
    assert found.name == "AMD EPYC 7B12"
    assert found.extensions == ("avx", "avx2", "fma")
    assert found.matrix_gflops > 0


def test_a_machine_that_is_held_to_fewer_instructions_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "held to" not in render(look(CPUINFO), Watched(), gflop=0, images_per_s=None)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    assert "avx avx2 fma; held to AVX2\n" in render(look(CPUINFO), Watched(), gflop=0, images_per_s=None)


@pytest.mark.parametrize(
    ("after", "own_s", "reasons"),
    [
        ([50, 0, 0, 50, 0, 0, 0, 0], 50, []),
        ([50, 0, 0, 50, 0, 0, 0, 0], 46, []),
        ([50, 0, 0, 50, 0, 0, 0, 0], 40, ["10% of the time was taken by other work"]),
        ([50, 0, 0, 48, 0, 0, 0, 2], 50, []),
        ([50, 0, 0, 47, 0, 0, 0, 3], 50, ["3% of the time was the host's"]),
    ],
    ids=["all is its own", "a little is others'", "others work", "a little is stolen", "much is stolen"],
)
def test_a_run_that_others_took_part_in_is_not_to_be_quoted(
    after: list[float], own_s: float, reasons: list[str]
) -> None:
    watched = Watched()
    judge(watched, [0] * 8, after, own_s=own_s)
    assert watched.reasons == reasons
    processor = Processor(name="one", extensions=("avx2",), cores=2, matrix_gflops=100)
    text = render(processor, watched, gflop=0.5, images_per_s=120)
    assert "60%" in text
    assert ("NOT TO BE QUOTED" in text) is bool(reasons)


def test_the_arithmetic_of_an_image_is_counted(tmp_path: Path) -> None:
    import tensorflow as tf

    def network(images: object) -> object:
        x = tf.nn.conv2d(images, tf.ones([3, 3, 3, 10]), 2, "SAME")  # 4 * 4 * 10 of 27 products
        x = tf.nn.depthwise_conv2d(x, tf.ones([3, 3, 10, 1]), [1] * 4, "SAME")  # 4 * 4 * 10 of 9
        return tf.reduce_mean(x, [1, 2]) @ tf.ones([10, 7])  # 7 of 10

    module = tf.Module()
    module.f = tf.function(network, input_signature=[tf.TensorSpec([None, 8, 8, 3], tf.float32)])
    tf.saved_model.save(module, str(tmp_path), signatures=module.f)
    assert gflop_an_image(tmp_path) * 1e9 == pytest.approx(2 * (160 * 27 + 160 * 9 + 70))
