"""What an owner sold: who may run which model, in which image, until when and how often. Signed by the owner.

    {"format": 1, "id": …, "serial": 1, "model": {…}, "holder": {…}, "images": […], …}

The payload is RFC 8785's text, in a DSSE envelope (`contract.dsse`) with a `payloadType` of its own. Whoever
has the owner's public key verifies offline what it says. It opens nothing: the key is the broker's to
release, which counts, and knows whether the licence was revoked. A renewal or a transfer is the same `id`
with the next `serial`, and the broker takes no serial that is not the next.

A bound that is None does not bind; at least one holder is named, and images, or a policy, or both.
`secret` is the licence's own: with it holder and owner find its entries in the broker's log
(`contract.release_log`). It opens nothing else.

`evidence` is the kind of evidence that a machine has to bring: the owner names it, and no client chooses.

Source: secure-systems-lab/dsse, protocol.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from attestation.digests import Digest
from attestation.errors import EvidenceRejected, Misconfigured

from . import members
from .canonical import (
    decimal,
    optional_decimal,
    parse_decimal,
    parse_optional_decimal,
    render_canonical,
)
from .dsse import PrivateKey, PublicKey, pae, parse_envelope, sign_envelope
from .formats import read_document

FORMAT = 1
PAYLOAD_TYPE = "application/vnd.symbolon.licence+json"
MOST_BYTES = 128 << 10
SHORTEST_LEASE_S = 60
LONGEST_LEASE_S = 86_400
DEFAULT_LEASE_S = 3_600

Evidence: TypeAlias = Literal["confidential-space"]

_MOST_NAMED = 100
_MOST_ID_CHARACTERS = 300
_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)
_SECRET = re.compile(r"[0-9a-f]{64}", re.ASCII)
_EMAIL = re.compile(r"[A-Za-z0-9._-]{1,200}@[A-Za-z0-9.-]{1,200}", re.ASCII)
_PROJECT = re.compile(r"[a-z][a-z0-9:.-]{0,61}[a-z0-9]", re.ASCII)
_HINT = "the owner issues it again: `symbolon owner licence issue`"


class LicenceMalformed(EvidenceRejected):
    """It is no licence as this program writes one."""

    code = "licence-malformed"


class LicenceFormatUnknown(Misconfigured):
    """It is a licence of another format: what it allows is not known here."""

    code = "licence-format-unknown"


class LicenceSignedByAnother(EvidenceRejected):
    """None of the owner's keys signs the licence."""

    code = "licence-signed-by-another"


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Whose machines may use it: service accounts or projects of the token. One that fits is enough."""

    service_accounts: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Licence:
    """Times are seconds since the epoch: it holds from `starts_at` on and before `ends_at`.

    `versions` are the model's, both included, the last one None for all that come. `policy` is the digest of
    the one policy of the broker's under which it holds. `runs`, `pictures` and `at_once` bound releases,
    pictures in all, and leases at a time. A lease lasts `lease_s`.
    """

    id: str
    serial: int
    model_id: str
    versions: tuple[int, int | None]
    holder: Holder
    images: tuple[Digest, ...]
    policy: Digest | None
    evidence: Evidence
    starts_at: int
    ends_at: int | None
    runs: int | None
    pictures: int | None
    at_once: int | None
    lease_s: int
    issued_at: int
    secret: bytes = field(repr=False)


def next_of(licence: Licence, *, issued_at: int) -> Licence:
    """The same licence, one serial later, for whoever changes something in it."""
    return replace(licence, serial=licence.serial + 1, issued_at=issued_at)


def render_licence(licence: Licence) -> bytes:
    """The licence's one text."""
    first, last = licence.versions
    return render_canonical(
        {
            "format": FORMAT,
            "id": licence.id,
            "serial": licence.serial,
            "model": {"id": licence.model_id, "first": first, "last": last},
            "holder": {
                "service_accounts": sorted(licence.holder.service_accounts),
                "projects": sorted(licence.holder.projects),
            },
            "images": sorted(licence.images),
            "policy": licence.policy,
            "evidence": licence.evidence,
            "starts_at": decimal(licence.starts_at),
            "ends_at": optional_decimal(licence.ends_at),
            "runs": optional_decimal(licence.runs),
            "pictures": optional_decimal(licence.pictures),
            "at_once": optional_decimal(licence.at_once),
            "lease_s": decimal(licence.lease_s),
            "issued_at": decimal(licence.issued_at),
            "secret": licence.secret.hex(),
        }
    )


