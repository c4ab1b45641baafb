"""A broker's folder is made: its keys, its settings and its tables, from nothing.

The settings are written last: before they are there, the folder is no broker's, and nothing in it counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from attestation.errors import Misconfigured, quoted
from contract.dsse import PublicKey, public_key_of
from contract.kms_keys import KmsKey

from .broker import Wrapping
from .folder import IDENTITY_CONTEXT, INTAKE_CONTEXT, TLS_CONTEXT, Folder, open_folder, token_rules
from .master_key.by_file import make_file, write_private
from .master_key.opening import open_kms
from .master_key.sealed_file import Cost
from .settings import (
    CORRECT_IT,
    NAME,
    ApprovalSettings,
    BrokerSettings,
    KeySettings,
    LogSettings,
    MasterSettings,
    PlatformSettings,
    Settings,
    TlsSettings,
    WitnessSettings,
    parse_settings,
    render_settings,
)
from .tls import TlsKey, new_tls_key, pin_of_key, render_tls_key

MASTER_FILE = "master.key"
_SAY_IT = "say it otherwise by the option of that name: symbolon broker init --help"


class BrokerAlreadyThere(Misconfigured):
    """The folder is a broker's already, or has something else in it."""

    code = "broker-already-there"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a new broker is to be; `passphrase` locks its master key where `kms` names none."""

    url: str
    address: str
    database: str | None
    kms: KmsKey | None
    owner_keys: tuple[PublicKey, ...]
    threshold: int
    mode: str
    root: bytes
    witness: WitnessSettings | None = None
    passphrase: str = field(default="", repr=False)
    cost: Cost = field(default_factory=Cost)


def make_folder(path: Path, order: Order) -> Folder:
    """A broker's folder, for its owner's eyes alone, with new keys; its database is untouched.

    Raises:
        BrokerAlreadyThere: the folder has something in it.
        Misconfigured: the order is not in order, or the folder cannot be written.
        Denied, Unavailable: Cloud KMS does not let us, or does not answer.
    """
    identity, intake = Ed25519PrivateKey.generate(), X25519PrivateKey.generate()
    now, later = new_tls_key(), new_tls_key()
    settings = _settings(order, identity, now, later)
    text = render_settings(settings)
    try:
        parse_settings(text)
    except Misconfigured as wrong:  # before anything is written
        hint = _SAY_IT if wrong.hint == CORRECT_IT else wrong.hint
        raise Misconfigured(wrong.message, hint=hint) from None
    _make_empty(path)
    write_private(path / settings.platform.root, order.root)
    token_rules(Folder(path=path, settings=settings))
    master: Wrapping = (
        make_file(path / MASTER_FILE, order.passphrase, cost=order.cost)
        if order.kms is None
        else open_kms(order.kms)
    )
    for name, data, context in (
        (settings.keys.identity, identity.private_bytes_raw(), IDENTITY_CONTEXT),
        (settings.keys.intake, intake.private_bytes_raw(), INTAKE_CONTEXT),
        (settings.tls.file, render_tls_key(now), TLS_CONTEXT),
        (settings.tls.next_file, render_tls_key(later), TLS_CONTEXT),
    ):
        write_private(path / name, master.wrap(data, context))
    write_private(path / NAME, text.encode())
    return open_folder(path)


def host_of(url: str) -> str:
    """The host that `https://HOST[:PORT]` names."""
    return urlsplit(url).hostname or ""


def _settings(order: Order, identity: Ed25519PrivateKey, now: TlsKey, later: TlsKey) -> Settings:
    return Settings(
        broker=BrokerSettings(
            url=order.url,
            address=order.address,
            public_key=public_key_of(identity).text,
            database=order.database,
        ),
        tls=TlsSettings(pin=pin_of_key(now), next_pin=pin_of_key(later)),
        keys=KeySettings(),
        master=MasterSettings(file=MASTER_FILE) if order.kms is None else MasterSettings(kms=str(order.kms)),
        platform=PlatformSettings(mode=order.mode),
        approval=ApprovalSettings(
            keys=tuple(each.text for each in order.owner_keys), threshold=order.threshold
        ),
        log=LogSettings(),
        witness=order.witness,
    )


def _make_empty(path: Path) -> None:
    """The folder is there, empty, and nobody else's to read."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        if (path / NAME).exists():
            raise BrokerAlreadyThere(
                f"{quoted(str(path))} is a broker's folder already",
                hint="its database is made ready by `symbolon broker migrate`, where `init` could not; a new"
                " broker needs an empty folder, or one that is not there",
            )
        if any(path.iterdir()):
            raise BrokerAlreadyThere(
                f"{quoted(str(path))} has something in it already",
                hint="name an empty folder, or one that is not there: no key is overwritten",
            )
        path.chmod(0o700)
    except OSError as error:
        reason = (error.strerror or "no reason given").lower()
        raise Misconfigured(
            f"cannot make the folder {quoted(str(path))}: {reason}", hint="name another one"
        ) from None
