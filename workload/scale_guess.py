"""A job whose terms do not say the scale infers nothing; its error says what a guess by one picture suggests.

What a model was trained with stands in no SavedModel, and no default could know it: fed with another
scale, a model answers as readily, and wrongly. A score that is told is one that leaves: with no more digits
than the terms allow, for no more ways to feed one photo than they allow pictures, without its class, and once
a folder, which the guess claims as a job does. So it tells less than a job would; and like a job it can be
had again with another folder, since nothing that this image keeps outlives its machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from google.cloud import storage

from attestation.digests import Digest
from attestation.errors import Misconfigured, SymbolonError
from contract.request import Job, OperatorRequest, ResultRefused, agree
from contract.terms import ScaleMissing

from . import credentials, object_storage, obtaining, part_tokens, reading, runtimes
from .beginning import Begun, begin
from .claiming import FolderTaken, Turn
from .pictures.headers import Unreadable
from .pictures.preparing import Pixels, prepare
from .timings import Timings

Mean = tuple[float, float, float]
_MOST_PICTURES = 20
_DIGITS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A way to feed a model, and its score of the picture's best class then, with so many digits."""

    mean: Mean
    scale: float
    score: float
    digits: int

    def __str__(self) -> str:
        mean = ", ".join(f"{value:g}" for value in self.mean)
        return f"{self.score:.{self.digits}f} fed `mean = [{mean}]` and `scale = {self.scale:.6g}`"


CONVENTIONS: tuple[tuple[Mean, float], ...] = (
    ((127.0, 127.0, 127.0), 1 / 128),
    ((127.5, 127.5, 127.5), 1 / 127.5),
    ((0.0, 0.0, 0.0), 1 / 255),
    ((0.0, 0.0, 0.0), 1.0),
)
"""Mean and scale that give about -1 to 1 (twice), 0 to 1, and 0 to 255.

One deviation a channel, as PyTorch's models have it, is no single scale.
"""


def guess_scale(
    missing: ScaleMissing, request: OperatorRequest, terms_digest: Digest, timings: Timings, turn: Turn
) -> Misconfigured:
    """`missing` with what was found, surest first; or as it is, where model or picture cannot be had.

    The folder has `job.json` from then on, so that a start that follows guesses nothing.

    Raises:
        FolderTaken, ResultRefused: nothing may be written to the operator's folder.
    """
    try:
        nameless = replace(missing.unscaled.output, labels=None)  # nobody will read a class's name
        job = agree(replace(missing.unscaled, output=nameless), request)
        operator = object_storage.open_client(credentials.operator_credential())
        machine = part_tokens.learn_machine()
        begun = begin(operator, job, terms_digest, turn, machine)
        if not begun.is_new:
            return missing
        picture = _first_picture(operator, job, begun)
        begun.write_record(turn, machine.ask(begun.nonce))
        model = obtaining.obtain(job, timings).model
        found = sorted(_try(picture, model, missing), key=lambda one: -round(one.score, one.digits))
    except (FolderTaken, ResultRefused):
        raise
    except SymbolonError:
        return missing
    return missing.suggesting(
        f"the model's signature takes {model.takes}, and with the operator's first photo its best score is"
        f" {_listed(found)}"
    )


def _listed(found: list[Candidate]) -> str:
    return ", ".join(str(candidate) for candidate in found)


def _first_picture(operator: storage.Client, job: Job, begun: Begun) -> Pixels:
    """The first that can be read, not scaled: `float32[height, width, 3]`, 0 to 255."""
    for one in begun.record.pictures[:_MOST_PICTURES]:
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
    egress = missing.unscaled.egress
    digits = min(_DIGITS, egress.score_digits)
    for mean, scale in list(dict.fromkeys(ways))[: egress.most_images]:
        fed = (picture - np.array(mean, np.float32)) * np.float32(scale)
        _, scores = loaded.classifier(fed[None])
        yield Candidate(mean=mean, scale=scale, score=float(scores[0, 0]), digits=digits)
