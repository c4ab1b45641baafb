"""What can be typed after `symbolon owner provision`."""

from __future__ import annotations

import argparse

from attestation.errors import ExitCode

from ..parsers import Parser, add, add_output
from ..projects import OwnerNames, add_names, read_names, typed_flags
from ..provision_arguments import CODES, add_modes, choice_of, is_wrong


def add_owner_provision(commands: argparse._SubParsersAction[Parser]) -> None:
    """`symbolon owner provision`."""
    parser = add(
        commands,
        "provision",
        "the owner's bucket, account, pool, provider, images, key, bindings: what would change, or change it",
        "  symbolon owner provision --project primus                    the plan\n"
        "  symbolon owner provision --project primus --apply\n"
        "  symbolon owner provision --policy policy.toml --output plan.json\n"
        "  symbolon owner provision --policy policy.toml --apply plan.json    that plan, or nothing\n"
        "  symbolon owner provision --kms projects/primus/locations/global/keyRings/models/cryptoKeys/lite0\n"
        "  symbolon owner provision --policy policy.toml --terms terms.toml   a sealed model's key too\n"
        "  symbolon owner provision --policy policy.toml --print gcloud > provision.sh\n"
        "  symbolon owner provision --destroy --with-contents --yes\n\n" + CODES,
    )
    parser.add_argument(
        "--policy", metavar="P", help="the owner's policy file: the provider, and which images it admits"
    )
    parser.add_argument(
        "--terms",
        metavar="F",
        help="the owner's terms: a sealed model's key is the one of `[release]` in them",
    )
    add_modes(parser)
    add_names(parser, OwnerNames)
    add_output(parser)
    parser.set_defaults(run=_provision_owner)


def _provision_owner(arguments: argparse.Namespace) -> ExitCode:
    if is_wrong(arguments):
        return ExitCode.USAGE
    names = read_names(arguments, OwnerNames)
    from .provision import provision_owner

    return provision_owner(
        names,
        policy=arguments.policy,
        terms=arguments.terms,
        choice=choice_of(arguments),
        typed=typed_flags(arguments, OwnerNames),
    )
