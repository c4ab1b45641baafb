"""The table `[release]` of the owner's terms: who opens the model's key, and for which sealed model.

How it is written and read is said in `contract/terms.py`, as of every other table.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from attestation.digests import Digest
from attestation.errors import Misconfigured

from . import kms_keys
from .tables import Sha256, Sha256s, Text, key

_KMS_KEY = Text(kms_keys.SHAPE, kms_keys.PATTERN)
_PUBLIC_KEY = Text("the base64 of an Ed25519 or P-384 public key", re.compile(r"[A-Za-z0-9+/]{40,400}={0,2}"))
_BROKER = Text(
    "`https://HOST` or `https://HOST:PORT`",
    re.compile(r"https://[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?(:[1-9][0-9]{0,4})?"),
)
_MOST_PINS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseTerms:
    """How the model is opened that lies sealed in the bucket. Without this table it lies there as it is.

    `model.uri` is then the sealed stream; its manifest lies beside it. Its key is opened by Cloud KMS
    (`kms`), and lies wrapped beside the manifest; or a broker of the owner's releases it under a licence
    (`broker`, `broker_key` and `broker_pins`, together). One of the two is said, and not both. This table
    is written by `symbolon owner protect`.
    """

    manifest: Digest = field(
        metadata=key(
            Sha256(), "of the sealed model's manifest: an older model is refused, and another's keys are"
        )
    )
    kms: str | None = field(
        default=None,
        metadata=key(
            _KMS_KEY, "the owner's key, which the workload asks to unwrap the model's: no other is tried"
        ),
    )
    broker: str | None = field(
        default=None,
        metadata=key(
            _BROKER, "the owner's broker, which releases the key; the operator has to name a `LICENCE`"
        ),
    )
    broker_key: str | None = field(
        default=None,
        metadata=key(
            _PUBLIC_KEY,
            "the broker's own public key: it signs the log without which no released key is used",
        ),
    )
    broker_pins: tuple[Digest, ...] | None = field(
        default=None,
        metadata=key(
            Sha256s(_MOST_PINS),
            "of the public keys (SubjectPublicKeyInfo) of the broker's server, the current one and the next:"
            " no other server is told anything, whatever certificate it has",
        ),
    )
    signed_by: str | None = field(
        default=None,
        metadata=key(_PUBLIC_KEY, "the owner's public key: without its signature the manifest is refused"),
    )


def check_release(release: ReleaseTerms, *, hint: str) -> None:
    """Whoever opens the model is named whole, and is one.

    Raises:
        Misconfigured: both are named, neither is, or a part of the broker is missing.
    """
    of_a_broker = {
        name: getattr(release, name) is not None for name in ("broker", "broker_key", "broker_pins")
    }
    if release.kms is not None and any(of_a_broker.values()):
        raise Misconfigured(
            "the terms say `release.kms` and a broker: one of them opens the model, not both", hint=hint
        )
    if release.kms is None and not any(of_a_broker.values()):
        raise Misconfigured(
            "the terms do not say `release.kms`, nor `release.broker`: nobody opens the model", hint=hint
        )
    for name, is_said in of_a_broker.items():
        if release.kms is None and not is_said:
            raise Misconfigured(f"the terms do not say `release.{name}`", hint=hint)
