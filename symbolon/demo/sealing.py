"""The owner's key in Cloud KMS, and the models that the owner seals with it, by `symbolon owner protect`."""

from __future__ import annotations

import io
import tarfile
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

from attestation.digests import Digest
from contract.kms_keys import KmsKey, parse_kms_key
from contract.terms import OwnerTerms, parse_terms, render_terms
from deploy.resources import CryptoKey, KeyRing, Owner

from .. import whole_files
from ..owner import workplace
from ..owner.protect import Seal, protect
from ..stage import Stage
from ..steps import Steps
from .model import LABELS


def with_key(owner: Owner) -> tuple[Owner, KmsKey]:
    """The owner, among whose resources there is a key in Cloud KMS, and that key's name."""
    bucket = owner.model_bucket
    ring = KeyRing(project=bucket.project, location=bucket.location, ring_id="models")
    key = CryptoKey(ring=ring, key_id="lite0")
    return replace(owner, key=key), parse_kms_key(key.name, where="the key")


def seal(stage: Stage, terms: OwnerTerms, archive: Path, kms: KmsKey) -> OwnerTerms:
    """The model lies sealed in the owner's bucket; the terms, with what pins it.

    No generation is pinned: the bucket keeps what is overwritten, and would give it out by its number. So the
    manifest alone has to notice whatever is put in the model's place.
    """
    folder = stage.folder / "owner"
    here = workplace.render_here(folder, archive, None)
    whole_files.write(folder, {workplace.TERMS: render_terms(terms), workplace.HERE: here})
    with stage.signed_in("owner"), redirect_stdout(io.StringIO()):  # the story tells it in its own words
        protect(folder, Seal(kms=kms), plan=False, output="human", steps=Steps())
    sealed = parse_terms((folder / workplace.TERMS).read_text(encoding="utf-8"))
    sealed = replace(sealed, model=replace(sealed.model, generation=None))
    whole_files.write(folder, {workplace.TERMS: render_terms(sealed)})
    return sealed


def manifest_of(terms: OwnerTerms) -> Digest:
    """What pins the sealed model of these terms."""
    if terms.release is None:
        raise AssertionError("the model of these terms does not lie sealed")
    return terms.release.manifest


def as_it_was_before(archive: Path, draft: Path) -> None:
    """`draft` is an older model than that of `archive`: it had no names of its classes yet."""
    with tarfile.open(archive) as now, tarfile.open(draft, "x") as then:
        for member in now:
            if member.name != LABELS:
                then.addfile(member, now.extractfile(member))
