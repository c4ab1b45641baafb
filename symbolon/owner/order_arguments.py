"""What can be typed to change what a broker holds: `symbolon owner order …` and `symbolon owner approve`."""

from __future__ import annotations

import argparse
from pathlib import Path

from attestation.errors import ExitCode

from ..brokers import named_broker
from ..parsers import Parser, add, add_group, add_output
from .licence_arguments import add_desk

_CODES = (
    "exit codes: 0 signed, done, or nothing to do · 3 not agreed to · 4 the broker refuses\n"
    "            5 the broker cannot be reached · 7 it is not for what stands now\n"
)


def add_order_commands(owner: argparse._SubParsersAction[Parser]) -> None:
    approve = add(
        owner,
        "approve",
        "show what an order would change, and sign it",
        "  symbolon owner approve order-policy-2.json --plan          shows it, signs nothing\n"
        "  symbolon owner approve order-policy-2.json                 shows it, asks, signs\n"
        "  symbolon owner approve order-policy-2.json --send          and has it done, if enough sign\n\n"
        + _CODES,
    )
    approve.add_argument("file", metavar="FILE", type=Path, help="what `symbolon owner order` has written")
    _add_signing(approve)
    approve.set_defaults(run=_approve)
    secret = add(
        owner,
        "log-secret",
        "what opens the owner's own entries of the broker's log: policies, templates, keys, models",
        "  symbolon owner log-secret secret\n"
        "  symbolon auditor log find https://broker.primus.example --pin 3f0c… --secret-file secret\n\n"
        "What concerns a licence opens by its own file: `auditor log find --secret-of licence-1f….json`.\n",
    )
    secret.add_argument("file", metavar="FILE", type=Path, help="where it goes; no file is overwritten")
    add_desk(secret)
    add_output(secret)
    secret.set_defaults(run=_log_secret)
    order = add_group(owner, "order", "ask for a change that several of the owner's keys approve")
    policy = _add_order(
        order,
        "policy",
        "the policy that the broker asks of each machine",
        "  symbolon owner order policy policy.toml\n  symbolon owner order policy provider.json --send\n",
    )
    policy.add_argument("policy", metavar="P", help="a policy file, or a provider as gcloud describes it")
    template = _add_order(
        order,
        "template",
        "within which bounds one key alone may sell: all templates, in one file",
        "  symbolon owner order template templates.toml\n",
    )
    template.add_argument("templates", metavar="F", help="TOML, a table a template; `-`: standard input")
    approvals = _add_order(
        order,
        "approvals",
        "the owner's keys, and how many of them have to sign",
        "  symbolon owner order approvals anna.pem.pub ben.pem.pub cleo.pem.pub --threshold 2\n",
    )
    approvals.add_argument(
        "keys", metavar="FILE", nargs="+", type=Path, help="a public key, as `owner keys new` writes it"
    )
    approvals.add_argument(
        "--threshold", metavar="N", type=int, required=True, help="so many of them have to sign"
    )
    master_key = _add_order(
        order,
        "master-key",
        "the key that wraps what the broker keeps; `symbolon broker rotate-master` names it",
        "  symbolon owner order master-key 3f0c…\n",
    )
    master_key.add_argument("name", metavar="KEY", help="as the broker names it")
    _add_order(
        order,
        "epoch",
        "begin anew after a restore that cannot be made whole: what was left of all licences is void",
        "  symbolon owner order epoch\n",
    )


def _add_order(order: argparse._SubParsersAction[Parser], name: str, says: str, examples: str) -> Parser:
    parser = add(
        order,
        name,
        says,
        f"{examples}\nThe order is written to order-{name}-N.json, for `symbolon owner approve`.\n\n{_CODES}",
    )
    parser.add_argument(
        "--output", metavar="FILE", dest="file", type=Path, help="where it goes (default: order-…-N.json)"
    )
    _add_signing(parser)
    parser.set_defaults(run=_order, type=name)
    return parser


def _add_signing(parser: Parser) -> None:
    parser.add_argument("--send", action="store_true", help="have it done, where enough have signed")
    parser.add_argument("--plan", action="store_true", help="show what would change, and sign nothing")
    parser.add_argument(
        "--yes", action="store_true", help="do not ask before signing: needed where there is no terminal"
    )
    add_desk(parser)
    add_output(parser)


def _approve(arguments: argparse.Namespace) -> ExitCode:
    from .approving import approve
    from .desk import open_desk

    return approve(
        open_desk(named_broker(arguments)),
        arguments.file,
        send=arguments.send,
        plan=arguments.plan,
        yes=arguments.yes,
        output=arguments.output,
    )


def _log_secret(arguments: argparse.Namespace) -> ExitCode:
    from .desk import open_desk
    from .log_secret import fetch_log_secret

    return fetch_log_secret(open_desk(named_broker(arguments)), arguments.file, output=arguments.output)


def _order(arguments: argparse.Namespace) -> ExitCode:
    from contract.orders import render_master_key

    from . import order_bodies
    from .approving import MakeBody, make_order
    from .desk import open_desk

    make: dict[str, MakeBody] = {
        "policy": lambda state: order_bodies.policy_body(arguments.policy),
        "template": lambda state: order_bodies.templates_body(arguments.templates),
        "approvals": lambda state: order_bodies.approvals_body(arguments.keys, arguments.threshold),
        "master-key": lambda state: render_master_key(arguments.name),
        "epoch": order_bodies.epoch_body,
    }
    return make_order(
        open_desk(named_broker(arguments)),
        arguments.type,
        make[arguments.type],
        file=arguments.file,
        send=arguments.send,
        plan=arguments.plan,
        yes=arguments.yes,
        output=arguments.output,
    )
