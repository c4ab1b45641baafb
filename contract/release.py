"""What a workload and a broker say to one another, so that a model's key is released.

    challenge  →  request, and a token whose nonce is the request's digest  →  release

1. The broker gives a *challenge*: 32 bytes that nobody can guess, to be used once, within `CHALLENGE_S`.
2. The workload makes a key pair for this one answer and writes the *request*. The launcher gives it a token
   whose audience is exactly this broker (`audience_of`) and whose nonce is the request's digest (`nonce_of`).
3. The broker answers with a *release*: the data key, sealed to the request's public key with the request's
   digest as `info`, the lease that it stands under, and where its log has it (`contract.release_log`).

A renewal is the same with the purpose `renew` and the lease's name; its answer has no key.

Every document is RFC 8785's text of what stands here; any other bytes are malformed, and another version is
refused as such. The sealing is RFC 9180's single-shot mode with one fixed suite: nothing is negotiated.

Source: RFC 9180 (HPKE), sections 5 and 6.1; RFC 9711 (EAT), `eat_nonce`.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from attestation.digests import Digest, digest_of
from attestation.errors import EvidenceRejected, Misconfigured, quoted
from attestation.strict_json import parse_json_object

from . import members
from .canonical import decimal, parse_decimal, render_canonical
from .release_log import Logged, logged_members, parse_logged

VERSION = 1
SUITE = "DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM"
CHALLENGE_S = 60
"""A challenge is void after so many seconds."""
REPEATED_S = 600
"""The same request is answered again for so many seconds, and counts once."""
MOST_BYTES = 256 << 10
"""Of anything that is sent either way, a report apart."""

Purpose: TypeAlias = Literal["release", "renew"]
T = TypeVar("T")

_SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_AUDIENCE = "symbolon:release:v1:"
_HEX_64 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_NAME = re.compile(r"[0-9a-f]{32}", re.ASCII)


class MessageMalformed(EvidenceRejected):
    """It is no message between a workload and a broker, as this program writes one."""

    code = "release-message-malformed"


class MessageVersionUnknown(Misconfigured):
    """It is a message of another version of the protocol."""

    code = "release-version-unknown"


class AnswerNotForUs(EvidenceRejected):
    """The sealed key does not open: it was sealed for another request, or altered on its way."""

    code = "release-not-for-us"


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """`challenge` is 64 hex digits, `ends_at` seconds since the epoch by the broker's clock."""

    challenge: str
    ends_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseRequest:
    """What is asked of one broker, once: `public_key` is X25519's, 32 bytes, for this answer alone.

    `licence` and `lease` are names, 32 hex digits; `lease` is None for a release and named for a renewal.
    `pictures` are the most that the workload will run under it.
    """

    broker: Digest
    challenge: str
    public_key: bytes
    licence: str
    manifest: Digest
    purpose: Purpose
    lease: str | None
    pictures: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request's bytes as they stand, and the platform's token whose nonce is their digest."""

    request: bytes
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """The broker's yes to the request of that digest.

    `lease_ends_at` is seconds since the epoch by the broker's clock, `lease_s` how long that is from the
    answer on, for whoever trusts no clock of theirs. `pictures` may be run. `sealed` is the data key for the
    request's public key, None for a renewal.
    """

    request: Digest
    lease: str
    lease_ends_at: int
    lease_s: int
    pictures: int
    sealed: bytes | None = field(repr=False)
    logged: Logged


def audience_of(broker: Digest) -> str:
    """The audience of a token for that broker and for nobody else; STS takes none like it."""
    return _AUDIENCE + broker


def is_name(text: str) -> bool:
    """Whether it can be a licence's or a lease's name: 32 hex digits.

    >>> is_name("0" * 32), is_name("0" * 31)
    (True, False)
    """
    return _NAME.fullmatch(text) is not None


def render_challenge(challenge: Challenge) -> bytes:
    """What the broker answers when it is asked for a challenge."""
    return render_canonical(
        {"version": VERSION, "challenge": challenge.challenge, "ends_at": decimal(challenge.ends_at)}
    )


def parse_challenge(data: bytes) -> Challenge:
    """What `render_challenge` wrote.

    Raises:
        MessageVersionUnknown, MessageMalformed: it is anything else.
    """
    read = _members(data, "challenge", "challenge", "ends_at")
    try:
        challenge = Challenge(
            challenge=members.matching(_HEX_64, read["challenge"]), ends_at=parse_decimal(read["ends_at"])
        )
    except (TypeError, ValueError):
        raise _malformed("challenge") from None
    return _if_ours(challenge, render_challenge(challenge), data, "challenge")


def render_request(request: ReleaseRequest) -> bytes:
    """The request's one text, of which the token's nonce is made."""
    return render_canonical(
        {
            "version": VERSION,
            "broker": request.broker,
            "challenge": request.challenge,
            "suite": SUITE,
            "public_key": request.public_key.hex(),
            "licence": request.licence,
            "manifest": request.manifest,
            "purpose": request.purpose,
            "lease": request.lease,
            "pictures": decimal(request.pictures),
        }
    )


def parse_request(data: bytes) -> ReleaseRequest:
    """What `render_request` wrote. That its public key is a point to seal to is found by `seal_key`.

    Raises:
        MessageVersionUnknown, MessageMalformed: it is anything else.
    """
    names = ("broker", "challenge", "suite", "public_key", "licence", "manifest", "purpose", "lease")
    read = _members(data, "request", *names, "pictures")
    purpose, lease = read["purpose"], read["lease"]
    try:
        if (
            read["suite"] != SUITE
            or purpose not in ("release", "renew")
            or (purpose == "renew") != bool(lease)
        ):
            raise ValueError
        request = ReleaseRequest(
            broker=members.digest(read["broker"]),
            challenge=members.matching(_HEX_64, read["challenge"]),
            public_key=bytes.fromhex(members.matching(_HEX_64, read["public_key"])),
            licence=members.matching(_NAME, read["licence"]),
            manifest=members.digest(read["manifest"]),
            purpose="renew" if purpose == "renew" else "release",
            lease=None if lease is None else members.matching(_NAME, lease),
            pictures=parse_decimal(read["pictures"]),
        )
    except (TypeError, ValueError, Misconfigured):
        raise _malformed("request") from None
    return _if_ours(request, render_request(request), data, "request")


def request_digest(request: bytes) -> Digest:
    """What the request is called in the answer, in the log and in a receipt."""
    return digest_of(request)


def nonce_of(request: bytes) -> str:
    """What a token has to have as its nonce to speak for this request: 64 hex digits."""
    return hashlib.sha256(request).hexdigest()


def render_call(call: Call) -> bytes:
    """What the workload sends to be released or renewed."""
    return render_canonical({"request": base64.b64encode(call.request).decode(), "token": call.token})


def parse_call(data: bytes) -> Call:
    """What `render_call` wrote; neither half is looked at.

    Raises:
        MessageMalformed: it is anything else.
    """
    document = _document(data, "call")
    try:
        token = members.text(document["token"])
        if not token.isascii():
            raise ValueError
        call = Call(request=base64.b64decode(members.text(document["request"])), token=token)
    except (LookupError, TypeError, ValueError):
        raise _malformed("call") from None
    return _if_ours(call, render_call(call), data, "call")


def render_release(release: Release) -> bytes:
    """What the broker answers."""
    sealed = release.sealed
    return render_canonical(
        {
            "version": VERSION,
            "request": release.request,
            "lease": release.lease,
            "lease_ends_at": decimal(release.lease_ends_at),
            "lease_s": decimal(release.lease_s),
            "pictures": decimal(release.pictures),
            "sealed": None if sealed is None else base64.b64encode(sealed).decode(),
            "logged": logged_members(release.logged),
        }
    )


def parse_release(data: bytes) -> Release:
    """What `render_release` wrote; the log's proof is not verified here.

    Raises:
        MessageVersionUnknown, MessageMalformed: it is anything else.
    """
    names = ("request", "lease", "lease_ends_at", "lease_s", "pictures", "sealed", "logged")
    read = _members(data, "answer", *names)
    try:
        release = Release(
            request=members.digest(read["request"]),
            lease=members.matching(_NAME, read["lease"]),
            lease_ends_at=parse_decimal(read["lease_ends_at"]),
            lease_s=parse_decimal(read["lease_s"]),
            pictures=parse_decimal(read["pictures"]),
            sealed=None if read["sealed"] is None else base64.b64decode(members.text(read["sealed"])),
            logged=parse_logged(read["logged"]),
        )
    except (LookupError, TypeError, ValueError, Misconfigured):
        raise _malformed("answer") from None
    return _if_ours(release, render_release(release), data, "answer")


def new_key_pair() -> tuple[X25519PrivateKey, bytes]:
    """A key pair for one answer, and its public half as a request has it."""
    private = X25519PrivateKey.generate()
    return private, private.public_key().public_bytes_raw()


def seal_key(key: bytes, *, public_key: bytes, request: bytes) -> bytes:
    """`key` for whoever made `public_key`; by the request's digest as `info`, another request opens nothing.

    Raises:
        MessageMalformed: nothing can be sealed to that public key.
    """
    try:
        return _SUITE.encrypt(key, X25519PublicKey.from_public_bytes(public_key), _info(request))
    except ValueError:  # a point of small order
        raise _malformed("request") from None


def open_key(sealed: bytes, private: X25519PrivateKey, *, request: bytes) -> bytes:
    """What `seal_key` sealed to this request.

    Raises:
        AnswerNotForUs: it was not.
    """
    try:
        return _SUITE.decrypt(sealed, private, _info(request))
    except (InvalidTag, ValueError):
        raise AnswerNotForUs(
            "the key that the broker released does not open here: it was sealed for another request, or"
            " altered",
            hint="start the job again; if it stays so, the owner looks at what stands before the broker",
        ) from None


def _info(request: bytes) -> bytes:
    return hashlib.sha256(request).digest()


def _members(data: bytes, what: str, *names: str) -> dict[str, object]:
    """The members of a document of this version that has these beside its version."""
    document = _document(data, what)
    version = document.pop("version", None)
    if type(version) is not int or version != VERSION:
        raise MessageVersionUnknown(
            f"the {what} is of version {quoted(str(version))} of the protocol; this program speaks {VERSION}"
            " alone",
            hint="the owner runs a broker and publishes images of one version of this program",
        )
    if document.keys() != set(names):
        raise _malformed(what)
    return document


def _document(data: bytes, what: str) -> dict[str, object]:
    if len(data) > MOST_BYTES:
        raise MessageMalformed(f"the {what} is larger than {MOST_BYTES} bytes")
    try:
        return parse_json_object(data, what=what)
    except EvidenceRejected as rejection:
        raise MessageMalformed(rejection.message) from None


def _if_ours(value: T, text: bytes, data: bytes, what: str) -> T:
    """INVARIANT: a message has one text."""
    if text != data:
        raise _malformed(what)
    return value


def _malformed(what: str) -> MessageMalformed:
    return MessageMalformed(
        f"the {what} is not as this program writes it",
        hint="workload and broker have to speak one version of this program",
    )
