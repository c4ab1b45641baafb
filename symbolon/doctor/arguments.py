"""What can be typed after `symbolon doctor`.

A command's own module is imported when the command runs.
"""

from __future__ import annotations

import argparse

from attestation.errors import ExitCode

from ..parsers import Parser, add, add_group, add_output
from ..projects import OperatorNames, OwnerNames, add_names, read_names, typed_flags

_CODES = "exit codes: 0 everything is there · 5 Google does not answer · 7 something is missing\n"


def add_doctor(commands: argparse._SubParsersAction[Parser], says: str) -> None:
    doctor = add_group(commands, "doctor", says)
    owner = add(
        doctor,
        "owner",
        "credentials, clock, APIs, permissions, bucket, account, pool, provider and repository",
        "  symbolon doctor owner --project primus\n"
        "  symbolon doctor owner --policy policy.toml --format json\n\n" + _CODES,
    )
    owner.add_argument(
        "--policy", metavar="P", help="the owner's policy file: the provider must ask what it says"
    )
    add_names(owner, OwnerNames)
    add_output(owner)
    owner.set_defaults(run=_examine_owner)
    operator = add(
        doctor,
        "operator",
        "credentials, clock, APIs, permissions, buckets, the VM's account, and quota",
        "  symbolon doctor operator --project secundus\n"
        "  symbolon doctor operator --zone europe-west4-a --format json\n\n" + _CODES,
    )
    add_names(operator, OperatorNames)
    add_output(operator)
    operator.set_defaults(run=_examine_operator)


def _examine_owner(arguments: argparse.Namespace) -> ExitCode:
    names = read_names(arguments, OwnerNames)
    from .command import examine_owner

    typed = typed_flags(arguments, OwnerNames)
    return examine_owner(names, policy=arguments.policy, typed=typed, output=arguments.output)


def _examine_operator(arguments: argparse.Namespace) -> ExitCode:
    names = read_names(arguments, OperatorNames)
    from .command import examine_operator

    typed = typed_flags(arguments, OperatorNames)
    return examine_operator(names, typed=typed, output=arguments.output)
