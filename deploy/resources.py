"""What an owner and an operator have in their projects, as data: nothing here calls anybody.

Default names are those of the Confidential Space codelab, so that its readers know where they
are. `provisioning.py` makes any of these exist. A provider is the policy room's own `Provider`.

Source: GoogleCloudPlatform/confidential-space, codelabs/ml_model_protection, `config_env.sh`;
Google Cloud's REST references of storage, iam, artifactregistry and cloudresourcemanager.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from attestation.digests import Digest
from attestation.issuer import ISSUER
from contract.kms_keys import DECRYPTER
from policy.explaining import compile_condition
from policy.mapping import AttributeMapping
from policy.provider import Provider, check_audiences, default_audiences

_ADMITTED = "roles/iam.workloadIdentityUser"


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project, which exists already; `number` is how principals are named."""

    project_id: str
    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnabledApi:
    """An API that the project may call, e.g. `iam.googleapis.com`; nobody here ever switches one off."""

    project: Project
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """A bucket with uniform access, which can never become public, and keeps what is overwritten."""

    project: Project
    name: str
    location: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAccount:
    """A service account; it never gets a key."""

    project: Project
    account_id: str

    @property
    def email(self) -> str:
        return f"{self.account_id}@{self.project.project_id}.iam.gserviceaccount.com"

    @property
    def member(self) -> str:
        """How an allow policy names it."""
        return f"serviceAccount:{self.email}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadIdentityPool:
    """A workload identity pool."""

    project: Project
    pool_id: str

    @property
    def name(self) -> str:
        """The resource name with the project's number, as audiences and principals have it."""
        return f"projects/{self.project.number}/locations/global/workloadIdentityPools/{self.pool_id}"

    def image_member(self, digest: Digest) -> str:
        """Whoever the pool admits with exactly this image, as an allow policy names them.

        The provider's mapping must set `attribute.image_digest`. Narrower than the pool's `/*`: a
        condition loosened by mistake still admits nobody with another image.
        """
        return f"principalSet://iam.googleapis.com/{self.name}/attribute.image_digest/{digest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DockerRepository:
    """A docker repository in Artifact Registry."""

    project: Project
    location: str
    repository_id: str

    @property
    def name(self) -> str:
        return (
            f"projects/{self.project.project_id}/locations/{self.location}/repositories/{self.repository_id}"
        )

    def image(self, name: str, tag: str) -> str:
        """The reference of one of its images."""
        return f"{self.location}-docker.pkg.dev/{self.project.project_id}/{self.repository_id}/{name}:{tag}"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRing:
    """A key ring in Cloud KMS. It bears no mark: Google gives it neither labels nor a description."""

    project: Project
    location: str
    ring_id: str

    @property
    def name(self) -> str:
        return f"projects/{self.project.project_id}/locations/{self.location}/keyRings/{self.ring_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CryptoKey:
    """A symmetric key in Cloud KMS, which wraps a sealed model's key. Rotating it is left to the owner."""

    ring: KeyRing
    key_id: str

    @property
    def name(self) -> str:
        return f"{self.ring.name}/cryptoKeys/{self.key_id}"


