"""The tokens by which `job.json` and parts prove themselves: asked of the platform, and verified.

A token counts where it leads to the root in the image, was made for `contract.parts.AUDIENCE`, says the
expected nonce, and speaks of a machine like this one: the same image, on the same hardware and software, as
closed as this one. On a debug machine an operator can have any rows signed, so there only a debug machine
takes them over; and where Google marks this system `STABLE`, no system without the mark is like it: a hole
in it may be known. A token is verified at the time when it was issued: a part may be older than its hour.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from attestation.claims import Claims
from attestation.digests import Digest, parse_digest
from attestation.errors import EvidenceRejected, Misconfigured, quoted
from attestation.tokens import parse_token
from attestation.verification import verify_pki_token
from contract.parts import AUDIENCE

from . import attesting, container

_STABLE = "STABLE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The machine that this program runs on, as the platform has just said it."""

    root: x509.Certificate
    image_digest: Digest
    image_reference: str
    instance_id: str
    is_emulated: bool
    likeness: tuple[object, ...]
    """What a machine has to have in common with this one to be believed about a part."""
    is_stable: bool
    """Then it has to be that, too: whose mark is gone by now had it when its token was issued."""

    def ask(self, nonce: str) -> str:
        """A token with that nonce, which has been verified as a later start will do it.

        Raises:
            Misconfigured, Denied, EvidenceRejected, Unavailable: see `attesting.asked_again` and `verify`.
        """
        token = attesting.asked_again(AUDIENCE, nonces=[nonce])
        self.verify(token, nonce)
        return token

    def verify(self, token: str, nonce: str, *, audience: str = AUDIENCE) -> None:
        """The platform said `nonce` to this image on a machine like this one, for that audience.

        Raises:
            EvidenceRejected: it did not; the message says what is wrong.
        """
        claims = _verified(token, self.root, audience)
        image_digest = _image_digest_of(claims)
        if image_digest != self.image_digest:
            raise EvidenceRejected(f"its token is of another image, {quoted(image_digest)}")
        if _likeness_of(claims) != self.likeness:
            raise EvidenceRejected("its token is of another kind of machine")
        if self.is_stable and not _is_stable(claims):
            raise EvidenceRejected(f"its token is of a system that was not marked `{_STABLE}`")
        if claims.eat_nonce != (nonce,):
            raise EvidenceRejected("its token was made for something else than it says")


def learn_machine() -> Machine:
    """What the platform says of this machine, in a token asked for now.

    Raises:
        Misconfigured: the image holds no root; or see `attesting.fresh_token`.
        Denied, EvidenceRejected, Unavailable: see `attesting.fresh_token`; or the token does not lead to
            the root.
    """
    root = _read_root()
    claims = _verified(attesting.fresh_token(AUDIENCE), root, AUDIENCE)
    gce = claims.submods.gce if claims.submods is not None else None
    if gce is None or not gce.instance_id:
        raise EvidenceRejected("the platform's token does not say which instance this is")
    return Machine(
        root=root,
        image_digest=parse_digest(_image_digest_of(claims)),
        image_reference=_image_reference_of(claims),
        instance_id=gce.instance_id,
        is_emulated="symbolon_emulator" in claims.unknown,
        likeness=_likeness_of(claims),
        is_stable=_is_stable(claims),
    )


def _read_root() -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(Path(container.ROOT_FILE).read_bytes())
    except (FileNotFoundError, ValueError):
        raise Misconfigured(
            "the image holds no root of the platform",
            hint="whoever publishes it adds `root.pem`, Google's certificate, and builds it again",
        ) from None


def _verified(text: str, root: x509.Certificate, audience: str) -> Claims:
    token = parse_token(text)
    issued_at = token.claims.get("iat")
    if type(issued_at) is not int:
        raise EvidenceRejected("its token does not say when it was issued")
    return verify_pki_token(token, root=root, audiences=[audience], now=issued_at).claims


def _image_digest_of(claims: Claims) -> str:
    submods = claims.submods
    if submods is None or submods.container is None or submods.container.image_digest is None:
        raise EvidenceRejected("its token names no image")
    return submods.container.image_digest


def _image_reference_of(claims: Claims) -> str:
    container = claims.submods.container if claims.submods is not None else None
    return (container.image_reference if container is not None else None) or ""


def _is_stable(claims: Claims) -> bool:
    system = claims.submods.confidential_space if claims.submods is not None else None
    return system is not None and _STABLE in (system.support_attributes or ())


def _likeness_of(claims: Claims) -> tuple[object, ...]:
    gpu = claims.submods.nvidia_gpu if claims.submods is not None else None
    return (
        claims.dbgstat,
        claims.secboot,
        claims.hwmodel,
        claims.swname,
        gpu.cc_mode if gpu is not None else None,
    )
