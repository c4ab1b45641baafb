"""A broker's folder: `broker.toml`, and beside it the keys that it names, each wrapped by the master key."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from attestation.errors import Misconfigured, quoted
from attestation.issuer import ROOT_SHA256
from contract.dsse import public_key_of

from .broker import TokenRules
from .master_key.by_file import FileWrapping
from .master_key.by_kms import KmsWrapping
from .master_key.opening import open_master
from .settings import NAME, SQLITE, Settings, parse_settings
from .tls import TlsKey, parse_tls_key, pin_of_key

_LOCK, _KEYS_LOCK = "serving.lock", "keys.lock"
MOST_FILE_BYTES = 1 << 20
IDENTITY_CONTEXT = b"symbolon:identity:v1"
INTAKE_CONTEXT = b"symbolon:intake:v1"
TLS_CONTEXT = b"symbolon:tls:v1"
"""What stands beside a key when it is wrapped: none of them opens as another."""


class NotABroker(Misconfigured):
    """The folder is no broker's."""

    code = "not-a-broker"


class FolderInUse(Misconfigured):
    """Another broker serves from the folder, or another command holds its keys."""

    code = "broker-folder-in-use"


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A broker's folder, whose settings were read; no key of it is open."""

    path: Path
    settings: Settings

    @property
    def database(self) -> str:
        """The URL of the database."""
        return self.settings.broker.database or f"sqlite:///{(self.path / SQLITE).resolve()}"

    @property
    def kept(self) -> Path:
        """Where the broker keeps its last checkpoint besides the database."""
        return self.path / self.settings.log.kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The broker's keys, open."""

    master: FileWrapping | KmsWrapping
    identity: Ed25519PrivateKey = field(repr=False)
    intake: X25519PrivateKey = field(repr=False)
    tls: TlsKey = field(repr=False)


def open_folder(path: Path) -> Folder:
    """The broker's folder, with its settings.

    Raises:
        NotABroker: it has none.
        Misconfigured: they cannot be read, or are not in order.
    """
    file = path / NAME
    try:
        text = file.read_text("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        raise NotABroker(
            f"{quoted(str(path))} is no broker's folder: it has no `{NAME}`",
            hint="make one: symbolon broker init DIR",
        ) from None
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or "it is not UTF-8 text").lower()
        raise Misconfigured(
            f"cannot read `{NAME}`: {reason}", hint="run as the account that the folder belongs to"
        ) from None
    return Folder(path=path, settings=parse_settings(text))


def serving_alone(folder: Folder) -> AbstractContextManager[None]:
    """Nobody else serves from the folder meanwhile: what a broker keeps there, it alone writes.

    Raises:
        FolderInUse: somebody does.
        Misconfigured: the folder cannot be written.
    """
    return _locked(
        folder.path / _LOCK,
        "a broker serves from this folder already",
        "for a second one on PostgreSQL, copy the folder: each broker has its own",
    )


def keys_held(folder: Folder) -> AbstractContextManager[None]:
    """Nobody else replaces the folder's keys, or copies them, meanwhile. A broker may serve.

    A copy that was made of files from before a rotation and of others from after it would open nothing.

    Raises:
        FolderInUse: somebody does.
        Misconfigured: the folder cannot be written.
    """
    return _locked(
        folder.path / _KEYS_LOCK,
        "another command replaces or copies the keys of this folder",
        "run this one when `symbolon broker backup`, `rotate-master` or `rotate-tls` has ended",
    )


@contextmanager
def _locked(path: Path, taken: str, hint: str) -> Iterator[None]:
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Misconfigured(
            f"the broker's folder cannot be written: {(error.strerror or 'no reason given').lower()}",
            hint="run as the account that the folder belongs to",
        ) from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise FolderInUse(taken, hint=hint) from None
        yield
    finally:
        os.close(lock)


def open_keys(folder: Folder, passphrase: Callable[[], str]) -> Keys:
    """The broker's keys. They are what its settings say.

    Raises:
        PassphraseWrong: the passphrase does not open the master key.
        WrappedRefused, MasterKeyUnknown: the master key does not open one of them.
        Misconfigured: one is missing, or another one than the settings say.
        Denied, Unavailable: Cloud KMS does not let the broker, or does not answer.
    """
    settings = folder.settings
    master = open_master(folder.path, settings.master, passphrase)
    raw = {
        name: master.unwrap(read(folder, name), context)
        for name, context in (
            (settings.keys.identity, IDENTITY_CONTEXT),
            (settings.keys.intake, INTAKE_CONTEXT),
            (settings.tls.file, TLS_CONTEXT),
        )
    }
    try:
        identity = Ed25519PrivateKey.from_private_bytes(raw[settings.keys.identity])
        intake = X25519PrivateKey.from_private_bytes(raw[settings.keys.intake])
    except ValueError:
        raise _misplaced("a key of the broker's is of another kind") from None
    tls = parse_tls_key(raw[settings.tls.file])
    if public_key_of(identity).text != settings.broker.public_key:
        raise _misplaced("the broker's identity is not the key that `broker.public_key` is of")
    if pin_of_key(tls) != settings.tls.pin:
        raise _misplaced("the broker's TLS key is not the one that `tls.pin` is of")
    return Keys(master=master, identity=identity, intake=intake, tls=tls)


def token_rules(folder: Folder) -> TokenRules:
    """Whose tokens are believed, by the settings and the certificate beside them.

    Raises:
        Misconfigured: it is no certificate, or of the other kind of platform.
    """
    platform = folder.settings.platform
    try:
        root = x509.load_pem_x509_certificate(read(folder, platform.root))
    except ValueError:
        raise Misconfigured(
            f"`{platform.root}` is no certificate in PEM", hint="make the broker anew, or restore the file"
        ) from None
    is_google_s = hashlib.sha256(root.public_bytes(Encoding.DER)).hexdigest() == ROOT_SHA256
    if platform.mode == "production":
        if not is_google_s:
            raise Misconfigured(
                f"`{platform.root}` is not Google's root, and `platform.mode` is `production`",
                hint="an emulator is believed where `platform.mode` says so",
            )
        return TokenRules(root=root, mode="production")
    if is_google_s:
        raise Misconfigured(
            f"`{platform.root}` is Google's root, and `platform.mode` is `emulator`",
            hint="a broker believes one of the two",
        )
    return TokenRules(root=root, mode="emulator")


def read(folder: Folder, name: str) -> bytes:
    """The bytes of a file that the settings name.

    Raises:
        Misconfigured: it cannot be read.
    """
    try:
        with (folder.path / name).open("rb") as file:
            return file.read(MOST_FILE_BYTES)
    except OSError as error:
        reason = (error.strerror or "no reason given").lower()
        raise Misconfigured(
            f"cannot read {quoted(name)} of the broker's folder: {reason}",
            hint="run as the account that the folder belongs to, or restore it from a backup",
        ) from None


def _misplaced(message: str) -> Misconfigured:
    return Misconfigured(message, hint="restore the folder from one backup, whole")
