"""The master key in a file that a passphrase opens: `master.key`.

    {"format": 1, "kdf": "scrypt", "n": …, "p": …, "r": …, "salt": hex, "nonce": hex, "sealed": base64}

`sealed` is AES-256-GCM, by the key that scrypt makes of the passphrase, of a ring: master keys by their ids,
of which one wraps now, one may be to wrap next, and the others only unwrap. What stands beside it is
authenticated with it.

A broker that runs keeps what scrypt made, so it reads the file again when that has changed and needs no
passphrase for it: a master key is rotated while brokers serve. Another passphrase takes a restart.

Source: RFC 7914; OWASP Password Storage Cheat Sheet, "scrypt"; NIST SP 800-38D.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from attestation.errors import EvidenceRejected, Misconfigured, quoted
from attestation.strict_json import parse_json_object
from contract.canonical import render_canonical

from .wrapping import FILE_ID_BYTES

FORMAT = 1
FEWEST_CHARACTERS = 12
"""Of a passphrase: scrypt makes each guess cost 128 MiB and a tenth of a second, and no more than that."""
MOST_FILE_BYTES = 64 << 10
_KEY_BYTES, _SALT_BYTES, _NONCE_BYTES = 32, 32, 12
_MOST_MEMORY = 1 << 30
_MOST_ROUNDS = 64


class PassphraseWrong(Misconfigured):
    """The passphrase does not open the master key."""

    code = "passphrase-wrong"


class MasterKeyMalformed(EvidenceRejected):
    """The file is no master key as this program seals one."""

    code = "master-key-malformed"


class MasterKeyFormatUnknown(Misconfigured):
    """The file is a master key of another format."""

    code = "master-key-format-unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a guess at the passphrase costs: `128 * n * r` bytes, `p` times."""

    n: int = 1 << 17
    r: int = 8
    p: int = 1

    def is_sound(self) -> bool:
        """Whether it can be asked of this machine by whoever wrote the file."""
        whole = all(type(each) is int and each > 0 for each in (self.n, self.r, self.p))
        return (
            whole
            and self.n & (self.n - 1) == 0
            and self.n > 1
            and 128 * self.n * self.r <= _MOST_MEMORY
            and self.p <= _MOST_ROUNDS
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ring:
    """Master keys of 32 bytes by their ids, 16 hex digits: `current` wraps, `next` is to wrap after it."""

    current: str
    next: str | None = None
    keys: Mapping[str, bytes] = field(repr=False)

    def with_next(self) -> Ring:
        """A new key is there, and wraps nothing yet."""
        new = new_ring()
        return Ring(current=self.current, next=new.current, keys={**self.keys, **new.keys})

    def with_turn(self) -> Ring:
        """The next key wraps, and the others still unwrap."""
        return self if self.next is None else replace(self, current=self.next, next=None)

    def with_current_alone(self) -> Ring:
        """What an older key wrapped does not open any more."""
        return Ring(current=self.current, keys={self.current: self.keys[self.current]})


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """What a passphrase came to, for one salt and one cost: it opens the file, and seals it anew."""

    cost: Cost
    salt: bytes
    key: bytes = field(repr=False)


def new_ring() -> Ring:
    """One key, from the machine's random source."""
    key_id = secrets.token_hex(FILE_ID_BYTES)
    return Ring(current=key_id, keys={key_id: secrets.token_bytes(_KEY_BYTES)})


def lock_by(passphrase: str, *, cost: Cost | None = None) -> Lock:
    """A lock with a salt of its own.

    Raises:
        Misconfigured: the passphrase is too short.
    """
    if len(passphrase) < FEWEST_CHARACTERS:
        raise Misconfigured(
            f"the passphrase has fewer than {FEWEST_CHARACTERS} characters", hint="take a sentence"
        )
    return _lock(passphrase, secrets.token_bytes(_SALT_BYTES), cost or Cost())


def seal(ring: Ring, lock: Lock) -> bytes:
    """The content of `master.key`."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    beside = _beside(lock.cost, lock.salt)
    keys = {name: key.hex() for name, key in ring.keys.items()}
    text = render_canonical({"current": ring.current, "next": ring.next, "keys": keys})
    sealed = AESGCM(lock.key).encrypt(nonce, text, render_canonical(beside))
    return render_canonical({**beside, "nonce": nonce.hex(), "sealed": base64.b64encode(sealed).decode()})


def open_by_passphrase(data: bytes, passphrase: str) -> tuple[Ring, Lock]:
    """What `seal` sealed, and the lock that seals it anew.

    Raises:
        PassphraseWrong: it does not open, or was altered: the two look alike.
        MasterKeyFormatUnknown, MasterKeyMalformed: it is no such file.
    """
    read = _parse(data)
    lock = _lock(passphrase, read.salt, read.cost)
    return _open(read, lock), lock


def open_by_lock(data: bytes, lock: Lock) -> Ring:
    """What the file has by now.

    Raises:
        PassphraseWrong: another passphrase, or another salt, seals it by now.
        MasterKeyFormatUnknown, MasterKeyMalformed: it is no such file.
    """
    read = _parse(data)
    if (read.salt, read.cost) != (lock.salt, lock.cost):
        raise PassphraseWrong(
            "the master key is sealed by another passphrase than when the broker was started",
            hint="start the broker again, with the new passphrase",
        )
    return _open(read, lock)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    cost: Cost
    salt: bytes
    nonce: bytes
    sealed: bytes


def _parse(data: bytes) -> _Read:
    if len(data) > MOST_FILE_BYTES:
        raise _malformed()
    try:
        document = parse_json_object(data, what="master key")
    except EvidenceRejected as rejection:
        raise MasterKeyMalformed(rejection.message, hint="restore `master.key` from a backup") from None
    found = document.get("format")
    if type(found) is not int or found != FORMAT:
        raise MasterKeyFormatUnknown(
            f"the master key is of `format` {quoted(str(found))}; this program reads {FORMAT} alone",
            hint="use the version of this program that sealed it",
        )
    try:
        read = _Read(
            cost=Cost(n=_number(document["n"]), r=_number(document["r"]), p=_number(document["p"])),
            salt=bytes.fromhex(str(document["salt"])),
            nonce=bytes.fromhex(str(document["nonce"])),
            sealed=base64.b64decode(str(document["sealed"]), validate=True),
        )
    except (LookupError, TypeError, ValueError):
        raise _malformed() from None
    text = {
        **_beside(read.cost, read.salt),
        "nonce": read.nonce.hex(),
        "sealed": base64.b64encode(read.sealed).decode(),
    }
    sizes = (len(read.salt), len(read.nonce)) == (_SALT_BYTES, _NONCE_BYTES)
    if not sizes or not read.cost.is_sound() or render_canonical(text) != data:
        raise _malformed()
    return read


def _open(read: _Read, lock: Lock) -> Ring:
    beside = render_canonical(_beside(read.cost, read.salt))
    try:
        text = AESGCM(lock.key).decrypt(read.nonce, read.sealed, beside)
    except InvalidTag:
        raise PassphraseWrong(
            "the passphrase does not open the master key",
            hint="give the one of `symbolon broker init`; where it is right, restore `master.key`",
        ) from None
    document = parse_json_object(text, what="master key")
    current, following, keys = document["current"], document["next"], document["keys"]
    assert isinstance(current, str) and isinstance(keys, dict)  # noqa: S101  nobody else can have sealed it
    return Ring(
        current=current,
        next=None if following is None else str(following),
        keys={name: bytes.fromhex(key) for name, key in keys.items()},
    )


def _lock(passphrase: str, salt: bytes, cost: Cost) -> Lock:
    derived = Scrypt(salt=salt, length=_KEY_BYTES, n=cost.n, r=cost.r, p=cost.p).derive(passphrase.encode())
    return Lock(cost=cost, salt=salt, key=derived)


def _beside(cost: Cost, salt: bytes) -> dict[str, object]:
    return {
        "format": FORMAT,
        "kdf": "scrypt",
        "n": cost.n,
        "r": cost.r,
        "p": cost.p,
        "salt": salt.hex(),
    }


def _number(value: object) -> int:
    if type(value) is not int:
        raise TypeError
    return value


def _malformed() -> MasterKeyMalformed:
    return MasterKeyMalformed(
        "the master key is not as this program seals one", hint="restore `master.key` from a backup"
    )
