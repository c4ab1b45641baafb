"""What the command's parsers have in common: how a command is added, and how it shows itself."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

from attestation.errors import ExitCode, Misconfigured

from .folding import fold, fold_examples, width_of

Read = TypeVar("Read")
_ENDLESS: Final = 1_000_000
_HELP_AT: Final = 24
"""The column where the words of an option's help begin, as argparse has it."""


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """A help whose texts keep their line ends; a terminal folds them between words, a pipe never."""

    def __init__(self, prog: str, **settings: Any) -> None:
        self._room = width_of(sys.stdout) or _ENDLESS
        super().__init__(prog, width=self._room, max_help_position=_HELP_AT, **settings)

    def _format_usage(self, *arguments: Any) -> str:
        usage = super()._format_usage(*arguments)
        return "\n".join(fold(line, self._room) for line in usage.split("\n"))

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if "\n" not in text:
            return fold(text, self._room, hang=0)
        return fold_examples("".join(indent + line for line in text.splitlines(keepends=True)), self._room)

    def _split_lines(self, text: str, width: int) -> list[str]:
        return fold(" ".join(text.split()), width, hang=0).split("\n")


class Parser(argparse.ArgumentParser):
    """A parser whose help keeps its line ends, and whose options are spelled out."""

    def __init__(self, **settings: Any) -> None:
        settings.setdefault("formatter_class", _HelpFormatter)
        super().__init__(allow_abbrev=False, **settings)
        self._typed: list[str] = []

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As usual, but a command itself refuses what it does not know, and so shows its own usage."""
        self._typed = list(sys.argv[1:] if args is None else args)
        known, rest = super().parse_known_args(args, namespace)
        if rest and self._subparsers is None:
            self.error(f"unrecognized arguments: {' '.join(rest)}")
        return known, rest

    def error(self, message: str) -> NoReturn:
        """The program ends with exit code 2; the nearest word that it knows stands in the hint."""
        near = self._nearest()
        self.print_usage(sys.stderr)
        room = width_of(sys.stderr) or _ENDLESS
        said = [f"{self.prog}: error: {message}", *([f"hint: did you mean `{near}`?"] if near else [])]
        self.exit(ExitCode.USAGE, "".join(f"{fold(line, room)}\n" for line in said))

    def _nearest(self) -> str | None:
        """The command, option or value that is nearest to the first word typed that is none."""
        options = self._option_string_actions
        commands = [str(word) for action in self._get_positional_actions() for word in action.choices or ()]
        for before, word in zip(["", *self._typed], self._typed, strict=False):
            name = word.partition("=")[0]
            if before in options and options[before].choices:
                known = [str(choice) for choice in options[before].choices or ()]
            else:
                known = list(options) if name.startswith("--") else commands
            if name in known:
                if known is commands:
                    return None
                continue
            import difflib  # only whoever mistypes waits for it

            if near := difflib.get_close_matches(name, known, n=1):
                return str(near[0])
        return None


def typed(read: Callable[[str], Read]) -> Callable[[str], Read]:
    """`read` as a type of argparse's: what it refuses is wrong usage, said with what to write instead."""

    def argument(text: str) -> Read:
        try:
            return read(text)
        except Misconfigured as error:
            hint = f"; {error.hint}" if error.hint else ""
            raise argparse.ArgumentTypeError(f"{error.message}{hint}") from None

    return argument


def add(commands: argparse._SubParsersAction[Parser], name: str, says: str, examples: str = "") -> Parser:
    """A command, or a word that commands stand under."""
    epilog = f"examples:\n{examples}" if examples else None
    parser = commands.add_parser(name, help=says, description=f"{says[0].upper()}{says[1:]}.", epilog=epilog)
    parser.set_defaults(usage=parser.format_help, short_usage=parser.format_usage)
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


def add_passphrase(
    options: argparse._ActionsContainer,
    says: str = "its first line is the key's passphrase (default: asked for)",
) -> None:
    """Where a key's passphrase is, as `passphrase_file`."""
    options.add_argument("--passphrase-file", metavar="F", type=Path, help=says)


def add_group(
    commands: argparse._SubParsersAction[Parser], name: str, says: str
) -> argparse._SubParsersAction[Parser]:
    """A word that commands stand under; alone it shows them, as wrong usage."""
    parser = add(commands, name, says)
    parser.set_defaults(run=show_usage)
    return parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=Parser)


def show_usage(arguments: argparse.Namespace) -> ExitCode:
    """The command's usage stands on standard error: these words are no command."""
    sys.stderr.write(arguments.usage())
    return ExitCode.USAGE


def refuse_usage(arguments: argparse.Namespace, message: str) -> ExitCode:
    """The command's usage in short stands on standard error, and what is wrong with these words."""
    said = f"error: {message}"
    room = width_of(sys.stderr)
    sys.stderr.write(f"{arguments.short_usage()}{said if room is None else fold(said, room)}\n")
    return ExitCode.USAGE
