"""What a broker is made of: its database, its keys, its log, and whose tokens it believes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Engine

from attestation.digests import Digest
from contract.dsse import public_key_of
from contract.release_log import SECRET_BYTES, Logged

_LOG_SECRET = b"symbolon:log-secret:v1"
_CHALLENGE_KEY = b"symbolon:challenge-key:v1"
_CHALLENGE_KEY_BYTES = 32


class Wrapping(Protocol):
    """A master key: it wraps keys, and never shows itself. `is_current`: by the key that wraps now; nobody is
    asked for it.

    Raises:
        EvidenceRejected: (`unwrap`) it was not wrapped by this key with these bytes beside it.
        Unavailable: the service that has the key does not answer.
    """

    def wrap(self, data: bytes, associated: bytes) -> bytes: ...

    def unwrap(self, wrapped: bytes, associated: bytes) -> bytes: ...

    def is_current(self, wrapped: bytes) -> bool: ...


class Publishing(Protocol):
    """The log's outer side: what is signed of it, and who has to have seen that.

    `check_ready` raises where nothing may be released at present. `logged` is for an entry that is committed:
    a checkpoint that covers it is signed, cosigned and kept, and the entry's proof is made.

    Raises:
        BrokerRefused: `broker-not-ready`.
    """

    def check_ready(self) -> None: ...

    def logged(self, index: int, *, entry: bytes, opening: bytes) -> Logged: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRules:
    """The platform whose tokens are believed: those that lead to `root`.

    In the mode `production` a token that an emulator made is refused, whatever it leads to.
    """

    root: x509.Certificate
    mode: Literal["production", "emulator"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """`identity` signs checkpoints, and names the broker; to `intake` an owner seals a model's key.

    There is one `log` a process: it knows what it signed last.
    """

    engine: Engine
    identity: Ed25519PrivateKey = field(repr=False)
    intake: X25519PrivateKey = field(repr=False)
    master: Wrapping = field(repr=False)
    tokens: TokenRules
    log: Publishing

    @property
    def digest(self) -> Digest:
        """What the broker is called in a request, and in the audience of a token."""
        return public_key_of(self.identity).key_id

    @property
    def log_secret(self) -> bytes:
        """What opens the log's entries that concern no licence (`contract.release_log`)."""
        return self._derived(_LOG_SECRET, SECRET_BYTES)

    @property
    def challenge_key(self) -> bytes:
        """What seals a challenge, so that it is known to be this broker's (`challenges`)."""
        return self._derived(_CHALLENGE_KEY, _CHALLENGE_KEY_BYTES)

    def _derived(self, use: bytes, length: int) -> bytes:
        """A key for one use, which all processes of this broker have."""
        return HKDF(algorithm=SHA256(), length=length, salt=None, info=use).derive(
            self.identity.private_bytes_raw()
        )


def model_context(manifest: Digest) -> bytes:
    """What stands beside a model's data key when the master key wraps it: no other model's will pass."""
    return b"symbolon:model-key:v1:" + manifest.encode()
