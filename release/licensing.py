"""Whether a licence holds for what is asked, and for whom: the owner's bounds, one after the other.

What is counted is compared here and counted in `releasing`, in one transaction, under the licence's lock.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, Row, bindparam, func, select

from attestation.digests import Digest
from attestation.errors import EvidenceRejected, Misconfigured
from contract.licence import Licence, unsafe_read_licence
from contract.release import ReleaseRequest
from contract.release_refusals import REFUSALS

from .moments import moment
from .store import schema
from .verifying import Admitted

AnyRow: TypeAlias = "Row[*tuple[Any, ...]]"
MOST_PICTURES: Final = 10**12
"""No job has more; what asks for more would not fit the counts."""

_LOCKED_LICENCE = select(schema.licences).where(schema.licences.c.id == bindparam("asked")).with_for_update()
_OTHER_MACHINES = select(func.count(schema.leases.c.machine.distinct())).where(
    schema.leases.c.licence == bindparam("licence"),
    schema.leases.c.ends_at > bindparam("now"),
    schema.leases.c.ended_at.is_(None),
    schema.leases.c.machine != bindparam("besides"),
)
_read = lru_cache(maxsize=256)(unsafe_read_licence)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A licence as the broker has it. Its signature was verified when the broker took it in."""

    licence: Licence
    revoked: bool
    runs_used: int
    pictures_used: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model whose data key the broker has, wrapped by its master key."""

    model_id: str
    version: int
    wrapped: bytes


def lock_licence(connection: Connection, name: str) -> Held:
    """The licence, which nobody else counts until the transaction ends.

    Raises:
        BrokerRefused: `licence-unknown`, one that cannot be read too.
    """
    row = connection.execute(_LOCKED_LICENCE, {"asked": name}).one_or_none()
    if row is None:
        raise REFUSALS["licence-unknown"].error()
    return licence_in(row)


def licence_in(row: AnyRow) -> Held:
    """The licence in a row of its table.

    Raises:
        BrokerRefused: `licence-unknown`: it cannot be read.
    """
    try:
        licence = _read(row.envelope)
    except (EvidenceRejected, Misconfigured):
        raise REFUSALS["licence-unknown"].error("the broker cannot read its copy of this licence") from None
    return Held(
        licence=licence,
        revoked=row.revoked_at is not None,
        runs_used=row.runs_used,
        pictures_used=row.pictures_used,
    )


def check_standing(held: Held, now: int) -> None:
    """The licence holds now.

    Raises:
        BrokerRefused: `licence-revoked`, `licence-not-begun`, `licence-expired`.
    """
    licence = held.licence
    if held.revoked:
        raise REFUSALS["licence-revoked"].error()
    if now < licence.starts_at:
        raise REFUSALS["licence-not-begun"].error(f"the licence begins on {moment(licence.starts_at)}")
    if licence.ends_at is not None and now >= licence.ends_at:
        raise REFUSALS["licence-expired"].error(f"the licence ended on {moment(licence.ends_at)}")


def check_holder(licence: Licence, machine: Admitted) -> str:
    """What of the licence's holder the machine has: a service account or a project.

    Raises:
        BrokerRefused: `licence-of-another`.
    """
    for account in licence.holder.service_accounts:
        if account in machine.service_accounts:
            return account
    if machine.project in licence.holder.projects:
        return machine.project
    raise REFUSALS["licence-of-another"].error()


def check_scope(licence: Licence, machine: Admitted, model: Model, policy: Digest | None) -> None:
    """The licence is for what runs, under the policy that stands, by this kind of evidence.

    Raises:
        BrokerRefused: `licence-for-other-evidence`, `-another-image`, `-under-another-policy`,
            `-another-model`, `-another-version`.
    """
    first, last = licence.versions
    if licence.evidence != machine.evidence:
        raise REFUSALS["licence-for-other-evidence"].error()
    if licence.images and machine.image not in licence.images:
        raise REFUSALS["licence-for-another-image"].error()
    if licence.policy is not None and licence.policy != policy:
        raise REFUSALS["licence-under-another-policy"].error()
    if licence.model_id != model.model_id:
        raise REFUSALS["licence-for-another-model"].error()
    if model.version < first or (last is not None and model.version > last):
        raise REFUSALS["licence-for-another-version"].error()


def check_counts(held: Held, asked: ReleaseRequest) -> None:
    """The licence has a run left, and as many pictures as are asked for.

    Raises:
        BrokerRefused: `licence-used-up`, `pictures-used-up`.
    """
    most_runs, most_pictures = bounds_of(held.licence)
    if held.runs_used >= most_runs:
        raise REFUSALS["licence-used-up"].error(
            f"all runs of the licence are used: {held.runs_used} of {most_runs}"
        )
    if asked.pictures > MOST_PICTURES or held.pictures_used + asked.pictures > most_pictures:
        left = max(0, most_pictures - held.pictures_used)
        raise REFUSALS["pictures-used-up"].error(
            f"the job has {asked.pictures} pictures, and the licence {left} of {most_pictures} left"
        )


def check_at_once(connection: Connection, licence: Licence, machine: Admitted, now: int) -> None:
    """One more machine may run. One that has a lease already does not count twice: it runs one workload.

    Raises:
        BrokerRefused: `too-many-at-once`.
    """
    if licence.at_once is None:
        return
    asked = {"licence": licence.id, "now": now, "besides": machine.machine}
    if connection.execute(_OTHER_MACHINES, asked).scalar_one() >= licence.at_once:
        raise REFUSALS["too-many-at-once"].error(
            f"as many machines as the licence allows run at once: {licence.at_once}"
        )


def bounds_of(licence: Licence) -> tuple[int, int]:
    """The most runs and the most pictures; what does not bind has the largest that a table holds."""
    most = schema.MOST
    runs = most if licence.runs is None else min(licence.runs, most)
    return runs, most if licence.pictures is None else min(licence.pictures, most)


def lease_end(licence: Licence, now: int) -> int:
    """When a lease that is given now ends: no later than the licence."""
    end = now + licence.lease_s
    return end if licence.ends_at is None else min(end, licence.ends_at)
