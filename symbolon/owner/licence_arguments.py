"""What can be typed about licences and about the broker they are at: `symbolon owner licence …`."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from attestation.digests import parse_digest
from attestation.errors import ExitCode

from ..brokers import named_broker
from ..inputs import parse_time
from ..parsers import Parser, add, add_group, add_output, add_passphrase, typed

if TYPE_CHECKING:
    from .desk import Desk
    from .licence_selling import Bounds

_DAY_S = 86_400
_LASTS = re.compile(r"([1-9][0-9]{0,4})d", re.ASCII)
_VERSIONS = re.compile(r"([1-9][0-9]{0,8})(?:(-)([1-9][0-9]{0,8})?)?", re.ASCII)
_UNBOUND = ("ends_at", "runs", "pictures", "at_once", "policy")
_CODES = (
    "exit codes: 0 done, nothing to do, or an order waits for signatures · 4 the broker refuses\n"
    "            5 the broker cannot be reached · 7 no broker or no key is named\n"
)


def add_licence_commands(owner: argparse._SubParsersAction[Parser]) -> None:
    licence = add_group(owner, "licence", "what was sold: to whom, until when, how many runs and pictures")
    _add_issue(licence)
    _add_renew(licence)
    transfer = add(
        licence,
        "transfer",
        "give a licence to another holder, with what is left of it",
        "  symbolon owner licence transfer 1f… --to-project tertius\n\n" + _CODES,
    )
    _add_id(transfer)
    _add_holder(transfer)
    _add_folder(transfer)
    transfer.set_defaults(run=_transfer)
    revoke = add(
        licence,
        "revoke",
        "release nothing under a licence any more; what runs ends within its lease",
        "  symbolon owner licence revoke 1f…\n\n" + _CODES,
    )
    _add_id(revoke)
    revoke.set_defaults(run=_revoke)
    listing = add(
        licence,
        "list",
        "every licence that the broker has, with what is used of it",
        "  symbolon owner licence list\n"
        "  symbolon owner licence list --format json | jq '.licences[] | select(.state == \"holds\").id'\n",
    )
    listing.set_defaults(run=_list)
    show = add(
        licence,
        "show",
        "what a licence says, what is used of it, and its latest leases",
        "  symbolon owner licence show 1f…\n",
    )
    _add_id(show)
    show.set_defaults(run=_show)
    for parser in (transfer, revoke, listing, show):
        add_desk(parser)
        add_output(parser)
    verify = add(
        licence,
        "verify",
        "what the licence in a file says, and that the owner signed it; no broker is asked",
        "  symbolon owner licence verify licence-1f….json --signed-by owner-key.pem.pub\n\n"
        "exit codes: 0 signed by that key · 4 it is not, or is no licence\n",
    )
    verify.add_argument("file", metavar="FILE", type=Path, help="what `licence issue` has written")
    verify.add_argument(
        "--signed-by",
        metavar="FILE",
        type=Path,
        action="append",
        required=True,
        help="a public key of the owner's; several times: one of them has to sign",
    )
    add_output(verify)
    verify.set_defaults(run=_verify)


def add_desk(parser: Parser) -> None:
    """Which broker is meant, and which of the owner's keys signs; `symbolon.brokers` has what is not said."""
    broker = parser.add_argument_group(
        "the broker", "without these: `[broker]` of symbolon.toml, else `[release]` of terms.toml, both here"
    )
    broker.add_argument("--broker", metavar="URL|DIR", help="where it answers, or its own folder")
    add_broker_keys(broker)
    broker.add_argument("--key", metavar="FILE", type=Path, help="the key of `owner keys new` that signs")
    add_passphrase(broker)


def add_broker_keys(options: argparse._ActionsContainer) -> None:
    """The keys that a broker is known by, as `broker_key` and `pin`."""
    options.add_argument("--broker-key", metavar="KEY", help="its public key, as `broker init` prints it")
    options.add_argument(
        "--pin", metavar="SHA256", action="append", default=[], help="of its server's key; once or twice"
    )


def _add_issue(licence: argparse._SubParsersAction[Parser]) -> None:
    issue = add(
        licence,
        "issue",
        "sell the use of a model: the broker releases its key under this licence",
        "  symbolon owner licence issue --to-project secundus --image sha256:… --runs 100 --until 90d\n"
        "  symbolon owner licence issue --to-account run@secundus.iam.gserviceaccount.com \\\n"
        "      --policy current --pictures 1000000 --at-once 4 --until 2027-01-01T00:00:00Z\n"
        "  symbolon owner licence issue --to-project secundus --image sha256:…      for ever\n\n"
        "Its holder launches with the name that is printed, and gets the file: it finds their runs in the\n"
        "broker's log, and opens no model.\n\n" + _CODES,
    )
    issue.add_argument("--model", metavar="ID", help="the model's name (default: of the terms here)")
    _add_holder(issue)
    _add_bounds(issue, "what it allows; what is not said does not bind")
    issue.add_argument("--from", metavar="TIME", dest="starts_at", type=_time, help="(default: now)")
    issue.add_argument("--id", metavar="ID", help="its name, 32 hex digits, to run this again (default: new)")
    add_desk(issue)
    add_output(issue)
    issue.set_defaults(run=_issue)


