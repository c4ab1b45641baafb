"""What a person can type: each folder here adds its own commands, with `arguments` beside their answers.

So that every command answers at once, a folder is imported when its name is typed, and a command's own
module when the command runs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Final

from attestation.errors import ExitCode

from . import __version__
from .parsers import Parser, add, add_output, show_usage

_FOLDERS: Final = {
    "demo": "the whole story on this machine: a model runs for an operator who never holds it, "
    "and six attempts to cheat are refused",
    "emulator": "Google on localhost, for any client of your own",
    "owner": "for whoever has the model",
    "operator": "for whoever has pictures, and gets results",
    "auditor": "for whoever trusts neither",
    "broker": "the owner's server that releases a model's key, run by run",
    "doctor": "whether everything is there before anything is begun",
}
_EXIT_CODES = """\
exit codes:
  0 yes · 1 bug · 2 usage · 3 answered no · 4 evidence rejected or denied
  5 unavailable, worth another try · 6 unknown · 7 misconfigured
"""


def make_parser(typed: Sequence[str] | None = None) -> argparse.ArgumentParser:
    """The parser of the whole command; `run` of what it parses is the function to call with it.

    `typed` are the words that it will parse: it then knows other folders by their names alone.
    """
    parser = Parser(
        prog="symbolon",
        description="A model runs for an operator who never holds it: Google Confidential Space, end to end.",
        epilog="examples:\n"
        "  symbolon demo                          the whole story on this machine\n"
        "  symbolon emulator up                   Google on localhost, for any client\n"
        "  symbolon owner policy build P.toml     condition, mapping and gcloud line of a policy\n"
        "  symbolon auditor review P.toml         what a policy admits, and what is wrong with it\n"
        "  symbolon auditor diff OLD.toml NEW.toml\n"
        "                                         whether a change lets somebody in\n"
        "  symbolon auditor explain --policy P.json --token T.jwt --jwks K.json\n"
        "                                         admitted or not, and which clause says so\n"
        "  symbolon auditor receipt verify R.json --image-digest sha256:… --results gs://bucket/run\n"
        "                                         what ran, on what, and what came out\n\n" + _EXIT_CODES,
    )
    parser.add_argument("--version", action="store_true", help="show the version")
    parser.add_argument(
        "--explain", metavar="CODE", help="say what an error code or a rule means (`all`: list them)"
    )
    parser.add_argument(
        "--traceback", action="store_true", help="show where a bug is (or SYMBOLON_TRACEBACK=1)"
    )
    add_output(parser)
    parser.set_defaults(run=_answer_without_command, output="human", usage=parser.format_help)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=Parser)
    for folder, says in _FOLDERS.items():
        if typed is None or folder in typed:
            _add_folder(folder, commands, says)
        else:
            add(commands, folder, says)
    _add_completion(commands)
    return parser


def _add_folder(folder: str, commands: argparse._SubParsersAction[Parser], says: str) -> None:
    """The folder's commands can be typed; no other folder is imported for it."""
    match folder:
        case "demo":
            from .demo.arguments import add_demo

            add_demo(commands, says)
        case "emulator":
            from .emulator.arguments import add_emulator

            add_emulator(commands, says)
        case "owner":
            from .owner.arguments import add_owner

            add_owner(commands, says)
        case "operator":
            from .operator.arguments import add_operator

            add_operator(commands, says)
        case "auditor":
            from .auditor.arguments import add_auditor

            add_auditor(commands, says)
        case "broker":
            from .broker.arguments import add_broker

            add_broker(commands, says)
        case "doctor":
            from .doctor.arguments import add_doctor

            add_doctor(commands, says)


def _answer_without_command(arguments: argparse.Namespace) -> ExitCode:
    if arguments.version:
        sys.stdout.write(f"symbolon {__version__}\n")
        return ExitCode.YES
    if arguments.explain:
        from .error_codes import explain_code

        return explain_code(arguments.explain, output=arguments.output)
    return show_usage(arguments)


def _add_completion(commands: argparse._SubParsersAction[Parser]) -> None:
    parser = add(
        commands,
        "completion",
        "the lines for a shell with which it completes commands and options",
        '  eval "$(symbolon completion bash)"         in ~/.bashrc\n'
        '  eval "$(symbolon completion zsh)"          in ~/.zshrc, below compinit\n'
        "  symbolon completion fish > ~/.config/fish/completions/symbolon.fish\n",
    )
    parser.add_argument("shell", choices=("bash", "zsh", "fish"))
    parser.set_defaults(run=_show_completion, output="human")


def _show_completion(arguments: argparse.Namespace) -> ExitCode:
    from argcomplete.shell_integration import shellcode

    sys.stdout.write(shellcode(["symbolon"], shell=arguments.shell))
    return ExitCode.YES
