"""From the owner's terms to a model in memory: Attest, Exchange, Impersonate, Fetch, Verify and Load.

The key of a sealed model is unwrapped by Cloud KMS, or released by the owner's broker for the pictures that
this start runs: then there is a lease, and whoever uses the model asks it (`lease.Lease.check`).

Each step takes what only the step before it gives, so that none can be left out: an archive is unpacked only
where it is a `VerifiedArchive`, and only `verify` makes one. Who tells of each step takes them one by one, as
`workload.inference` does; `obtain` takes them all.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from google.cloud import storage

from attestation.digests import Digest
from contract.request import Job
from contract.terms import ModelTerms, OwnerTerms

from . import credentials, model_archive, object_storage, runtimes, sealed_archive
from .beside import Beside
from .key_service import KeyService
from .labels import read_labels
from .lease import Lease
from .releasing import Releasing
from .reporting import say
from .scratch import scratch_folder
from .timings import Timings


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What the owner lets this workload use: the bucket and, of a sealed model, who has its key."""

    storage: storage.Client
    keys: KeyService | Releasing | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedArchive:
    """Bytes that nobody has looked at, their digest, and the generation of the object that they were.

    `lease` is what a broker has granted on them; None where none was asked.
    """

    file: Path
    digest: Digest
    generation: int | None
    lease: Lease | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedArchive:
    """The archive that the image was published for."""

    file: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Obtained:
    """The model, ready to run, and the names of its classes where the terms name them. Its files are gone."""

    model: runtimes.LoadedModel
    labels: tuple[str, ...] | None


def admission(terms: OwnerTerms, licence: str | None) -> Access:
    """The owner's condition has admitted this workload: to Cloud Storage as the owner's service account,
    and, where the model is sealed for Cloud KMS, to that as itself. A broker is known, and not asked yet.

    Raises:
        Misconfigured, EvidenceRejected, Denied, Unavailable: see `credentials.owner_credential`.
    """
    owner = object_storage.open_client(credentials.owner_credential(terms.credential))
    if terms.release is None:
        return Access(storage=owner)
    if licence is not None:
        return Access(storage=owner, keys=Releasing(terms.release, licence))
    return Access(storage=owner, keys=KeyService(credentials.federated_credential(terms.credential)))


def fetch(
    access: Access, terms: OwnerTerms, folder: Path, timings: Timings, *, pictures: int = 1
) -> FetchedArchive:
    """The owner's archive is in `folder`, opened if it was sealed: for so many pictures, where a broker
    counts them. Nobody can read more with `access`: its connections are closed, and no name refers to a key.

    Raises:
        Misconfigured, EvidenceRejected, Denied, Unavailable: see `model_archive.fetch` and
        `sealed_archive.fetch`.
        BrokerRefused: see `Releasing.release`.
    """
    file, read, leases = folder / "archive", list[int](), list[Lease]()

    def released(broker: Releasing) -> bytes:
        with timings.span("release"):
            key, granted = broker.release(pictures)
        leases.append(Lease(granted, broker))
        say(
            "the owner's broker has released the model's key",
            lease=granted.lease,
            lease_s=granted.lease_s,
            pictures=pictures,
        )
        return key

    with timings.span("fetch"), closing(access.storage) as owner:
        if terms.release is None:
            digest = model_archive.fetch(owner, terms.model, file, note=read.append)
        elif access.keys is None:
            raise AssertionError("a sealed model is fetched without its key's service")
        elif isinstance(access.keys, Releasing):
            key = partial(released, access.keys)
            digest = sealed_archive.fetch(owner, key, terms.model, terms.release, file, note=read.append)
        else:
            with closing(access.keys) as keys:
                digest = sealed_archive.fetch(owner, keys, terms.model, terms.release, file, note=read.append)
        return FetchedArchive(
            file=file,
            digest=digest,
            generation=read[0] if read else None,
            lease=leases[0] if leases else None,
        )


def verify(fetched: FetchedArchive, terms: ModelTerms) -> VerifiedArchive:
    """The archive is the one that the terms pin.

    Raises:
        EvidenceRejected: it is any other.
    """
    model_archive.verify(fetched.digest, terms)
    return VerifiedArchive(file=fetched.file)


def load(
    verified: VerifiedArchive, job: Job, timings: Timings, *, runtime: Callable[[], object] = lambda: None
) -> Obtained:
    """The model is in memory, once `runtime` has returned, which may be importing the job's.

    Raises:
        Misconfigured: the archive, its label file or the model cannot be used.
        ModelMisfit: the model does not fit the terms or the request.
    """
    terms, folder = job.terms, verified.file.with_name("model")
    with timings.span("unpack"):
        model_archive.unpack(verified.file, folder, max_unpacked_bytes=terms.model.max_unpacked_bytes)
        found = runtimes.find_model(folder, terms.runtime.name)
    runtime()
    with timings.span("load"):
        # A library's own call hears no signal.
        model = Beside(partial(runtimes.load, found, job), name="load").take()
        return Obtained(model=model, labels=read_labels(folder, terms.output.labels, classes=model.classes))


def obtain(job: Job, timings: Timings) -> Obtained:
    """The model of the job's terms is in memory: every step has been taken.

    Raises:
        Misconfigured, EvidenceRejected, Denied, Unavailable: one could not be.
    """
    with scratch_folder() as folder:
        fetched = fetch(admission(job.terms, job.licence), job.terms, folder, timings)
        return load(verify(fetched, job.terms.model), job, timings)
