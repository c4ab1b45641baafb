"""`broker.toml`: what a broker is, and where it finds its keys, its database and its witness.

It holds no secret. The keys lie beside it, each wrapped by the master key; the database's password is the
business of libpq (`PGPASSFILE`, or the account by which the broker runs).

Source: RFC 3986, section 3.1; PostgreSQL 15, "Connection URIs", "The Password File".
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field, fields
from typing import Any
from urllib.parse import urlsplit

from attestation.digests import Digest
from attestation.errors import Misconfigured, quoted
from contract import kms_keys
from contract.formats import check_format
from contract.tables import (
    Choice,
    Document,
    Sha256,
    Text,
    Whole,
    key,
    read_table,
    refuse_unknown,
    render_table,
)

FORMAT = 1
NAME = "broker.toml"
SQLITE = "broker.sqlite3"
"""The database where no other is named, in the broker's folder."""

CORRECT_IT = "correct `broker.toml`; docs/how-to/run-a-broker.md has it"
_DOCUMENT = Document(what="the broker's settings", hint=CORRECT_IT)
_FILE = Text(
    "the path of a file within the broker's folder",
    re.compile(r"(?!/)(?!.*(^|/)\.\.?(/|$))[A-Za-z0-9_./-]{1,200}(?<!/)", re.ASCII),
)
_PATH = Text("the path of a file", re.compile(r"[^\x00-\x1f\x7f]{1,1000}"))
_URL = Text("`https://HOST[:PORT]`", re.compile(r"https://[a-z0-9.-]{1,250}(?::[0-9]{1,5})?", re.ASCII))
_ADDRESS = Text(
    "`ADDRESS:PORT`", re.compile(r"(?:[a-z0-9.-]{1,250}|\[[0-9a-f:.]{2,45}\]):[0-9]{1,5}", re.ASCII)
)
_DATABASE = Text(
    "`postgresql://…` or `sqlite:///FILE`",
    re.compile(r"(?:postgresql|sqlite)://[\x21-\x7e]{1,1000}", re.ASCII),
)
_PUBLIC_KEY = Text("the base64 of an Ed25519 or P-384 public key", re.compile(r"[A-Za-z0-9+/]{40,400}={0,2}"))
_WITNESS_KEY = Text(
    "a verifier key, as `name+hash+base64`",
    re.compile(r"[\x21-\x2a\x2c-\x7e]{1,200}\+[0-9a-f]{8}\+[A-Za-z0-9+/=]{10,400}"),
)


