"""What can be typed after `symbolon emulator`."""

from __future__ import annotations

import argparse
from pathlib import Path

from attestation.errors import ExitCode

from ..parsers import Parser, add, add_group, add_output


def add_emulator(commands: argparse._SubParsersAction[Parser], says: str) -> None:
    emulator = add_group(commands, "emulator", says)
    up = add(
        emulator,
        "up",
        "start the emulator, unless it runs, and say how a shell reaches it",
        "  symbolon emulator up\n"
        "  symbolon emulator up --foreground          until Ctrl-C\n"
        "  symbolon emulator up --ui                  and a link, which opens once, to a page of it\n"
        '  eval "$(symbolon emulator env operator)"   this shell is the operator, and reaches nothing else\n',
    )
    up.add_argument("--foreground", action="store_true", help="stay until Ctrl-C")
    up.add_argument("--port", type=int, default=0, help="of the proxy on 127.0.0.1 (default: any)")
    up.add_argument(
        "--route",
        type=_route,
        action="append",
        default=[],
        metavar="NAME=127.0.0.1:PORT",
        help="tunnel that host's name to a server of your own, unopened; may be given several times",
    )
    up.add_argument(
        "--whole-images",
        action="store_true",
        help="run an image from its own root file system, by runc, as root",
    )
    up.add_argument(
        "--ui",
        action="store_true",
        help="a page for a browser on this machine: parties, runs, decisions and the audit log, live",
    )
    up.set_defaults(run=_emulator_up)
    status = add(emulator, "status", "whether it runs: exit code 0 if so, 3 if not")
    status.set_defaults(run=_emulator_status)
    env = add(
        emulator,
        "env",
        "the lines for a shell that make it one party's, and log gcloud and gsutil in",
        '  eval "$(symbolon emulator env operator)"\n  symbolon emulator env auditor --shell fish | source\n',
    )
    env.add_argument("party", choices=("owner", "operator", "auditor"), nargs="?", default="owner")
    env.add_argument(
        "--shell",
        choices=("sh", "bash", "zsh", "fish"),
        default="sh",
        help="whose words to use (default: sh)",
    )
    env.set_defaults(run=_emulator_env)
    down = add(emulator, "down", "stop it, if it runs; its state stays")
    down.set_defaults(run=_emulator_down)
    audit = add_group(emulator, "audit", "what the emulator decided, line by line")
    verify = add(
        audit,
        "verify",
        "whether the audit log is whole: no line dropped, moved, edited or cut off",
        "  symbolon emulator audit verify\n"
        "  symbolon emulator audit verify --head kept.head      and goes on from where it was then\n\n"
        "exit codes: 0 it is whole · 4 it is not\n",
    )
    verify.add_argument(
        "--head", metavar="H", help="an earlier `audit.head`, kept where the writer of the log cannot write"
    )
    verify.set_defaults(run=_audit_verify)
    for parser in (up, status, env, down, verify):
        parser.add_argument(
            "--state",
            metavar="DIR",
            type=Path,
            help="where it keeps everything (default: $XDG_STATE_HOME/symbolon/emulator)",
        )
        add_output(parser)


def _emulator_up(arguments: argparse.Namespace) -> ExitCode:
    from .command import up

    return up(
        arguments.state,
        port=arguments.port,
        routes=dict(arguments.route),
        whole_images=arguments.whole_images,
        foreground=arguments.foreground,
        with_page=arguments.ui,
        output=arguments.output,
    )


def _route(text: str) -> tuple[str, int]:
    from emulator.address import parse_route

    return parse_route(text)


def _emulator_status(arguments: argparse.Namespace) -> ExitCode:
    from .command import status

    return status(arguments.state, output=arguments.output)


def _emulator_env(arguments: argparse.Namespace) -> ExitCode:
    from .command import show_environment

    return show_environment(
        arguments.state, party=arguments.party, shell=arguments.shell, output=arguments.output
    )


def _emulator_down(arguments: argparse.Namespace) -> ExitCode:
    from .command import down

    return down(arguments.state, output=arguments.output)


def _audit_verify(arguments: argparse.Namespace) -> ExitCode:
    from .audit import verify_audit_log

    return verify_audit_log(arguments.state, head=arguments.head, output=arguments.output)
