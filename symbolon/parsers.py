"""What the command's parsers have in common: how a command is added, and how it shows itself."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from attestation.errors import ExitCode


class Parser(argparse.ArgumentParser):
    """A parser whose help keeps its line ends, and whose options are spelled out."""

    def __init__(self, **settings: Any) -> None:
        settings.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(allow_abbrev=False, **settings)


def add(commands: argparse._SubParsersAction[Parser], name: str, says: str, examples: str = "") -> Parser:
    """A command, or a word that commands stand under."""
    epilog = f"examples:\n{examples}" if examples else None
    parser = commands.add_parser(name, help=says, description=f"{says[0].upper()}{says[1:]}.", epilog=epilog)
    parser.set_defaults(usage=parser.format_help)
    return parser


FOR_PEOPLE = ("human", "json", "html", "markdown")


def add_output(parser: Parser, choices: tuple[str, ...] = ("human", "json")) -> None:
    """The option `--format`, as `output`."""
    more = ", one file for a browser, or for GitHub" if "html" in choices else ""
    parser.add_argument(
        "--format",
        dest="output",
        choices=choices,
        default=argparse.SUPPRESS,
        help=f"for a person (default) or for a program{more}",
    )


def add_group(
    commands: argparse._SubParsersAction[Parser], name: str, says: str
) -> argparse._SubParsersAction[Parser]:
    """A word that commands stand under; alone it shows them, as wrong usage."""
    parser = add(commands, name, says)
    parser.set_defaults(run=show_usage)
    return parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=Parser)


def show_usage(arguments: argparse.Namespace) -> ExitCode:
    """The command's usage stands on standard error: what was typed is no command."""
    sys.stderr.write(arguments.usage())
    return ExitCode.USAGE