Guarded = Project | Bucket | ServiceAccount | DockerRepository | CryptoKey
"""What has an allow policy of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """`member` holds `role` on one resource."""

    on: Guarded
    role: str
    member: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoOther:
    """Of those whose name begins with `prefix`, `members` alone hold `role` on one resource."""

    on: ServiceAccount | CryptoKey
    role: str
    prefix: str
    members: frozenset[str]


Deletable = Bucket | ServiceAccount | WorkloadIdentityPool | Provider | DockerRepository
"""What is created and deleted."""

Lasting = KeyRing | CryptoKey
"""What is created, and stays: Google keeps a key at least until its versions are destroyed, days later."""

Made = Deletable | Lasting
"""What can be created; a project exists already."""

Resource = EnabledApi | Made | Grant | NoOther


def made_of(resources: Iterable[Resource]) -> tuple[Made, ...]:
    """Those that are created, in order."""
    return tuple(each for each in resources if not isinstance(each, EnabledApi | Grant | NoOther))


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """What the owner has: the model's bucket, the account that alone reads it, the pool, the images.

    `key` is there where the model is to lie sealed.
    """

    model_bucket: Bucket
    service_account: ServiceAccount
    pool: WorkloadIdentityPool
    repository: DockerRepository
    provider_id: str
    key: CryptoKey | None = None

    def apis(self) -> tuple[EnabledApi, ...]:
        """What the owner's commands and the workload call in the owner's project."""
        sealed = () if self.key is None else ("cloudkms",)
        names = ("artifactregistry", *sealed, "iam", "iamcredentials", "storage", "sts")
        return _apis(self.model_bucket.project, *names)

    def foundation(self) -> tuple[Resource, ...]:
        """The resources that there are before any image; they admit nobody. In the order of creation."""
        return (
            self.model_bucket,
            self.service_account,
            Grant(
                on=self.model_bucket, role="roles/storage.objectViewer", member=self.service_account.member
            ),
            self.pool,
            self.repository,
            *(() if self.key is None else (self.key.ring, self.key)),
        )

    @property
    def provider_name(self) -> str:
        """The resource name of the provider, with the project's number."""
        return f"{self.pool.name}/providers/{self.provider_id}"

    @property
    def audience(self) -> str:
        """What a token exchange names, and the owner's terms as `credential.audience`."""
        return default_audiences(self.provider_name)[0]

    def provider(
        self, *, mapping: Mapping[str, str], condition: str, allowed_audiences: tuple[str, ...] = ()
    ) -> Provider:
        """The provider that asks `condition` of Confidential Space's tokens.

        Without `allowed_audiences` only a token made for this very provider is accepted; one made for
        anybody's STS is not.

        Raises:
            Misconfigured: Google would not accept the mapping, the condition or an audience.
        """
        return Provider(
            name=self.provider_name,
            issuer=ISSUER,
            allowed_audiences=check_audiences(list(allowed_audiences)),
            mapping=AttributeMapping.parse(mapping),
            condition=compile_condition(condition).text,
            disabled=False,
            jwks=None,
        )

    def no_other_admissions(self, image_digests: Collection[Digest]) -> NoOther:
        """No image but these may act as the service account: one that was admitted before may no more."""
        return NoOther(
            on=self.service_account,
            role=_ADMITTED,
            prefix=self.pool.image_member(Digest("")),
            members=frozenset(self.pool.image_member(digest) for digest in image_digests),
        )

    def admissions(self, image_digests: Collection[Digest]) -> tuple[Grant, ...]:
        """Each of these images, once the provider admits it, may act as the service account."""
        return tuple(
            Grant(
                on=self.service_account,
                role=_ADMITTED,
                member=self.pool.image_member(digest),
            )
            for digest in sorted(image_digests)
        )

    def key_admissions(self, image_digests: Collection[Digest]) -> tuple[Grant | NoOther, ...]:
        """Each of these images, and no other, may have the key unwrap the model's; () where none is sealed.

        The binding is on the key, and not on its ring or the project, for the federated principal itself.
        """
        if self.key is None:
            return ()
        members = [self.pool.image_member(digest) for digest in sorted(image_digests)]
        prefix = self.pool.image_member(Digest(""))
        return (
            *(Grant(on=self.key, role=DECRYPTER, member=member) for member in members),
            NoOther(on=self.key, role=DECRYPTER, prefix=prefix, members=frozenset(members)),
        )

    def pull_grant(self, member: str) -> Grant:
        """`member` may pull the images; an operator's workload account needs it to boot one."""
        return Grant(on=self.repository, role="roles/artifactregistry.reader", member=member)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """What the operator has: the pictures to classify, a place for results, the account of the VM."""

    input_bucket: Bucket
    result_bucket: Bucket
    workload_account: ServiceAccount

    def apis(self) -> tuple[EnabledApi, ...]:
        """What the operator's commands, the VM and its launcher call in the operator's project."""
        project = self.workload_account.project
        return _apis(project, "compute", "confidentialcomputing", "iam", "logging", "storage")

    def foundation(self) -> tuple[Resource, ...]:
        """Everything of the operator's, in the order of creation."""
        project, member = self.workload_account.project, self.workload_account.member
        return (
            self.input_bucket,
            self.result_bucket,
            self.workload_account,
            Grant(on=project, role="roles/confidentialcomputing.workloadUser", member=member),
            Grant(on=project, role="roles/logging.logWriter", member=member),
            Grant(on=self.input_bucket, role="roles/storage.objectViewer", member=member),
            Grant(on=self.result_bucket, role="roles/storage.objectUser", member=member),
        )


def _apis(project: Project, *names: str) -> tuple[EnabledApi, ...]:
    return tuple(EnabledApi(project=project, name=f"{name}.googleapis.com") for name in names)


def owner_of(project: Project, *, location: str = "us-west1", repository_location: str = "us") -> Owner:
    """The owner's resources under the codelab's names."""
    return Owner(
        model_bucket=Bucket(project=project, name=f"{project.project_id}-input-bucket", location=location),
        service_account=ServiceAccount(project=project, account_id=f"{project.project_id}-sa"),
        pool=WorkloadIdentityPool(project=project, pool_id=f"{project.project_id}-wip"),
        repository=DockerRepository(
            project=project,
            location=repository_location,
            repository_id=f"{project.project_id}-artifact-repo",
        ),
        provider_id=f"{project.project_id}-wip-provider",
    )


def operator_of(project: Project, *, location: str = "us-west1") -> Operator:
    """The operator's resources under the codelab's names."""
    buckets = {
        kind: Bucket(project=project, name=f"{project.project_id}-{kind}-bucket", location=location)
        for kind in ("input", "result")
    }
    return Operator(
        input_bucket=buckets["input"],
        result_bucket=buckets["result"],
        workload_account=ServiceAccount(project=project, account_id="workload-sa"),
    )
