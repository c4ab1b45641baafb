"""How often a model says the same of a photo that was decoded at a fraction of its size.

    python -m benchmarks.agreement [--kind small|camera|progressive] [--count N] [--pixels N] [--format json]

The demo's model is fed with each photo decoded whole (`exact`) and `scaled`, and both again beneath an
antialiasing filter, where what was left out is hardly looked at. Times are of the processor, for decoding
and resizing one photo; the model is not in them.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contract.terms import InputTerms
from workload.pictures.headers import EncodedPicture, check_header
from workload.pictures.preparing import prepare

from .models import SAVED_MODEL, make_saved_model
from .photos import KINDS, make_photos

_TOP_K = 5
_EXACT = InputTerms(
    tensor="images",
    height=0,
    width=0,
    method="bilinear",
    antialias=False,
    fit="stretch",
    exif_orientation="ignore",
    decode="exact",
    mean=(127.0, 127.0, 127.0),
    scale=1 / 128,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Of `photos`, how many have the same best class, and the same five best in the same order."""

    antialias: bool
    photos: int
    same_best: int
    same_order: int
    exact_ms: float
    scaled_ms: float


def compare(kind: str, *, count: int | None, pixels: int) -> list[Found]:
    """`exact` beside `scaled`, without and with antialiasing."""
    folder = make_photos(kind, count=count)
    photos = [check_header(file.read_bytes()) for file in sorted(folder.iterdir())]
    classify = _classifier(make_saved_model(pixels) / SAVED_MODEL)
    found = []
    for antialias in (False, True):
        exact = replace(_EXACT, height=pixels, width=pixels, antialias=antialias)
        whole, exact_ms = _answers(photos, exact, classify)
        part, scaled_ms = _answers(photos, replace(exact, decode="scaled"), classify)
        found.append(
            Found(
                antialias=antialias,
                photos=len(photos),
                same_best=int((whole[:, 0] == part[:, 0]).sum()),
                same_order=int((whole == part).all(axis=1).sum()),
                exact_ms=exact_ms,
                scaled_ms=scaled_ms,
            )
        )
    return found


def _classifier(saved_model: Path) -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    loaded = tf.saved_model.load(str(saved_model))
    signature = loaded.signatures["serving_default"]

    def classify(pixels: NDArray[np.float32]) -> NDArray[np.int32]:
        (logits,) = signature(images=tf.constant(pixels)).values()
        best: NDArray[np.int32] = tf.math.top_k(logits, _TOP_K).indices.numpy()
        return best

    classify.loaded = loaded  # type: ignore[attr-defined]  # a signature does not keep its variables
    return classify


def _answers(
    photos: Sequence[EncodedPicture], terms: InputTerms, classify: Any
) -> tuple[NDArray[np.int32], float]:
    prepare(photos[0], terms)
    answers, spent = [], 0.0
    for photo in photos:
        began = time.thread_time()
        pixels = prepare(photo, terms)
        spent += time.thread_time() - began
        answers.append(classify(pixels[None]))
    return np.concatenate(answers), spent * 1000 / len(photos)


def render(kind: str, pixels: int, found: Sequence[Found]) -> str:
    """The report for people."""
    lines = [
        f"{found[0].photos} photos ({kind}), EfficientNet-Lite0 at {pixels} pixels: `scaled` beside `exact`"
    ]
    for each in found:
        best, order = each.same_best / each.photos, each.same_order / each.photos
        lines.append(
            f"{'antialiased' if each.antialias else 'bilinear':11}"
            f"  same best class {best:6.1%}  same five in order {order:6.1%}"
            f"  {each.exact_ms:.2f} -> {each.scaled_ms:.2f} ms ({each.exact_ms / each.scaled_ms:.1f}x)"
        )
    return "\n".join(lines)


def main() -> None:
    """The report has been printed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kind", choices=list(KINDS), default="small")
    parser.add_argument("--count", type=int, metavar="N")
    parser.add_argument("--pixels", type=int, default=128, metavar="N")
    parser.add_argument("--format", choices=["human", "json"], default="human")
    arguments = parser.parse_args()
    found = compare(arguments.kind, count=arguments.count, pixels=arguments.pixels)
    if arguments.format == "json":
        print(json.dumps([asdict(each) for each in found]))
    else:
        print(render(arguments.kind, arguments.pixels, found))


if __name__ == "__main__":
    main()
