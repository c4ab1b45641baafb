"""The machine that figures come from: its processor, what matrix products reach on it, who else used it.

    python -m benchmarks.machine [SAVED_MODEL]

Libraries may be held to fewer vector instructions than the processor has, by their own variables:

    ONEDNN_MAX_CPU_ISA=AVX2 OPENBLAS_CORETYPE=Haswell TF_ENABLE_ONEDNN_OPTS=0 python -m benchmarks.machine

oneDNN is TensorFlow's and OpenVINO's; TensorFlow by itself takes it only where there is AVX-512, so the peer
has it switched off there. What else differs between two processors (clock, caches, memory) stays.

With a model, also the arithmetic of one picture in it: convolutions and matrix products, as 2 for each
product that is added.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

MOST_STEAL = 0.02
MOST_OTHERS = 0.05
_EXTENSIONS = ("avx", "avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16")
_SIDE = 2048
_TRIES = 5
_STAT = Path("/proc/stat")
_STEAL, _IDLE, _IOWAIT = 7, 3, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Processor:
    """`matrix_gflops`: what products of two `float32[2048, 2048]` reach on all cores, in 10^9 a second.

    `held_to`: the vector instructions that oneDNN is held to, where it is.
    """

    name: str
    extensions: tuple[str, ...]
    cores: int
    matrix_gflops: float
    held_to: str = ""


@dataclass(slots=True, kw_only=True)
class Watched:
    """Shares of all cores' time during a run: taken by the host, and by others on this machine."""

    steal: float = 0.0
    others: float = 0.0
    reasons: list[str] = field(default_factory=list)
    """Why the run is not to be quoted; none if it may be."""


def look(cpuinfo: str | None = None) -> Processor:
    """The processor of this machine, measured now."""
    text = Path("/proc/cpuinfo").read_text() if cpuinfo is None else cpuinfo
    entries = dict(line.split("\t", 1) for line in text.splitlines() if "\t" in line)
    said = {name: value.lstrip("\t: ").strip() for name, value in entries.items()}
    flags = said.get("flags", "").split()
    return Processor(
        name=said.get("model name", "unknown"),
        extensions=tuple(name for name in _EXTENSIONS if name in flags),
        cores=len(os.sched_getaffinity(0)),
        matrix_gflops=matrix_gflops(),
        held_to=os.environ.get("ONEDNN_MAX_CPU_ISA", ""),
    )


def matrix_gflops() -> float:
    """The best of a few products."""
    left, right = np.random.default_rng(0).random((2, _SIDE, _SIDE), np.float32)
    best = float("inf")
    for _ in range(_TRIES):
        began = time.perf_counter()
        left @ right
        best = min(best, time.perf_counter() - began)
    return 2 * _SIDE**3 / best / 1e9


@contextmanager
def watch() -> Iterator[Watched]:
    """What is known once the block has ended; processes that it started have to have ended by then."""
    watched, before, own = Watched(), _cpu_times(), _own_s()
    yield watched
    judge(watched, before, _cpu_times(), own_s=_own_s() - own)


def judge(watched: Watched, before: list[float], after: list[float], *, own_s: float) -> None:
    """`watched` says what came between two readings of the first line of /proc/stat, in seconds."""
    spent = [b - a for a, b in zip(before, after, strict=True)]
    total = sum(spent) or 1.0
    busy = total - spent[_IDLE] - spent[_IOWAIT] - spent[_STEAL]
    watched.steal = spent[_STEAL] / total
    watched.others = max(0.0, busy - own_s) / total
    if watched.steal > MOST_STEAL:
        watched.reasons.append(f"{watched.steal:.0%} of the time was the host's")
    if watched.others > MOST_OTHERS:
        watched.reasons.append(f"{watched.others:.0%} of the time was taken by other work")


def gflop_an_image(saved_model: Path) -> float:
    """Of the convolutions and matrix products of the signature `serving_default`, in 10^9.

    Counted in another process: this one shall not hold TensorFlow.
    """
    command = [sys.executable, "-m", "benchmarks.machine", str(saved_model)]
    env = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, check=True, env=env, stdout=subprocess.PIPE, text=True)
    return float(done.stdout.split()[-1])


def render(processor: Processor, watched: Watched, *, gflop: float, images_per_s: float | None) -> str:
    """The report for people."""
    held = f"; held to {processor.held_to}" if processor.held_to else ""
    lines = [
        f"machine             {processor.name}, {processor.cores} cores;"
        f" {' '.join(processor.extensions)}{held}",
        f"matrix product      {processor.matrix_gflops:,.0f} GFLOP/s, float32",
        f"others              {watched.steal:.1%} of the time the host's, {watched.others:.1%} other work's",
    ]
    if images_per_s is not None:
        share = images_per_s * gflop / processor.matrix_gflops
        lines.append(f"share of the peak   {share:.0%}  ({gflop:.3f} GFLOP a picture)")
    if watched.reasons:
        lines.append(f"NOT TO BE QUOTED    {'; '.join(watched.reasons)}")
    return "\n".join(lines)


def _cpu_times() -> list[float]:
    """Of all cores together, as Linux counts them: user, nice, system, idle, iowait, irq, softirq, steal."""
    ticks = os.sysconf("SC_CLK_TCK")
    return [int(word) / ticks for word in _STAT.read_text().split("\n", 1)[0].split()[1:9]]


def _own_s() -> float:
    return sum(os.times()[:4])


def _count(saved_model: Path) -> float:
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    loaded = tf.saved_model.load(str(saved_model))
    graph = convert_variables_to_constants_v2(loaded.signatures["serving_default"]).graph
    return sum(_flop(operation) for operation in graph.get_operations()) / 1e9


def _flop(operation: Any) -> int:
    if operation.type not in ("Conv2D", "DepthwiseConv2dNative", "MatMul"):
        return 0
    outputs = [size or 1 for size in operation.outputs[0].shape]  # an unknown size is the batch's
    weights = [size or 1 for size in operation.inputs[1].shape]
    each = weights[0] if operation.type == "MatMul" else weights[0] * weights[1]
    if operation.type == "Conv2D":
        each *= weights[2]
    return int(2 * each * np.prod(outputs))


def main() -> None:
    """What is asked for stands on standard output."""
    if len(sys.argv) > 1:
        print(_count(Path(sys.argv[1])))
    else:
        with watch() as watched:
            processor = look()
        print(render(processor, watched, gflop=0, images_per_s=None))


if __name__ == "__main__":
    main()
