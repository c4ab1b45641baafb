"""What `symbolon owner keys` does: a key that signs manifests, in a file that a passphrase locks.

The private key is PKCS#8 with PBES2 (`openssl pkey -in FILE` reads it too), for its owner's eyes alone; the
public one lies beside it, `FILE.pub`. The passphrase is asked for at the terminal or read from a file, and
is never an argument: arguments are seen by every process of the machine.
"""

from __future__ import annotations

import getpass
import os
import sys
from contextlib import ExitStack
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP384R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from attestation.errors import ExitCode, Misconfigured, quoted
from contract.dsse import PrivateKey, PublicKey, parse_public_key, public_key_of

from ..inputs import cannot_write, read_bytes
from ..rendering import columns, console, print_json, printable_lines
from .workplace import AlreadyThere

KINDS = ("ed25519", "p384")
FEWEST_CHARACTERS = 20
"""The 2,048 rounds of PBKDF2 that PKCS#8 gets here slow nobody down: the passphrase has to hold by itself."""
_PUBLIC = ".pub"


def new_key(file: Path, *, kind: str, passphrase_file: Path | None, output: str) -> ExitCode:
    """A new key is in `file` and its public half in `FILE.pub`.

    Raises:
        AlreadyThere: one of the two is there.
        Misconfigured: no passphrase can be had, it is too short, or the files cannot be written.
    """
    for each in (file, _public_of(file)):
        if each.exists():
            raise AlreadyThere(
                f"{quoted(each.name)} is there already", hint="name another file: no key is overwritten"
            )
    passphrase = read_passphrase(passphrase_file, twice=True)
    if len(passphrase) < FEWEST_CHARACTERS:
        raise Misconfigured(
            f"the passphrase has fewer than {FEWEST_CHARACTERS} characters", hint="take a sentence"
        )
    key: PrivateKey = Ed25519PrivateKey.generate() if kind == "ed25519" else generate_private_key(SECP384R1())
    encrypted = BestAvailableEncryption(passphrase.encode())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encrypted)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        _create(file, private, mode=0o600)
        _create(_public_of(file), public, mode=0o644)
    except OSError as error:
        raise cannot_write(str(file), error) from None
    return _tell(file, public_key_of(key), output=output, made=True)


def show_key(file: Path, *, output: str) -> ExitCode:
    """What terms have of the key, and its id, from its public half.

    Raises:
        Misconfigured: there is none, or it is of another kind.
    """
    return _tell(file, read_public_key(file), output=output)


def read_public_key(file: Path) -> PublicKey:
    """The public half in `file`, or in `FILE.pub` where that is the key's own name.

    Raises:
        Misconfigured: there is none, or it is of another kind.
    """
    public = file if file.suffix == _PUBLIC else _public_of(file)
    data = read_bytes(str(public), what="public key")
    try:
        key = load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        raise Misconfigured(
            f"{quoted(public.name)} is no public key", hint="make a key: symbolon owner keys new FILE"
        ) from None
    text = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    body = "".join(line for line in text.splitlines() if not line.startswith("-----"))
    return parse_public_key(body, where=f"what {quoted(public.name)} has")


def open_key(file: Path, *, passphrase_file: Path | None) -> PrivateKey:
    """The private key in `file`, unlocked.

    Raises:
        Misconfigured: it is no such key, or the passphrase does not unlock it.
    """
    data = read_bytes(str(file), what="key")
    if b"ENCRYPTED PRIVATE KEY" not in data:
        raise Misconfigured(
            f"{quoted(file.name)} is no key that a passphrase locks",
            hint="make one: symbolon owner keys new FILE",
        )
    passphrase = read_passphrase(passphrase_file, twice=False)
    try:
        key = load_pem_private_key(data, passphrase.encode())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Misconfigured(
            f"the passphrase does not unlock {quoted(file.name)}",
            hint="type it again, or name the right file",
        ) from None
    if not isinstance(key, Ed25519PrivateKey | EllipticCurvePrivateKey):
        raise Misconfigured(
            f"{quoted(file.name)} is a key of another kind", hint="make one: symbolon owner keys new FILE"
        )
    public_key_of(key)
    return key


def read_passphrase(file: Path | None, *, twice: bool) -> str:
    """The first line of `file`, or what is typed at the terminal, `twice` where nobody could tell a slip
    later.

    Raises:
        Misconfigured: there is no terminal, the two differ, or there is nothing.
    """
    if file is not None:
        lines = read_bytes(str(file), what="passphrase").decode("utf-8", "replace").splitlines()
        passphrase = lines[0] if lines else ""
    elif sys.stdin.isatty():
        passphrase = getpass.getpass("passphrase of the key: ")
        if twice and getpass.getpass("once more: ") != passphrase:
            raise Misconfigured("the two passphrases differ", hint="type the same one twice")
    else:
        raise Misconfigured(
            "there is no terminal to ask for the passphrase at", hint="name a file: --passphrase-file F"
        )
    if not passphrase:
        raise Misconfigured("the passphrase is empty", hint="take a sentence")
    return passphrase


def _public_of(file: Path) -> Path:
    return file.with_name(file.name + _PUBLIC)


def _create(file: Path, data: bytes, *, mode: int) -> None:
    """The file has these bytes and that mode from its first moment on; whoever is interrupted leaves none."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with ExitStack() as undo:
        undo.callback(file.unlink, missing_ok=True)
        with open(descriptor, "wb") as written:
            written.write(data)
        undo.pop_all()  # it is whole, and stays


def _tell(file: Path, public: PublicKey, *, output: str, made: bool = False) -> ExitCode:
    if output == "json":
        print_json({"kind": public.kind, "key_id": public.key_id, "public_key": public.text})
        return ExitCode.YES
    rows = {"kind": public.kind, "id": public.key_id, "release.signed_by": public.text}
    terminal = console()
    terminal.print(printable_lines(columns(rows.items())))
    if made:
        terminal.print(printable_lines(f"{file.name} is the key: keep it, and its passphrase, to yourself"))
    return ExitCode.YES