def _add_renew(licence: argparse._SubParsersAction[Parser]) -> None:
    renew = add(
        licence,
        "renew",
        "change what a licence allows; what is used of it stays used",
        "  symbolon owner licence renew 1f… --until 90d\n"
        "  symbolon owner licence renew 1f… --runs 200             in all, those that are used included\n"
        "  symbolon owner licence renew 1f… --unbound runs\n"
        "  symbolon owner licence renew 1f… --image sha256:… --image sha256:…       these, and no others\n\n"
        + _CODES,
    )
    _add_id(renew)
    _add_bounds(renew, "what it allows from now on; what is not said stays as it is")
    renew.add_argument("--unbound", choices=_UNBOUND, action="append", default=[], help="this bound is to go")
    renew.add_argument("--reinstate", action="store_true", help="a revoked licence is to hold again")
    add_desk(renew)
    add_output(renew)
    renew.set_defaults(run=_renew)


def _add_id(parser: Parser) -> None:
    parser.add_argument("id", metavar="ID", help="the licence's name, 32 hex digits")


def _add_holder(parser: Parser) -> None:
    for name, metavar, says in (
        ("--to-account", "EMAIL", "a service account that machines run as; may be given several times"),
        ("--to-project", "PROJECT", "a project that machines run in; may be given several times"),
    ):
        parser.add_argument(name, metavar=metavar, action="append", default=[], help=says)


def _add_folder(parser: Parser) -> None:
    parser.add_argument(
        "--output",
        metavar="DIR",
        dest="folder",
        type=Path,
        default=Path(),
        help="where its file goes (default: here)",
    )


def _add_bounds(parser: Parser, title: str) -> None:
    bounds = parser.add_argument_group(title)
    bounds.add_argument(
        "--image",
        metavar="DIGEST",
        type=typed(parse_digest),
        action="append",
        default=[],
        help="an image that may run it; may be given several times",
    )
    bounds.add_argument(
        "--policy",
        metavar="DIGEST|current",
        type=_policy,
        help="it holds under this policy of the broker's alone",
    )
    bounds.add_argument("--versions", metavar="A-B", type=_versions, help="of the model: 3, 1-3 or 2-")
    bounds.add_argument(
        "--until", metavar="TIME", dest="ends_at", type=_until, help="a time, or days from now: 90d"
    )
    for name, says in (
        ("runs", "so many jobs are begun; one that is started again counts again"),
        ("pictures", "so many pictures in all"),
        ("at-once", "so many machines at a time"),
    ):
        bounds.add_argument(f"--{name}", metavar="N", type=_count, help=says)
    bounds.add_argument(
        "--lease",
        metavar="S",
        dest="lease_s",
        type=_count,
        help="seconds until a machine has to ask again, 60 to 86400: revoking takes effect within it"
        " (default: 3600)",
    )
    _add_folder(parser)


def _policy(text: str) -> str:
    return text if text == "current" else typed(parse_digest)(text)


def _versions(text: str) -> tuple[int, int | None]:
    match = _VERSIONS.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"`{text[:40]}` is neither a version, nor a range as 1-3 or 2-")
    first = int(match[1])
    return first, (first if match[2] is None else None if match[3] is None else int(match[3]))


def _time(text: str) -> int:
    return int(typed(parse_time)(text))


def _until(text: str) -> int:
    from ..policy_arguments import now

    lasts = _LASTS.fullmatch(text)
    return _time(text) if lasts is None else int(now().timestamp()) + int(lasts[1]) * _DAY_S


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > 15:
        raise argparse.ArgumentTypeError(f"`{text[:40]}` is no number")
    return int(text)


def _desk(arguments: argparse.Namespace) -> Desk:
    from .desk import open_desk

    return open_desk(named_broker(arguments))


def _bounds(arguments: argparse.Namespace) -> Bounds:
    from .licence_selling import Bounds

    return Bounds(
        model_id=getattr(arguments, "model", None),
        versions=arguments.versions,
        accounts=tuple(getattr(arguments, "to_account", ())),
        projects=tuple(getattr(arguments, "to_project", ())),
        images=tuple(arguments.image),
        policy=arguments.policy,
        starts_at=getattr(arguments, "starts_at", None),
        ends_at=arguments.ends_at,
        runs=arguments.runs,
        pictures=arguments.pictures,
        at_once=arguments.at_once,
        lease_s=arguments.lease_s,
        unbound=tuple(getattr(arguments, "unbound", ())),
    )


def _issue(arguments: argparse.Namespace) -> ExitCode:
    from .licence_selling import issue

    bounds = _bounds(arguments)
    return issue(_desk(arguments), bounds, id_=arguments.id, folder=arguments.folder, output=arguments.output)


def _renew(arguments: argparse.Namespace) -> ExitCode:
    from .licence_selling import renew

    return renew(
        _desk(arguments),
        arguments.id,
        _bounds(arguments),
        reinstate=arguments.reinstate,
        folder=arguments.folder,
        output=arguments.output,
    )


def _transfer(arguments: argparse.Namespace) -> ExitCode:
    from .licence_selling import transfer

    return transfer(
        _desk(arguments),
        arguments.id,
        accounts=tuple(arguments.to_account),
        projects=tuple(arguments.to_project),
        folder=arguments.folder,
        output=arguments.output,
    )


def _revoke(arguments: argparse.Namespace) -> ExitCode:
    from .licence_selling import revoke

    return revoke(_desk(arguments), arguments.id, output=arguments.output)


def _list(arguments: argparse.Namespace) -> ExitCode:
    from .licence_showing import list_licences

    return list_licences(_desk(arguments), output=arguments.output)


def _show(arguments: argparse.Namespace) -> ExitCode:
    from .licence_showing import show_licence

    return show_licence(_desk(arguments), arguments.id, output=arguments.output)


def _verify(arguments: argparse.Namespace) -> ExitCode:
    from .licence_showing import verify_licence

    return verify_licence(arguments.file, arguments.signed_by, output=arguments.output)
