"""Which broker is meant: where it is, its own key, and the pins of its server's.

    [broker]                                   # symbolon.toml in the current folder
    url = "https://broker.primus.example"
    key = "MCowBQYDK2VwAyEA…"                  # the three as `symbolon broker init` prints them
    pins = ["3f…", "90…"]
    owner_key = "owner-key.pem"                # which of the owner's keys signs
    passphrase_file = "passphrase"             # without it, the passphrase is asked for

The first of these that is there: `--broker DIR`, the broker's own folder; `--broker URL` with `--broker-key`
and `--pin`, or with what is known of that URL below; `[broker]` of `symbolon.toml`; `[release]` of the
owner's `terms.toml`.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from attestation.digests import Digest, parse_digest
from attestation.errors import Misconfigured, quoted

from .inputs import read_text
from .projects import FILE, read_section

if TYPE_CHECKING:
    from contract.dsse import PublicKey

SECTION: Final = "broker"
TERMS: Final = "terms.toml"
_SETTINGS: Final = "broker.toml"
_KEYS: Final[Mapping[str, type]] = {
    "url": str,
    "key": str,
    "pins": list,
    "owner_key": str,
    "passphrase_file": str,
}
_HINT: Final = (
    "name it: --broker DIR, or --broker URL --broker-key KEY --pin PIN; or write `[broker]` into symbolon"
    ".toml"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerAddress:
    """A broker: its URL, the key that it signs by, and the pins of its server's keys, one or two."""

    url: str
    key: PublicKey
    pins: tuple[Digest, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedBroker:
    """What was typed of a broker and of the owner's key; nothing of it need be."""

    broker: str | None = None
    key: str | None = None
    pins: tuple[str, ...] = ()
    owner_key: Path | None = None
    passphrase_file: Path | None = None


def named_broker(arguments: argparse.Namespace) -> NamedBroker:
    """What was typed."""
    return NamedBroker(
        broker=arguments.broker,
        key=arguments.broker_key,
        pins=tuple(arguments.pin),
        owner_key=arguments.key,
        passphrase_file=arguments.passphrase_file,
    )


def find_broker(named: NamedBroker, *, folder: Path = Path(), terms: Path | None = None) -> BrokerAddress:
    """The broker that is meant; `folder` may have `symbolon.toml`, and `terms`, or it, the owner's terms.

    Raises:
        Misconfigured: none is named, or what is said of it cannot be used.
    """
    if named.broker is not None and (Path(named.broker) / _SETTINGS).is_file():
        return _of_folder(Path(named.broker))
    if named.broker is not None and not named.broker.startswith("https://"):
        raise Misconfigured(
            f"{quoted(named.broker)} is neither a broker's folder nor an `https://` address", hint=_HINT
        )
    if named.broker is not None and named.key is not None and named.pins:
        return _address(named.broker, named.key, named.pins, where="what was typed")
    for known in (_of_section(folder), _of_terms(folder if terms is None else terms)):
        if known is not None and named.broker in (None, known.url):
            return known
    if named.broker is None:
        raise Misconfigured("no broker is named", hint=_HINT)
    raise Misconfigured(
        f"nothing is known of the broker {quoted(named.broker)}: neither its key nor its pins",
        hint="give both, as `symbolon broker init` prints them: --broker-key KEY --pin PIN",
    )


def owner_key_file(named: NamedBroker, *, folder: Path = Path()) -> tuple[Path, Path | None]:
    """The file of the owner's key, and that of its passphrase.

    Raises:
        Misconfigured: none is named.
    """
    section = _section(folder)
    file = named.owner_key or _path(folder, section.get("owner_key"))
    if file is None:
        raise Misconfigured(
            "no key of the owner's is named",
            hint="name it: --key FILE; or write `owner_key` below `[broker]` in symbolon.toml",
        )
    return file, named.passphrase_file or _path(folder, section.get("passphrase_file"))


def _path(folder: Path, name: Any) -> Path | None:
    return None if name is None else folder / name


def _of_folder(folder: Path) -> BrokerAddress:
    from release.settings import parse_settings

    settings = parse_settings(read_text(str(folder / _SETTINGS), what="broker's settings"))
    pins = (settings.tls.pin, settings.tls.next_pin)
    return _address(settings.broker.url, settings.broker.public_key, pins, where=f"`{_SETTINGS}`")


def _of_section(folder: Path) -> BrokerAddress | None:
    section = _section(folder)
    if not section.keys() & {"url", "key", "pins"}:
        return None
    if lacking := {"url", "key", "pins"} - section.keys():
        raise Misconfigured(
            f"`[{SECTION}]` of {FILE} does not say `{min(lacking)}`", hint="`symbolon broker init` prints it"
        )
    return _address(section["url"], section["key"], section["pins"], where=f"`[{SECTION}]` of {FILE}")


def _of_terms(folder: Path) -> BrokerAddress | None:
    return broker_of_terms(folder / TERMS) if (folder / TERMS).is_file() else None


def broker_of_terms(file: Path) -> BrokerAddress | None:
    """The broker that the owner's terms name; None where they name none.

    Raises:
        Misconfigured: they cannot be read, or are no terms.
    """
    from contract.terms import ScaleMissing, parse_terms

    try:
        release = parse_terms(read_text(str(file), what="terms")).release
    except ScaleMissing as incomplete:
        release = incomplete.unscaled.release
    if release is None or release.broker is None or release.broker_key is None or release.broker_pins is None:
        return None
    return _address(release.broker, release.broker_key, release.broker_pins, where="the terms")


def _section(folder: Path) -> Mapping[str, Any]:
    section = read_section(SECTION, folder=folder)
    for key, value in section.items():
        if key not in _KEYS or not isinstance(value, _KEYS[key]):
            raise Misconfigured(
                f"`[{SECTION}]` of {FILE} has an unknown key {quoted(key)}"
                if key not in _KEYS
                else f"`{SECTION}.{key}` of {FILE} must be a {'list' if _KEYS[key] is list else 'string'}",
                hint=f"its keys are {', '.join(_KEYS)}",
            )
    return section


def _address(url: str, key: str, pins: Any, *, where: str) -> BrokerAddress:
    from contract.dsse import parse_public_key

    texts = [str(each) for each in pins]
    whole = [each if each.startswith("sha256:") else f"sha256:{each}" for each in texts]
    if not 0 < len(whole) <= 2:
        raise Misconfigured(f"{where} has {len(whole)} pins of the broker, of 1 or 2", hint=_HINT)
    if not url.startswith("https://"):
        raise Misconfigured(f"{where} has {quoted(url)} as the broker's address", hint="write `https://…`")
    return BrokerAddress(
        url=url.rstrip("/"),
        key=parse_public_key(key, where=f"the broker's key in {where}"),
        pins=tuple(map(parse_digest, whole)),
    )
