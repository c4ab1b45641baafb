"""`symbolon broker init`: a broker is made, and what its owner writes into `terms.toml` is shown."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from attestation.errors import ExitCode, Misconfigured
from contract.dsse import parse_public_key
from contract.kms_keys import parse_kms_key
from release.folder import Folder
from release.making import Order, make_folder
from release.settings import WitnessSettings, check_url

from ..inputs import read_bytes
from ..owner.signing_keys import read_public_key
from ..platform_root import check_root, published_root
from ..rendering import console, print_json, printable_lines, styled
from .database import prepare
from .passphrase import passphrase_from
from .privately import privately

_PORT = 443


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What was typed."""

    folder: Path
    url: str
    address: str | None
    database: str | None
    kms: str | None
    owner_keys: tuple[str, ...]
    threshold: int
    emulator: str | None
    root: str | None
    witness: str | None
    witness_key: str | None


def init(wanted: Wanted, *, passphrase_file: Path | None, output: str) -> ExitCode:
    """The folder is a broker's, its database has its tables, and the lines for `terms.toml` are shown.

    Raises:
        BrokerAlreadyThere: the folder has something in it.
        Misconfigured: something that was typed cannot be meant, or no passphrase can be had.
        Denied, Unavailable: Cloud KMS, Google or the database do not let us, or do not answer.
    """
    with privately():
        order = _order(wanted, passphrase_file)
        folder = make_folder(wanted.folder, order)
        prepare(folder)
    _tell(folder, output=output)
    return ExitCode.YES


def _order(wanted: Wanted, passphrase_file: Path | None) -> Order:
    url = check_url(wanted.url.rstrip("/"))
    kms = None if wanted.kms is None else parse_kms_key(wanted.kms, where="--kms")
    keys = tuple(read_public_key(Path(name)) for name in wanted.owner_keys)
    witness = _witness(wanted)
    root = _root(wanted)
    parts = urlsplit(url)
    try:
        port = parts.port or _PORT
    except ValueError:
        raise Misconfigured("the port of --url is none", hint="ports are 0 to 65535") from None
    return Order(
        url=url,
        address=wanted.address or f"0.0.0.0:{port}",
        database=wanted.database,
        kms=kms,
        owner_keys=keys,
        threshold=wanted.threshold,
        mode="production" if wanted.emulator is None else "emulator",
        root=root,
        witness=witness,
        passphrase="" if kms is not None else passphrase_from(passphrase_file, twice=True)(),
    )


def _witness(wanted: Wanted) -> WitnessSettings | None:
    if wanted.witness is None and wanted.witness_key is None:
        return None
    if wanted.witness is None or wanted.witness_key is None:
        raise Misconfigured(
            "a witness is named by where it answers and by its key",
            hint="give both: --witness URL --witness-key VKEY",
        )
    return WitnessSettings(url=wanted.witness, verifier_key=wanted.witness_key)


def _root(wanted: Wanted) -> bytes:
    if wanted.emulator is not None and wanted.root is not None:
        raise Misconfigured(
            "--root is Google's, and --emulator names another", hint="a broker believes one of the two"
        )
    named = wanted.emulator or wanted.root
    root = published_root() if named is None else read_bytes(named, what="root certificate")
    check_root(root, emulator=wanted.emulator is not None)
    return root


def _tell(folder: Folder, *, output: str) -> None:
    settings = folder.settings
    key = parse_public_key(settings.broker.public_key, where="the broker's key")
    pins = [pin.removeprefix("sha256:") for pin in (settings.tls.pin, settings.tls.next_pin)]
    release = {"broker": settings.broker.url, "broker_key": key.text, "broker_pins": pins}
    if output == "json":
        print_json({"folder": str(folder.path), "broker": key.key_id, "release": release})
        return
    terminal = console()
    terminal.print(printable_lines(f"the broker {key.key_id} is in {folder.path}"))
    if settings.master.file is not None:
        terminal.print(f"{settings.master.file} and its passphrase: whoever loses one loses every key")
    if settings.platform.mode == "emulator":
        terminal.print("it believes an emulator: Google's verifier means nothing to it")
    terminal.print("what goes into terms.toml, below [release], in the place of kms:")
    listed = ", ".join(f'"{pin}"' for pin in pins)
    for line in (
        f'broker = "{settings.broker.url}"',
        f'broker_key = "{key.text}"',
        f"broker_pins = [{listed}]",
    ):
        terminal.print(styled(f"  {line}", whole=True))
    terminal.print(printable_lines(f"start it: symbolon broker serve {folder.path}"))
