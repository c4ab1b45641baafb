"""A job whose terms do not say the scale infers nothing; its error says what a guess by one picture suggests.

What a model was trained with stands in no SavedModel, and no default could know it: fed with another
scale, a model answers as readily, and wrongly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from attestation.errors import Misconfigured, SymbolonError
from contract.request import Job, OperatorRequest, agree
from contract.terms import ScaleMissing

from . import credentials, object_storage, obtaining, reading, runtimes
from .pictures.headers import Unreadable
from .pictures.preparing import Pixels, prepare
from .timings import Timings

Mean = tuple[float, float, float]
_MOST_PICTURES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A way to feed a model, and its score of the picture's best class then."""

    mean: Mean
    scale: float
    score: float

    def __str__(self) -> str:
        mean = ", ".join(f"{value:g}" for value in self.mean)
        return f"{self.score:.2f} fed `mean = [{mean}]` and `scale = {self.scale:.6g}`"


CONVENTIONS: tuple[tuple[Mean, float], ...] = (
    ((127.0, 127.0, 127.0), 1 / 128),
    ((127.5, 127.5, 127.5), 1 / 127.5),
    ((0.0, 0.0, 0.0), 1 / 255),
    ((0.0, 0.0, 0.0), 1.0),
)
"""Mean and scale that give about -1 to 1 (twice), 0 to 1, and 0 to 255.

One deviation a channel, as PyTorch's models have it, is no single scale.
"""


def guess_scale(missing: ScaleMissing, request: OperatorRequest, timings: Timings) -> Misconfigured:
    """`missing` with what was found, surest first; or as it is, where model or picture cannot be had."""
    try:
        nameless = replace(missing.unscaled.output, labels=None)  # nobody will read a class's name
        job = agree(replace(missing.unscaled, output=nameless), request)
        picture = _first_picture(job)
        model = obtaining.obtain(job, timings).model
        found = sorted(_try(picture, model, missing), key=lambda one: -round(one.score, 2))
    except SymbolonError:
        return missing
    return missing.suggesting(
        f"the model's signature takes {model.takes}, and with the operator's first photo its best score is"
        f" {_listed(found)}"
    )


def _listed(found: list[Candidate]) -> str:
    return ", ".join(str(candidate) for candidate in found)


def _first_picture(job: Job) -> Pixels:
    """The first that can be read, not scaled: `float32[height, width, 3]`, 0 to 255."""
    operator = object_storage.open_client(credentials.operator_credential())
    listing = reading.list_pictures(operator, job.input, most=job.terms.egress.most_images)
    for one in listing.pictures[:_MOST_PICTURES]:
        try:
            encoded = reading.read_picture(operator, job.input.bucket, one)
            return prepare(encoded, job.terms.input)
        except Unreadable:
            continue
    raise Misconfigured("none of the first photos can be read")


def _try(picture: Pixels, loaded: runtimes.LoadedModel, missing: ScaleMissing) -> Iterator[Candidate]:
    """Each convention once, with what the terms do say in its place."""
    ways = [(missing.mean or mean, missing.scale or scale) for mean, scale in CONVENTIONS]
    if "int" in loaded.takes:  # its signature says how it is fed: by whole numbers
        ways = ways[-1:]
    for mean, scale in dict.fromkeys(ways):
        fed = (picture - np.array(mean, np.float32)) * np.float32(scale)
        _, scores = loaded.classifier(fed[None])
        yield Candidate(mean=mean, scale=scale, score=float(scores[0, 0]))
