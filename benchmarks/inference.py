"""Our workload beside a peer: the same model, photos and storage, in turn, in one run.

    python -m benchmarks.inference [--peer sample|ray] [--photos DIR|KIND] [--model FILE] [--runtime NAME]
        [--decode exact|scaled] [--precision fp32|bf16] [--pixels N] [--storage files|emulated]
        [--latency-ms MS] [--whole 4,499] [--rounds N] [--format json]

What is measured, and what it proves, stands in docs/explanation/performance.md.
"""

from __future__ import annotations

import argparse
import json
import tarfile
import tempfile
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from . import machine
from .comparing import Comparison, Steady, Whole, compare_steady, compare_whole, cores
from .figures import Agreement, Spread
from .models import SAVED_MODEL, make_saved_model
from .photos import KINDS
from .work import TOP_K, ModelFacts

_PEERS = {"sample": "sample", "ray": "ray_data"}


def render_steady(comparison: Comparison, found: Steady) -> str:
    """The report for people."""
    stages = ", ".join(f"{name} {rate:,.0f}/s" for name, rate in found.stages.items())
    cpu = ", ".join(f"{name} {spent:.2f} ms" for name, spent in found.cpu_ms.items())
    lines = [
        _title(comparison),
        f"ours                {_spread(found.ours)} pictures/s",
        f"{comparison.peer:19} {_spread(found.peer)} pictures/s",
        f"ratio, pair by pair {_spread(found.ratio, digits=2)}",
        f"ratio, once started {_spread(found.ratio_later, digits=2)}",
        f"bound               {_spread(found.bound)} pictures/s  (alone: {stages})",
        f"share of the bound  {_spread(_percent(found.share))} %",
        f"bound, processor    {found.bound_by_cpu:,.0f} pictures/s",
        f"processor time      {cpu}",
        f"cores busy          {_spread(_percent(found.busy))} %",
    ]
    if found.kept_with_latency and found.without_latency:
        lines.append(
            f"without latency     {_spread(found.without_latency)} pictures/s, of which"
            f" {found.kept_with_latency.median:.1%} is kept"
        )
    lines.append(f"first row           {found.first_row_s.median * 1000:.0f} ms after the stream began")
    return "\n".join([*lines, _memory(found.peak_bytes), _agreement(found.agreement)])


def render_whole(comparison: Comparison, found: Whole) -> str:
    """The report for people."""
    first = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in found.first_row_s.items())
    return "\n".join(
        [
            f"whole job, {found.pictures} photos; {_title(comparison)}",
            f"ours                {_spread(found.ours, digits=2)} s  (processor {found.ours_cpu_s:.2f} s)",
            f"{comparison.peer:19} {_spread(found.peer, digits=2)} s  (processor {found.peer_cpu_s:.2f} s)",
            f"ratio, pair by pair {_spread(found.ratio, digits=2)}",
            f"first row           {first}",
            _memory(found.peak_bytes),
            _agreement(found.agreement),
        ]
    )


def _title(comparison: Comparison) -> str:
    latency = f" with {comparison.latency_ms} ms latency" if comparison.latency_ms else ""
    return (
        f"{comparison.photos}, {comparison.storage}{latency}; {comparison.runtime} {comparison.precision},"
        f" {comparison.model.pixels if comparison.model else comparison.pixels} px, {comparison.decode};"
        f" {cores()} cores, {comparison.rounds} rounds"
    )


def _spread(found: Spread, digits: int = 1) -> str:
    return f"{found.median:,.{digits}f}  ({found.lowest:,.{digits}f} to {found.highest:,.{digits}f})"


def _percent(share: Spread) -> Spread:
    return Spread(median=share.median * 100, lowest=share.lowest * 100, highest=share.highest * 100)


def _memory(peaks: dict[str, int]) -> str:
    return "peak memory         " + ", ".join(f"{name} {size >> 20} MiB" for name, size in peaks.items())


