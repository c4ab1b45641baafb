"""Who and what the story is about: prepared once, by the two parties themselves."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from attestation.digests import Digest, digest_of
from contract.kms_keys import KmsKey
from contract.terms import OwnerTerms
from deploy.confidential_vm import ConfidentialVm
from deploy.resources import DockerRepository, Operator, Owner, operator_of, owner_of

from ..owner.on_stage import ask, ensure_all, publish
from ..policies import NamedPolicy
from ..stage import Party, Stage
from .documents import owner_terms
from .events import Prepared
from .photos import PHOTOS
from .sealing import as_it_was_before, manifest_of, seal, with_key

MODEL = "model.tar.gz"
_ZONE = "us-west1-b"
_PHOTOS = "photos/"
_ANYBODY = "allAuthenticatedUsers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """Everything that is there before the operator launches anything; `policy` is as Google shows it."""

    stage: Stage
    owner: Owner
    operator: Operator
    terms: OwnerTerms
    image: str
    policy: NamedPolicy

    def vm(self, name: str) -> ConfidentialVm:
        """A VM as the owner means it: the published image, production, the operator's account."""
        return ConfidentialVm(
            project_id=self.operator.workload_account.project.project_id,
            zone=_ZONE,
            name=name,
            image_reference=self.image,
            service_account=self.operator.workload_account.email,
            environment={
                "INPUT_URI": f"gs://{self.operator.input_bucket.name}/{_PHOTOS}",
                "RESULT_URI": f"gs://{self.operator.result_bucket.name}/{name}/",
            },
        )


class Publish(Protocol):
    """How a party's repository comes to serve the image with these terms; its reference by digest."""

    def __call__(
        self, stage: Stage, party: Party, repository: DockerRepository, *, terms: OwnerTerms
    ) -> str: ...


def prepare(
    stage: Stage, archive: Path, *, publish_image: Publish | None = None
) -> Generator[Prepared, None, Cast]:
    """What each party makes, in order, and then the cast."""
    owner, kms = with_key(owner_of(stage.owner.project))
    operator = operator_of(stage.operator.project)
    ensure_all(stage.owner, owner.foundation())
    yield Prepared(
        party="owner", what="bucket, service account, identity pool, image repository, key in Cloud KMS"
    )

    terms = yield from _sealed(stage, owner, archive, kms)
    publish_it = publish_image or publish
    image = publish_it(stage, stage.owner, owner.repository, terms=terms)
    ensure_all(stage.owner, [owner.pull_grant(_ANYBODY)])
    yield Prepared(party="owner", what=f"image with the owner's terms, {image.rpartition('@')[2]}")

    digest = Digest(image.rpartition("@")[2])
    policy = ask(stage, owner, operator, digest)
    ensure_all(stage.owner, owner.key_admissions([digest]))
    yield Prepared(
        party="owner",
        what="policy: that image, in a production VM of that operator; the key decrypts for that image alone",
    )

    ensure_all(stage.operator, operator.foundation())
    for photo in PHOTOS:
        stage.operator.upload(operator.input_bucket.name, f"{_PHOTOS}{photo.name}", photo.path)
    yield Prepared(party="operator", what=f"two buckets, service account, {len(PHOTOS)} photos")
    return Cast(
        stage=stage,
        owner=owner,
        operator=operator,
        terms=terms,
        image=image,
        policy=policy,
    )


def _sealed(stage: Stage, owner: Owner, archive: Path, kms: KmsKey) -> Generator[Prepared, None, OwnerTerms]:
    """The owner seals an older model, and then this one in its place; the terms of this one."""
    before = stage.folder / "before.tar"
    as_it_was_before(archive, before)
    older = seal(stage, owner_terms(owner, digest_of(before.read_bytes())), before, kms)
    before.unlink()
    yield Prepared(party="owner", what=f"an older model, sealed: its manifest is {manifest_of(older)}")
    terms = seal(stage, older, archive, kms)
    what = f"EfficientNet-Lite0, {archive.stat().st_size / 1e6:.1f} MB, sealed"
    yield Prepared(party="owner", what=f"{what}: its manifest is {manifest_of(terms)}")
    return terms
