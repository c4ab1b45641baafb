"""What a person can type: every command, its options and its help, and which function answers it.

Nothing heavy is imported here, so that `symbolon --help` answers at once: a command's own module is
imported when the command runs.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from attestation.errors import ExitCode

_EXIT_CODES = """\
exit codes:
  0 yes · 1 bug · 2 usage · 3 answered no · 4 evidence rejected or denied
  5 unavailable, worth another try · 6 unknown · 7 misconfigured
"""


class _Parser(argparse.ArgumentParser):
    """A parser whose help keeps its line ends, and whose options are spelled out."""

    def __init__(self, **settings: Any) -> None:
        settings.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(allow_abbrev=False, **settings)


def make_parser() -> argparse.ArgumentParser:
    """The parser of the whole command; `run` of what it parses is the function to call with it."""
    parser = _Parser(
        prog="symbolon",
        description="A model runs for an operator who never holds it: Google Confidential Space, end to end.",
        epilog="examples:\n"
        "  symbolon demo                          the whole story on this machine\n"
        "  symbolon emulator up                   Google on localhost, for any client\n"
        "  symbolon owner policy build P.toml     condition, mapping and gcloud line of a policy\n"
        "  symbolon auditor explain --policy P.json --token T.jwt --jwks K.json\n"
        "                                         admitted or not, and which clause says so\n\n"
        + _EXIT_CODES,
    )
    parser.add_argument("--version", action="store_true", help="show the version")
    parser.add_argument("--explain", metavar="CODE", help="say what an error code means (`all`: list them)")
    parser.add_argument(
        "--traceback", action="store_true", help="show where a bug is (or SYMBOLON_TRACEBACK=1)"
    )
    _add_output(parser)
    parser.set_defaults(run=_answer_without_command, output="human", usage=parser.format_help)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=_Parser)
    _add_demo(commands)
    _add_emulator(commands)
    _add_owner(commands)
    _add_auditor(commands)
    return parser


def _add(commands: argparse._SubParsersAction[_Parser], name: str, says: str, examples: str = "") -> _Parser:
    """A command, or a word that commands stand under."""
    epilog = f"examples:\n{examples}" if examples else None
    parser = commands.add_parser(name, help=says, description=f"{says[0].upper()}{says[1:]}.", epilog=epilog)
    parser.set_defaults(usage=parser.format_help)
    return parser


def _add_output(parser: _Parser) -> None:
    parser.add_argument(
        "--format",
        dest="output",
        choices=("human", "json"),
        default=argparse.SUPPRESS,
        help="for a person (default) or for a program",
    )


def _add_group(
    commands: argparse._SubParsersAction[_Parser], name: str, says: str
) -> argparse._SubParsersAction[_Parser]:
    """A word that commands stand under; alone it shows them, as wrong usage."""
    parser = _add(commands, name, says)
    parser.set_defaults(run=_show_usage)
    return parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=_Parser)


def _show_usage(arguments: argparse.Namespace) -> ExitCode:
    sys.stderr.write(arguments.usage())
    return ExitCode.USAGE


def _answer_without_command(arguments: argparse.Namespace) -> ExitCode:
    if arguments.version:
        from importlib.metadata import version

        sys.stdout.write(f"symbolon {version('symbolon')}\n")
        return ExitCode.YES
    if arguments.explain:
        from .error_codes import explain_code

        return explain_code(arguments.explain, output=arguments.output)
    return _show_usage(arguments)


def _add_demo(commands: argparse._SubParsersAction[_Parser]) -> None:
    parser = _add(
        commands,
        "demo",
        "the whole story on this machine: a model runs for an operator who never holds it, "
        "and five attempts to cheat are refused",
        "  symbolon demo\n  symbolon demo --format json | jq .\n  symbolon demo --keep /tmp/story\n",
    )
    parser.add_argument(
        "--keep", metavar="DIR", type=Path, help="keep everything in DIR (new or empty), to look around in"
    )
    _add_output(parser)
    parser.set_defaults(run=_demo)


def _demo(arguments: argparse.Namespace) -> ExitCode:
    from .demo.command import run_demo

    return run_demo(keep=arguments.keep, output=arguments.output)


def _add_emulator(commands: argparse._SubParsersAction[_Parser]) -> None:
    emulator = _add_group(commands, "emulator", "Google on localhost, for any client of your own")
    up = _add(
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
    status = _add(emulator, "status", "whether it runs: exit code 0 if so, 3 if not")
    status.set_defaults(run=_emulator_status)
    env = _add(emulator, "env", "the lines for a shell that make it one party's, in front of the emulator")
    env.add_argument("party", choices=("owner", "operator"), nargs="?", default="owner")
    env.set_defaults(run=_emulator_env)
    down = _add(emulator, "down", "stop it, if it runs; its state stays")
    down.set_defaults(run=_emulator_down)
    for parser in (up, status, env, down):
        parser.add_argument(
            "--state",
            metavar="DIR",
            type=Path,
            help="where it keeps everything (default: $XDG_STATE_HOME/symbolon/emulator)",
        )
        _add_output(parser)


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


def _add_owner(commands: argparse._SubParsersAction[_Parser]) -> None:
    owner = _add_group(commands, "owner", "for whoever has the model")
    policy = _add_group(owner, "policy", "what the owner asks of a token")
    build = _add(
        policy,
        "build",
        "the attribute condition, the mapping and the gcloud line of a policy file",
        "  symbolon owner policy build policy.toml\n"
        "  symbolon owner policy build policy.toml --format json | jq -r .condition > policy.cel\n",
    )
    build.add_argument("policy", metavar="P", help="the policy file (TOML); `-`: standard input")
    _add_output(build)
    build.set_defaults(run=_build_policy)


def _build_policy(arguments: argparse.Namespace) -> ExitCode:
    from .owner import build_policy

    return build_policy(policy=arguments.policy, output=arguments.output)


def _add_auditor(commands: argparse._SubParsersAction[_Parser]) -> None:
    auditor = _add_group(commands, "auditor", "for whoever trusts neither")
    explain = _add(
        auditor,
        "explain",
        "whether a policy admits a token, and what each clause of it says",
        "  symbolon auditor explain --policy provider.json --token token.jwt --jwks keys.json\n"
        "  symbolon auditor explain --policy policy.toml --token token.jwt --root root.pem --at 1757060250\n"
        "  symbolon auditor explain --policy condition.cel --token claims.json --unsafe-unverified\n\n"
        "exit codes: 0 admit · 3 deny · 4 the token itself is rejected\n",
    )
    explain.add_argument(
        "--policy",
        metavar="P",
        required=True,
        help="a policy file (TOML), a condition (.cel), or the JSON that "
        "`gcloud iam workload-identity-pools providers describe --format=json` prints",
    )
    explain.add_argument(
        "--token", metavar="T", required=True, help="a token, or its claims as JSON with --unsafe-unverified"
    )
    believed = explain.add_mutually_exclusive_group(required=True)
    believed.add_argument("--jwks", metavar="F", help="verify it with the issuer's key set of that day")
    believed.add_argument("--root", metavar="F", help="verify its certificates with this root (PEM)")
    believed.add_argument(
        "--unsafe-unverified", action="store_true", help="verify nothing: what if these were the claims?"
    )
    explain.add_argument(
        "--at", metavar="TIME", help="when: seconds since the epoch, or RFC 3339 (default: now)"
    )
    _add_output(explain)
    explain.set_defaults(run=_explain_token)


def _explain_token(arguments: argparse.Namespace) -> ExitCode:
    from .auditor import explain_token

    return explain_token(
        policy=arguments.policy,
        token=arguments.token,
        jwks=arguments.jwks,
        root=arguments.root,
        at=arguments.at,
        output=arguments.output,
    )
