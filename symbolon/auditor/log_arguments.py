"""What can be typed after `symbolon auditor log`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from attestation.digests import Digest, parse_digest
from attestation.errors import ExitCode, Misconfigured, quoted

from ..parsers import Parser, add, add_group, add_output, typed

if TYPE_CHECKING:
    from contract.dsse import PublicKey
    from contract.signed_note import NoteKey

_LOG = "the broker's address, `https://…`, or a folder with the same files: `checkpoint` and `tile/`"


def add_log(auditor: argparse._SubParsersAction[Parser]) -> None:
    log = add_group(auditor, "log", "what a broker's log shows")
    _add_verify(log)
    _add_find(log)


def _add_verify(log: argparse._SubParsersAction[Parser]) -> None:
    verify = add(
        log,
        "verify",
        "whether a broker's log is whole, and the one that it was before",
        "  symbolon auditor log verify https://broker.example --terms terms.toml --checkpoint kept\n"
        "  symbolon auditor log verify folder/ --key MCow… --witness witness.example/w1+8d66…+BD1…\n\n"
        "exit codes: 0 verified · 4 rejected: cut, forked, altered, or of another broker\n"
        "  6 in order, but nobody said whose it is, or nothing tells whether it was taken back\n",
    )
    _add_source(verify)
    verify.add_argument(
        "--checkpoint",
        metavar="FILE",
        type=Path,
        help="the last checkpoint that was seen: the log has to extend it; written where all is well",
    )
    verify.add_argument(
        "--witness",
        metavar="K",
        type=typed(_witness_key),
        help="a witness has to have cosigned it: NAME+ID+KEY, as C2SP writes it",
    )
    add_output(verify)
    verify.set_defaults(run=_verify_log)


def _add_find(log: argparse._SubParsersAction[Parser]) -> None:
    find = add(
        log,
        "find",
        "the entries of a log that a secret opens: one licence's, or the broker's own",
        "  symbolon auditor log find https://broker.example --terms terms.toml --secret-of licence.json\n"
        "  symbolon auditor log find folder/ --key MCow… --secret-file secret\n\n"
        "exit codes: 0 there are some · 3 there is none · 4 the log is not as it was signed\n",
    )
    _add_source(find)
    secret = find.add_mutually_exclusive_group(required=True)
    secret.add_argument("--secret-of", metavar="LICENCE", help="a licence, as its owner issued it")
    secret.add_argument("--secret-file", metavar="F", type=Path, help="a secret: 64 hex digits")
    add_output(find)
    find.set_defaults(run=_find_entries)


def _add_source(parser: Parser) -> None:
    parser.add_argument("log", metavar="LOG", help=_LOG)
    parser.add_argument(
        "--key",
        metavar="K",
        type=typed(_broker_key),
        help="the broker's key has to have signed it: `release.broker_key` of the owner's terms",
    )
    parser.add_argument(
        "--pin",
        metavar="HEX",
        action="append",
        default=[],
        type=typed(_pin),
        help="the server has this key; may be given twice: `release.broker_pins` of the owner's terms",
    )

    parser.add_argument(
        "--terms",
        metavar="F",
        type=Path,
        help="the owner's `terms.toml`: its broker's key and pins, in place of --key and --pin",
    )


def _witness_key(text: str) -> NoteKey:
    from contract.cosignature import parse_witness_key

    return parse_witness_key(text)


def _broker_key(text: str) -> PublicKey:
    from contract.dsse import parse_public_key

    return parse_public_key(text, where="the broker's key")


def _pin(text: str) -> Digest:
    return parse_digest(text if text.startswith("sha256:") else f"sha256:{text}")


def _named(arguments: argparse.Namespace) -> tuple[PublicKey | None, Sequence[Digest]]:
    """Whose log it has to be, and which keys its server may have.

    Raises:
        Misconfigured: the terms cannot be read, or name no broker.
    """
    if arguments.terms is None:
        return arguments.key, tuple(arguments.pin)
    from ..brokers import broker_of_terms

    found = broker_of_terms(arguments.terms)
    if found is None:
        raise Misconfigured(
            f"{quoted(str(arguments.terms))} names no broker", hint="give --key and --pin, or other terms"
        )
    return arguments.key or found.key, tuple(arguments.pin) or found.pins


def _verify_log(arguments: argparse.Namespace) -> ExitCode:
    from .log import verify

    key, pins = _named(arguments)
    return verify(
        log=arguments.log,
        kept=arguments.checkpoint,
        key=key,
        pins=pins,
        witness=arguments.witness,
        output=arguments.output,
    )


def _find_entries(arguments: argparse.Namespace) -> ExitCode:
    from .log_find import find

    key, pins = _named(arguments)
    return find(
        log=arguments.log,
        licence=arguments.secret_of,
        secret_file=arguments.secret_file,
        key=key,
        pins=pins,
        output=arguments.output,
    )
