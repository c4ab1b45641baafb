"""What a person can type: every command, its options and its help, and which function answers it.

Nothing heavy is imported here, so that `symbolon --help` answers at once: a command's own module is
imported when the command runs.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from attestation.errors import ExitCode

from .parsers import Parser, add, add_group, add_output, show_usage
from .policy_arguments import add_auditor, add_owner

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
        "                                         admitted or not, and which clause says so\n\n"
        + _EXIT_CODES,
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
    _add_demo(commands)
    _add_emulator(commands)
    add_owner(commands)
    add_auditor(commands)
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


def _add_demo(commands: argparse._SubParsersAction[Parser]) -> None:
    parser = add(
        commands,
        "demo",
        "the whole story on this machine: a model runs for an operator who never holds it, "
        "and five attempts to cheat are refused",
        "  symbolon demo\n  symbolon demo --format json | jq .\n  symbolon demo --keep /tmp/story\n",
    )
    parser.add_argument(
        "--keep", metavar="DIR", type=Path, help="keep everything in DIR (new or empty), to look around in"
    )
    add_output(parser)
    parser.set_defaults(run=_demo)


def _demo(arguments: argparse.Namespace) -> ExitCode:
    from .demo.command import run_demo

    return run_demo(keep=arguments.keep, output=arguments.output)


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


def _add_emulator(commands: argparse._SubParsersAction[Parser]) -> None:
    emulator = add_group(commands, "emulator", "Google on localhost, for any client of your own")
    up = add(
        emulator,
        "up",
        "start the emulator, unless it runs, and show what a client needs to reach it",
        "  symbolon emulator up\n"
        "  symbolon emulator up --foreground          until Ctrl-C\n"
        '  eval "$(symbolon emulator env operator)"   this shell is the operator, and reaches nothing else\n',
    )
    up.add_argument("--foreground", action="store_true", help="stay until Ctrl-C")
    up.add_argument("--port", type=int, default=0, help="of the proxy on 127.0.0.1 (default: any)")
    up.set_defaults(run=_emulator_up)
    status = add(emulator, "status", "whether it runs: exit code 0 if so, 3 if not")
    status.set_defaults(run=_emulator_status)
    env = add(emulator, "env", "the lines for a shell that make it one party's, in front of the emulator")
    env.add_argument("party", choices=("owner", "operator"), nargs="?", default="owner")
    env.set_defaults(run=_emulator_env)
    down = add(emulator, "down", "stop it, if it runs; its state stays")
    down.set_defaults(run=_emulator_down)
    for parser in (up, status, env, down):
        parser.add_argument(
            "--state",
            metavar="DIR",
            type=Path,
            help="where it keeps everything (default: $XDG_STATE_HOME/symbolon/emulator)",
        )
        add_output(parser)


def _emulator_up(arguments: argparse.Namespace) -> ExitCode:
    from .emulator_command import up

    return up(arguments.state, port=arguments.port, foreground=arguments.foreground, output=arguments.output)


def _emulator_status(arguments: argparse.Namespace) -> ExitCode:
    from .emulator_command import status

    return status(arguments.state, output=arguments.output)


def _emulator_env(arguments: argparse.Namespace) -> ExitCode:
    from .emulator_command import show_environment

    return show_environment(arguments.state, party=arguments.party, output=arguments.output)


def _emulator_down(arguments: argparse.Namespace) -> ExitCode:
    from .emulator_command import down

    return down(arguments.state, output=arguments.output)