def parse_licence(payload: bytes) -> Licence:
    """What `render_licence` wrote.

    Raises:
        LicenceFormatUnknown: it is of another format.
        LicenceMalformed: it is anything else, or binds to nobody, or to neither an image nor a policy.
    """
    document = read_document(
        payload,
        "licence",
        known=FORMAT,
        malformed=LicenceMalformed,
        unknown=LicenceFormatUnknown,
        hint="use the version of this program that the owner issued it with",
        most_bytes=MOST_BYTES,
    )
    try:
        licence = _licence(document)
        is_ours = render_licence(licence) == payload
    except (LookupError, TypeError, ValueError, Misconfigured):
        is_ours = False
    if not is_ours:
        raise LicenceMalformed("the licence is not as this program writes one", hint=_HINT)
    return licence


def sign_licence(licence: Licence, key: PrivateKey) -> bytes:
    """The licence in an envelope that the owner's key signs."""
    return sign_envelope(render_licence(check_licence(licence)), payload_type=PAYLOAD_TYPE, key=key)


def open_licence(data: bytes, *, signed_by: tuple[PublicKey, ...]) -> Licence:
    """The licence, which one of the owner's keys signs.

    Raises:
        EnvelopeMalformed: it is no envelope of one.
        LicenceSignedByAnother: none of those keys signs it.
        LicenceFormatUnknown, LicenceMalformed: what is signed is no licence.
    """
    envelope = parse_envelope(data, payload_type=PAYLOAD_TYPE, what="licence")
    message = pae(PAYLOAD_TYPE, envelope.payload)
    for key in signed_by:
        if key.key_id == envelope.key_id and key.verifies(envelope.signature, message):
            return parse_licence(envelope.payload)
    raise LicenceSignedByAnother("none of the owner's keys signs the licence", hint=_HINT)


def unsafe_read_licence(data: bytes) -> Licence:
    """What the envelope says; nobody's signature is verified.

    Raises:
        EnvelopeMalformed, LicenceFormatUnknown, LicenceMalformed: it is no licence.
    """
    return parse_licence(parse_envelope(data, payload_type=PAYLOAD_TYPE, what="licence").payload)


def check_licence(licence: Licence) -> Licence:
    """The licence, where it says what it has to.

    Raises:
        LicenceMalformed: it would not be read again.
    """
    return parse_licence(render_licence(licence))


def _licence(document: dict[str, object]) -> Licence:
    """The licence that such a document would be of; what else it holds is found by writing it again."""
    model: Any = document["model"]
    holder: Any = document["holder"]
    images = tuple(members.digest(each) for each in _named(document["images"]))
    policy = document["policy"]
    last = None if model["last"] is None else members.positive(model["last"])
    accounts, projects = _named(holder["service_accounts"]), _named(holder["projects"])
    licence = Licence(
        id=members.matching(_ID, document["id"]),
        serial=members.positive(document["serial"]),
        model_id=members.text(model["id"]),
        versions=(members.positive(model["first"]), last),
        holder=Holder(
            service_accounts=tuple(members.matching(_EMAIL, each) for each in accounts),
            projects=tuple(members.matching(_PROJECT, each) for each in projects),
        ),
        images=images,
        policy=None if policy is None else members.digest(policy),
        evidence="confidential-space",
        starts_at=parse_decimal(document["starts_at"]),
        ends_at=parse_optional_decimal(document["ends_at"]),
        runs=parse_optional_decimal(document["runs"]),
        pictures=parse_optional_decimal(document["pictures"]),
        at_once=parse_optional_decimal(document["at_once"]),
        lease_s=parse_decimal(document["lease_s"]),
        issued_at=parse_decimal(document["issued_at"]),
        secret=bytes.fromhex(members.matching(_SECRET, document["secret"])),
    )
    _check(licence)
    return licence


def _check(licence: Licence) -> None:
    first, last = licence.versions
    if not 0 < len(licence.model_id) <= _MOST_ID_CHARACTERS or (last is not None and last < first):
        raise ValueError
    if not (licence.holder.service_accounts or licence.holder.projects):
        raise ValueError
    if not (licence.images or licence.policy):
        raise ValueError
    if licence.ends_at is not None and licence.ends_at <= licence.starts_at:
        raise ValueError
    if not SHORTEST_LEASE_S <= licence.lease_s <= LONGEST_LEASE_S or licence.at_once == 0:
        raise ValueError


def _named(value: object) -> list[object]:
    """A list in which nothing stands twice."""
    if not isinstance(value, list) or len(value) > _MOST_NAMED or len(set(map(str, value))) < len(value):
        raise ValueError
    return value
