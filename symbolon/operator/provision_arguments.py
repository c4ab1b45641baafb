"""What can be typed after `symbolon operator provision`."""

from __future__ import annotations

import argparse

from attestation.errors import ExitCode

from ..parsers import Parser, add, add_output
from ..projects import OperatorNames, add_names, read_names, typed_flags
from ..provision_arguments import CODES, add_modes, choice_of, is_wrong


def add_operator_provision(commands: argparse._SubParsersAction[Parser]) -> None:
    """`symbolon operator provision`."""
    parser = add(
        commands,
        "provision",
        "the operator's buckets, the VM's account and what it may do: what would change, or change it",
        "  symbolon operator provision --project secundus               the plan\n"
        "  symbolon operator provision --project secundus --apply\n"
        "  symbolon operator provision --print terraform > main.tf.json\n"
        "  symbolon operator provision --destroy --with-contents --yes\n\n" + CODES,
    )
    add_modes(parser)
    add_names(parser, OperatorNames)
    add_output(parser)
    parser.set_defaults(run=_provision_operator)


def _provision_operator(arguments: argparse.Namespace) -> ExitCode:
    if is_wrong(arguments):
        return ExitCode.USAGE
    names = read_names(arguments, OperatorNames)
    from .provision import provision_operator

    return provision_operator(names, choice=choice_of(arguments), typed=typed_flags(arguments, OperatorNames))
