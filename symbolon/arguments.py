"""What a person can type: each folder here adds its own commands, with `arguments` beside their answers.

Nothing heavy is imported by any `arguments`, so that `symbolon --help` answers at once: a command's own
module is imported when the command runs.
"""

from __future__ import annotations

import argparse
import sys

from attestation.errors import ExitCode

from .auditor.arguments import add_auditor
from .broker.arguments import add_broker
from .demo.arguments import add_demo
from .doctor.arguments import add_doctor
from .emulator.arguments import add_emulator
from .operator.arguments import add_operator
from .owner.arguments import add_owner
from .parsers import Parser, add, add_output, show_usage

_EXIT_CODES = """\
exit codes:
  0 yes · 1 bug · 2 usage · 3 answered no · 4 evidence rejected or denied
  5 unavailable, worth another try · 6 unknown · 7 misconfigured
"""


def make_parser() -> argparse.ArgumentParser:
    """The parser of the whole command; `run` of what it parses is the function to call with it."""
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
    add_demo(commands)
    add_emulator(commands)
    add_owner(commands)
    add_operator(commands)
    add_auditor(commands)
    add_broker(commands)
    add_doctor(commands)
    _add_completion(commands)
    return parser


def _answer_without_command(arguments: argparse.Namespace) -> ExitCode:
    if arguments.version:
        from importlib.metadata import version

        sys.stdout.write(f"symbolon {version('symbolon')}\n")
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
