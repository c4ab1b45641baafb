"""What every contestant is given to do: photos, where they are, a model, and how a photo is fed to it."""

from __future__ import annotations

import json
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from attestation.digests import Digest
from contract.tables import Document, read_table
from contract.terms import (
    CredentialTerms,
    EgressTerms,
    InputTerms,
    ModelTerms,
    OutputTerms,
    OwnerTerms,
    RuntimeTerms,
    StreamTerms,
)
from contract.uris import ObjectUri

TOP_K = 5
NO_MODEL = ObjectUri(bucket="models", name="model.tar.gz")
NO_DIGEST = Digest("sha256:" + "0" * 64)
_STREAM = Document(what="the lines of `--stream`", hint="docs/reference/terms.md lists them")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """A SavedModel, and what its owner would spell out of it: `fed = (pixel - mean) * scale`."""

    folder: str
    pixels: int
    input: str = "images"
    output: str = "logits"
    mean: float = 127.0
    scale: float = 0.0078125


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """`photos` are files of `folder`, or objects of `bucket` where that is named."""

    model: ModelFacts
    folder: str
    bucket: str = ""
    latency_ms: int = 0
    """Waited before each read of a file; a bucket's latency is the emulator's."""
    server_pid: int = 0
    """Of the emulator, whose processor time reads take as well."""
    runtime: str = "tensorflow"
    precision: str = "fp32"
    decode: str = "exact"
    batch_size: int = 0
    """0 is whatever each contestant chooses by itself."""
    stream: str = ""
    """Lines of the terms' `[stream]` table."""

    @property
    def photos(self) -> list[str]:
        """Their names, in order."""
        return sorted(path.name for path in Path(self.folder).iterdir())

    def render(self) -> str:
        return json.dumps(asdict(self))


def parse_work(text: str) -> Work:
    """What `Work.render` wrote."""
    document: dict[str, Any] = json.loads(text)
    return Work(**{**document, "model": ModelFacts(**document["model"])})


def terms_of(
    work: Work,
    *,
    model: ObjectUri = NO_MODEL,
    sha256: Digest = NO_DIGEST,
    audience: str = (
        "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/provider"
    ),
    service_account: str = "owner@primus.iam.gserviceaccount.com",
) -> OwnerTerms:
    """The terms of an owner who publishes this work's model; scores are softmax, with all their digits."""
    facts = work.model
    return OwnerTerms(
        model=ModelTerms(uri=model, sha256=sha256),
        credential=CredentialTerms(audience=audience, service_account=service_account),
        runtime=RuntimeTerms(name=work.runtime, precision=work.precision),
        input=InputTerms(
            tensor=facts.input,
            height=facts.pixels,
            width=facts.pixels,
            method="bilinear",
            antialias=False,
            fit="stretch",
            exif_orientation="ignore",
            decode=work.decode,
            mean=(facts.mean, facts.mean, facts.mean),
            scale=facts.scale,
        ),
        output=OutputTerms(tensor=facts.output, scores="softmax"),
        egress=EgressTerms(largest_top_k=TOP_K, score_digits=9, most_images=10_000_000),
        stream=read_table(_STREAM, "stream", tomllib.loads(work.stream), StreamTerms),
    )
