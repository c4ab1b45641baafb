"""What can be typed after `symbolon demo`."""

from __future__ import annotations

import argparse
from pathlib import Path

from attestation.errors import ExitCode

from ..parsers import Parser, add, add_output


def add_demo(commands: argparse._SubParsersAction[Parser], says: str) -> None:
    parser = add(
        commands,
        "demo",
        says,
        "  symbolon demo\n  symbolon demo --format json | jq .\n  symbolon demo --keep /tmp/story\n",
    )
    parser.add_argument(
        "--keep", metavar="DIR", type=Path, help="keep everything in DIR (new or empty), to look around in"
    )
    add_output(parser)
    parser.set_defaults(run=_demo)


def _demo(arguments: argparse.Namespace) -> ExitCode:
    from .command import run_demo

    return run_demo(keep=arguments.keep, output=arguments.output)
