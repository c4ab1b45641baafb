"""Which root the chain of a receipt has to end in: Google's, one that is given, or an emulator's.

Google's is pinned by its SHA-256; the certificate itself comes with the token. What vouches for a chain is
never taken from the receipt alone.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from attestation.errors import Misconfigured
from attestation.issuer import ROOT_SHA256
from attestation.rejections import ChainMalformed, ChainMissing, UntrustedRoot
from attestation.tokens import UnverifiedToken
from emulator.attestation_authority import kept_root

from ..handed_tokens import read_root


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """The root that is trusted, in words too; None is Google's. `emulator`: an emulator's token will do."""

    root: x509.Certificate | None
    described: str
    emulator: bool = False

    def root_of(self, token: UnverifiedToken) -> x509.Certificate:
        """The certificate that the chain of `token` has to end in.

        Raises:
            ChainMissing, ChainMalformed: Google's is asked for, and there is no chain to find it in.
            UntrustedRoot: the chain ends in another one.
        """
        return self.root if self.root is not None else _google_root(token)


GOOGLE = Trust(root=None, described=f"Google's root, SHA-256 {ROOT_SHA256[:8]}…, pinned in this program")


def trust_in(root: str | None, *, emulator: bool, state: Path) -> Trust:
    """What somebody trusts who names the file `root`, or an emulator, or nothing.

    Of an emulator without a `root` it is the one that keeps its state in the folder `state`.

    Raises:
        Misconfigured: the file is no certificate, or no emulator has kept a root in the folder.
    """
    if root is not None:
        whose = "the emulator's root" if emulator else "the root"
        return Trust(root=read_root(root), described=f"{whose} that was given", emulator=emulator)
    if not emulator:
        return GOOGLE
    kept = kept_root(state / "verifier")
    if kept is None:
        raise Misconfigured(
            "no emulator has signed anything in the usual folder",
            hint="name its root with --root: `symbolon demo --keep DIR` leaves it as DIR/root.pem",
        )
    return Trust(root=kept, described="the root of the emulator on this machine", emulator=True)


def _google_root(token: UnverifiedToken) -> x509.Certificate:
    x5c = token.header.get("x5c")
    if not isinstance(x5c, list) or not x5c:
        raise ChainMissing("the token's header has no certificate chain `x5c`")
    try:
        der = base64.b64decode(str(x5c[-1]), validate=True)
        found = hashlib.sha256(der).hexdigest()
        if found == ROOT_SHA256:
            return x509.load_der_x509_certificate(der)
    except ValueError:
        raise ChainMalformed("the last certificate of `x5c` is not in base64") from None
    says_so = "symbolon_emulator" in token.claims
    raise UntrustedRoot(
        f"the certificate chain ends in another root than Google's, SHA-256 {found[:8]}…",
        hint="the token says that it is an emulator's: --emulator reads an emulator's receipt"
        if says_so
        else "a root of another platform is named with --root",
    )
