"""The terms that the story's owner writes, which go into the image."""

from __future__ import annotations

from attestation.digests import Digest
from contract.terms import (
    CredentialTerms,
    EgressTerms,
    InputTerms,
    ModelTerms,
    OutputTerms,
    OwnerTerms,
    RuntimeTerms,
)
from contract.uris import ObjectUri
from deploy.resources import Owner

from .model import FED_MEAN, FED_SCALE, LABELS

LARGEST_TOP_K = 5


def owner_terms(owner: Owner, model: Digest) -> OwnerTerms:
    """The owner's terms of a model that is not sealed yet; the image's digest measures them."""
    return OwnerTerms(
        model=ModelTerms(uri=ObjectUri(bucket=owner.model_bucket.name, name="model.tar.gz"), sha256=model),
        credential=CredentialTerms(
            audience=owner.audience,
            service_account=owner.service_account.email,
        ),
        runtime=RuntimeTerms(name="tensorflow", precision="fp32"),
        input=InputTerms(
            tensor="images",
            height=224,
            width=224,
            method="bilinear",
            antialias=False,
            fit="stretch",
            exif_orientation="ignore",
            mean=(FED_MEAN, FED_MEAN, FED_MEAN),
            scale=FED_SCALE,
        ),
        output=OutputTerms(tensor="logits", scores="softmax", labels=LABELS),
        egress=EgressTerms(largest_top_k=LARGEST_TOP_K, score_digits=4, most_images=100),
    )