def _agreement(same: Agreement) -> str:
    return (
        f"agreement           {same.same_order} of {same.pictures} in the order of {TOP_K},"
        f" {same.same_best} in the best; scores differ by {same.largest_difference:.1e} at most"
    )


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--peer", choices=list(_PEERS), default="sample")
    parser.add_argument("--photos", default="small", metavar="DIR", help=f"a folder, or {', '.join(KINDS)}")
    parser.add_argument("--count", type=int, metavar="N", help="no more than the first N photos")
    parser.add_argument("--model", type=Path, metavar="FILE", help="a SavedModel as .tar.gz")
    parser.add_argument("--input", default="images", help="the signature's input tensor")
    parser.add_argument("--output", default="logits", help="the signature's output tensor")
    parser.add_argument("--mean", type=float, default=127.0)
    parser.add_argument("--scale", type=float, default=0.0078125)
    parser.add_argument("--pixels", type=int, default=128)
    parser.add_argument("--runtime", choices=["tensorflow", "openvino"], default="tensorflow")
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--decode", choices=["exact", "scaled"], default="exact")
    parser.add_argument("--storage", choices=["files", "emulated"])
    parser.add_argument("--latency-ms", type=int, default=0, metavar="MS")
    parser.add_argument("--batch-size", type=int, default=0, metavar="N", help="else chosen by itself")
    parser.add_argument("--stream", default="", metavar="TOML", help="lines of the terms' `[stream]` table")
    parser.add_argument("--whole", metavar="N,N", help="whole jobs over so many photos")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--format", choices=["human", "json"], default="human")
    return parser.parse_args()


def main() -> None:
    """The figures stand on standard output."""
    arguments = _parse()
    with ExitStack() as opened:
        model = None
        if arguments.model is not None:
            scratch = opened.enter_context(tempfile.TemporaryDirectory(prefix="symbolon-benchmark-"))
            model = ModelFacts(
                folder=str(_unpacked(arguments.model, Path(scratch))),
                pixels=arguments.pixels,
                input=arguments.input,
                output=arguments.output,
                mean=arguments.mean,
                scale=arguments.scale,
            )
        comparison = Comparison(
            peer=_PEERS[arguments.peer],  # type: ignore[arg-type]
            photos=arguments.photos,
            count=arguments.count,
            pixels=arguments.pixels,
            model=model,
            runtime=arguments.runtime,
            precision=arguments.precision,
            decode=arguments.decode,
            storage=arguments.storage or ("emulated" if arguments.latency_ms else "files"),
            latency_ms=arguments.latency_ms,
            batch_size=arguments.batch_size,
            stream=arguments.stream,
            rounds=arguments.rounds,
        )
        processor, images_per_s = machine.look(), None
        with machine.watch() as watched:
            if arguments.whole:
                counts = [int(count) for count in arguments.whole.split(",")]
                whole = compare_whole(comparison, counts)
                documents = [asdict(each) for each in whole]
                text = "\n\n".join(render_whole(comparison, each) for each in whole)
            else:
                steady = compare_steady(comparison)
                documents = [asdict(steady)]
                text = render_steady(comparison, steady)
                images_per_s = steady.ours.median
        folder = Path(model.folder) if model else make_saved_model(comparison.pixels) / SAVED_MODEL
        gflop = machine.gflop_an_image(folder)
        text += "\n" + machine.render(processor, watched, gflop=gflop, images_per_s=images_per_s)
    if arguments.format == "json":
        found = {"machine": asdict(processor), "others": asdict(watched), "gflop_an_image": gflop}
        text = json.dumps([{"comparison": asdict(comparison), **found, **document} for document in documents])
    print(text)


def _unpacked(archive: Path, folder: Path) -> Path:
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    found = list(folder.rglob("saved_model.pb"))
    if len(found) != 1:
        raise SystemExit(f"`{archive}` does not hold one SavedModel")
    return found[0].parent


if __name__ == "__main__":
    main()