class PublicKeys:
    """Public keys, each written as terms have it; none stands twice."""

    expected = "a list of 1 to 20 public keys, each the base64 of an Ed25519 or P-384 one"

    def read(self, value: Any, where: str) -> tuple[str, ...]:
        if not isinstance(value, list) or not 0 < len(value) <= 20:
            raise ValueError
        keys = tuple(_PUBLIC_KEY.read(each, where) for each in value)
        if len(set(keys)) < len(keys):
            raise ValueError
        return keys

    def render(self, value: tuple[str, ...]) -> str:
        return f"[{', '.join(map(_PUBLIC_KEY.render, value))}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSettings:
    """Where the broker is reached, what it is known by, and where it counts."""

    url: str = field(metadata=key(_URL, "where workloads and owner reach it; the terms have it"))
    address: str = field(metadata=key(_ADDRESS, "where it listens"))
    public_key: str = field(
        metadata=key(_PUBLIC_KEY, "the public half of its identity; the terms have it as `broker_key`")
    )
    database: str | None = field(
        default=None,
        metadata=key(_DATABASE, f"without a password in it; without this key `{SQLITE}` beside this file"),
    )
    workers: int = field(
        default=8, metadata=key(Whole(1, 64), "calls that are worked on at once, each by a connection")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings:
    """The key that the server shows now, and the one that it will show after `rotate-tls`."""

    pin: Digest = field(metadata=key(Sha256(), "of the key that it shows now"))
    next_pin: Digest = field(metadata=key(Sha256(), "of the key that it shows next: terms have both"))
    file: str = field(default="tls.key", metadata=key(_FILE, "the key and its certificate, wrapped"))
    next_file: str = field(default="tls-next.key", metadata=key(_FILE, "the same of the next one"))


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySettings:
    """The broker's own keys, each wrapped by the master key."""

    identity: str = field(
        default="identity.key", metadata=key(_FILE, "signs checkpoints, and is what the broker is called by")
    )
    intake: str = field(default="intake.key", metadata=key(_FILE, "opens what the owner hands over"))


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterSettings:
    """Where the master key is: in a file that a passphrase opens, or in Cloud KMS. One of the two."""

    file: str | None = field(default=None, metadata=key(_FILE, "sealed by scrypt"))
    kms: str | None = field(
        default=None, metadata=key(Text(kms_keys.SHAPE, kms_keys.PATTERN), "a key in Cloud KMS")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformSettings:
    """Whose tokens are believed."""

    mode: str = field(
        default="production",
        metadata=key(Choice("production", "emulator"), "`emulator` believes one, and Google's verifier not"),
    )
    root: str = field(
        default="platform-root.pem", metadata=key(_FILE, "the certificate that the tokens' chains end in")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """Where the last checkpoint is kept besides the database."""

    kept: str = field(
        default="checkpoint.txt",
        metadata=key(
            _PATH,
            "by it a database that was put back is noticed: best on another disk than the database, and never"
            " restored with it; a relative path is one in the broker's folder",
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessSettings:
    """Who cosigns each checkpoint before a key leaves. Without this table nobody does."""

    url: str = field(
        metadata=key(
            Text("`https://…` or `http://127.0.0.1:…`", re.compile(r"https?://[\x21-\x7e]{1,500}", re.ASCII)),
            "where the witness answers (C2SP tlog-witness)",
        )
    )
    verifier_key: str = field(metadata=key(_WITNESS_KEY, "the witness's verifier key"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalSettings:
    """The owner's keys that the broker begins with; later ones come by the owner's orders."""

    keys: tuple[str, ...] = field(metadata=key(PublicKeys(), "the owner's public keys"))
    threshold: int = field(default=1, metadata=key(Whole(1, 20), "so many of them sign what needs approval"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`broker.toml`, read."""

    broker: BrokerSettings
    tls: TlsSettings
    keys: KeySettings
    master: MasterSettings
    platform: PlatformSettings
    approval: ApprovalSettings
    log: LogSettings
    witness: WitnessSettings | None = None


TABLES: dict[str, type] = {
    "broker": BrokerSettings,
    "tls": TlsSettings,
    "keys": KeySettings,
    "master": MasterSettings,
    "platform": PlatformSettings,
    "approval": ApprovalSettings,
    "log": LogSettings,
    "witness": WitnessSettings,
}


def parse_settings(text: str) -> Settings:
    """What `text`, the content of `broker.toml`, spells out.

    Raises:
        Misconfigured: it is not TOML, its format is not known, a key is missing or unknown, or a value is
            out of its range.
    """
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise Misconfigured(
            f"the broker's settings are not TOML: {quoted(str(error))}", hint=_DOCUMENT.hint
        ) from None
    found = document.pop("format", None)
    check_format(found, known=FORMAT, what=_DOCUMENT.what, hint=_DOCUMENT.hint)
    refuse_unknown(_DOCUMENT, document, ["format", *TABLES])
    read: dict[str, Any] = {
        name: read_table(_DOCUMENT, name, document.get(name, {}), table)
        for name, table in TABLES.items()
        if name in document or name != "witness"
    }
    settings = Settings(**read)
    _check(settings)
    return settings


def render_settings(settings: Settings) -> str:
    """The content of `broker.toml`, with what each key means above it."""
    tables = (
        render_table(each.name, table, commented=True)
        for each in fields(Settings)
        if (table := getattr(settings, each.name)) is not None
    )
    return "\n".join([f"format = {FORMAT}\n", *filter(None, tables)])


def check_url(url: str) -> str:
    """The URL, where a broker can be reached at it.

    Raises:
        Misconfigured: it cannot.
    """
    try:
        _URL.read(url, "")
    except ValueError:
        raise Misconfigured(
            f"`broker.url` would be {quoted(url)}, not {_URL.expected}",
            hint="give another one; a broker is reached by TLS alone",
        ) from None
    return url


def check_database(url: str) -> str:
    """The URL, where it names a database that the broker can count in, and no password.

    Raises:
        Misconfigured: it does not.
    """
    try:
        _DATABASE.read(url, "")
        parts = urlsplit(url)
    except ValueError:
        raise _wrong(
            "broker.database", f"is {quoted(_without_password(url))}, not {_DATABASE.expected}"
        ) from None
    if parts.password is not None or re.search(r"[?&]password=", url):
        raise Misconfigured(
            "the database's URL has a password in it, and would show it to whoever reads the settings",
            hint="leave it out; libpq reads it from the file that PGPASSFILE names",
        )
    return url


def _check(settings: Settings) -> None:
    """What no key by itself can say."""
    if (settings.master.file is None) == (settings.master.kms is None):
        raise _wrong("master", "names neither a file nor a key of Cloud KMS, or both")
    if settings.broker.database is not None:
        check_database(settings.broker.database)
    if settings.approval.threshold > len(settings.approval.keys):
        raise _wrong("approval.threshold", f"is {settings.approval.threshold}, more than there are keys")
    if settings.tls.pin == settings.tls.next_pin:
        raise _wrong("tls.next_pin", "is the pin of the key that it shows now")
    for name, address in (("broker.address", settings.broker.address), ("broker.url", settings.broker.url)):
        if not is_port_sound(address):
            raise _wrong(name, f"is {quoted(address)}: ports are 0 to 65535")


def is_port_sound(address: str) -> bool:
    """Whether the port that the address ends with, if it does, is one.

    >>> is_port_sound("127.0.0.1:8443"), is_port_sound("https://a.example"), is_port_sound("a.example:70000")
    (True, True, False)
    """
    port = address.rpartition(":")[2]
    return not port.isdecimal() or int(port) < 1 << 16


def _without_password(url: str) -> str:
    return re.sub(r"(?<=:)[^:/@]+(?=@)", "…", url)


def _wrong(where: str, what: str) -> Misconfigured:
    return Misconfigured(f"`{where}` in {_DOCUMENT.what} {what}", hint=_DOCUMENT.hint)
