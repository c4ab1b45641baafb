"""What can be typed about a sealed model: `protect --seal`, and `symbolon owner rotate|keys`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Literal

from attestation.errors import ExitCode
from contract.kms_keys import SHAPE, KmsKey, parse_kms_key

from ..brokers import NamedBroker
from ..parsers import Parser, add, add_group, add_output, add_passphrase, typed
from .licence_arguments import add_broker_keys


def add_seal(protect: Parser) -> None:
    """How the model is to lie in the bucket."""
    protect.add_argument(
        "--seal",
        metavar="kms=KEY|broker=URL|DIR|none",
        type=_seal,
        help="encrypt it, with a key that KEY of Cloud KMS wraps, or that the owner's broker has and releases"
        " under licences; or not (default: as the terms say)",
    )
    protect.add_argument(
        "--sign-with", metavar="FILE", type=Path, help="a key of `symbolon owner keys new` signs the manifest"
    )
    add_passphrase(protect)
    broker = protect.add_argument_group(
        "of a broker", "without these: `[broker]` of symbolon.toml, else `[release]` of the terms"
    )
    add_broker_keys(broker)
    broker.add_argument(
        "--key",
        metavar="FILE",
        type=Path,
        help="the owner's key that hands over the model's (default: the one that signs the manifest)",
    )


def add_sealing_commands(owner: argparse._SubParsersAction[Parser]) -> None:
    rotate = add(
        owner,
        "rotate",
        "wrap a sealed model's key anew, by the newest version of the owner's key; nothing else changes",
        "  gcloud kms keys versions create --key=lite0 --keyring=models --location=global --primary\n"
        "  symbolon owner rotate --plan\n"
        "  symbolon owner rotate mine\n"
        "  symbolon owner rotate --add projects/backup/locations/global/keyRings/models/cryptoKeys/lite0\n\n"
        "exit codes: 0 done, or nothing to do · 4 a role is missing, or `keys.json` is another model's\n",
    )
    add_folder(rotate)
    for name, says in (
        ("add", "KEY of Cloud KMS can open the model too; may be given several times"),
        ("remove", "KEY opens it no longer, once no copy of the older `keys.json` is left"),
    ):
        rotate.add_argument(f"--{name}", metavar="KEY", type=_kms_key, action="append", default=[], help=says)
    rotate.add_argument("--plan", action="store_true", help="show what would be done, and do nothing")
    add_output(rotate)
    rotate.set_defaults(run=_rotate)
    keys = add_group(owner, "keys", "a key of the owner's own, which signs what is sealed")
    new = add(
        keys,
        "new",
        "make a key, locked by a passphrase; its public half lies beside it",
        "  symbolon owner keys new owner-key.pem                        asks for a passphrase\n"
        "  symbolon owner keys new owner-key.pem --kind p384 --passphrase-file F\n\n"
        "exit codes: 0 made · 7 a file of that name is there, or no passphrase\n",
    )
    new.add_argument(
        "file", metavar="FILE", type=Path, help="where the key goes; FILE.pub is its public half"
    )
    new.add_argument("--kind", choices=("ed25519", "p384"), default="ed25519", help="(default: ed25519)")
    add_passphrase(new)
    add_output(new)
    new.set_defaults(run=_new_key)
    show = add(
        keys,
        "show",
        "print the public facts of a key: its kind, its id, and its lines for the terms",
        "  symbolon owner keys show owner-key.pem\n"
        "  symbolon owner keys show owner-key.pem.pub --format json\n",
    )
    show.add_argument("file", metavar="FILE", type=Path, help="the key, or its public half")
    add_output(show)
    show.set_defaults(run=_show_key)


def add_folder(parser: Parser) -> None:
    parser.add_argument(
        "folder",
        metavar="DIR",
        nargs="?",
        type=Path,
        default=Path(),
        help="where `owner init` has written (default: here)",
    )


def _seal(text: str) -> KmsKey | NamedBroker | Literal["none"]:
    if text == "none":
        return "none"
    kind, _, name = text.partition("=")
    if kind == "broker" and name:
        return NamedBroker(broker=name)
    if kind != "kms":
        raise argparse.ArgumentTypeError(
            f"`{text[:40]}` is neither `none` nor broker=URL nor kms={SHAPE[1:-1]}"
        )
    return _kms_key(name)


def _kms_key(text: str) -> KmsKey:
    return typed(lambda name: parse_kms_key(name, where="the key"))(text)


def _rotate(arguments: argparse.Namespace) -> ExitCode:
    from ..steps import Steps

    with Steps() as steps:
        steps.begin("reading the terms")
        from .rotate import rotate

        return rotate(
            arguments.folder,
            add=arguments.add,
            remove=arguments.remove,
            plan=arguments.plan,
            output=arguments.output,
            steps=steps,
        )


def _new_key(arguments: argparse.Namespace) -> ExitCode:
    from .signing_keys import new_key

    return new_key(
        arguments.file,
        kind=arguments.kind,
        passphrase_file=arguments.passphrase_file,
        output=arguments.output,
    )


def _show_key(arguments: argparse.Namespace) -> ExitCode:
    from .signing_keys import show_key

    return show_key(arguments.file, output=arguments.output)
