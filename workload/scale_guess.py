"""A job whose terms do not say the scale infers nothing; its error says what a trial on one photo suggests.

What a model was trained with stands in no SavedModel, and no default could know it: fed with another
scale, a model answers as readily, and wrongly.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from attestation.errors import Misconfigured, SymbolonError
from contract.request import Job, OperatorRequest, agree
from contract.terms import ScaleMissing

from . import credentials, model_archive, object_storage, reading, runtimes
from .pictures.headers import Unreadable
from .pictures.preparing import Pixels, prepare

Mean = tuple[float, float, float]
_MOST_PHOTOS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A way to feed a model, and its score of the photo's best class then."""

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


def try_scales(missing: ScaleMissing, request: OperatorRequest) -> Misconfigured:
    """`missing` with what was found, surest first; or as it is, where the model or a photo cannot be had."""
    try:
        job = agree(missing.unscaled, request)
        photo = _first_photo(job)
        loaded = _load(job)
        found = sorted(_try(photo, loaded, missing), key=lambda one: -round(one.score, 2))
    except SymbolonError:
        return missing
    return missing.suggesting(
        f"the model's signature takes {loaded.takes}, and with the operator's first photo its best score is"
        f" {_listed(found)}"
    )


def _listed(found: list[Candidate]) -> str:
    return ", ".join(str(candidate) for candidate in found)


def _first_photo(job: Job) -> Pixels:
    """The first that can be read, not scaled: `float32[height, width, 3]`, 0 to 255."""
    operator = object_storage.open_client(credentials.operator_credential())
    listed = reading.list_pictures(operator, job.input, most=job.terms.egress.most_images)
    for image in listed[:_MOST_PHOTOS]:
        try:
            encoded = reading.read_picture(operator, job.input.bucket, image)
            return prepare(encoded, job.terms.input)
        except Unreadable:
            continue
    raise Misconfigured("none of the first photos can be read")


def _load(job: Job) -> runtimes.LoadedModel:
    terms = job.terms
    owner = object_storage.open_client(credentials.owner_credential(terms.credential))
    with tempfile.TemporaryDirectory(prefix="symbolon-", ignore_cleanup_errors=True) as scratch:
        archive, folder = Path(scratch, "archive"), Path(scratch, "model")
        model_archive.verify(model_archive.fetch(owner, terms.model, archive), terms.model)
        model_archive.unpack(archive, folder, max_unpacked_bytes=terms.model.max_unpacked_bytes)
        return runtimes.load(runtimes.find_model(folder, terms.runtime.name), job)


def _try(photo: Pixels, loaded: runtimes.LoadedModel, missing: ScaleMissing) -> Iterator[Candidate]:
    """Each convention once, with what the terms do say in its place."""
    ways = [(missing.mean or mean, missing.scale or scale) for mean, scale in CONVENTIONS]
    if "int" in loaded.takes:  # its signature says how it is fed: by whole numbers
        ways = ways[-1:]
    for mean, scale in dict.fromkeys(ways):
        fed = (photo - np.array(mean, np.float32)) * np.float32(scale)
        _, scores = loaded.classifier(fed[None])
        yield Candidate(mean=mean, scale=scale, score=float(scores[0, 0]))
