"""What can be typed after `provision` of either party alike: what is to be done with the plan."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from .parsers import Parser, refuse_usage

if TYPE_CHECKING:
    from .provisioning import Choice

CODES = (
    "exit codes: 0 shown or done · 4 something is denied, with the line that grants it\n"
    "  5 Google does not answer: the same command goes on later\n"
    "  7 it cannot be done as a whole, or the plan is stale\n"
)


def add_modes(parser: Parser) -> None:
    """The flags that say what is to be done."""
    parser.add_argument("--plan", action="store_true", help="show what would be done, alone (default)")
    parser.add_argument(
        "--apply",
        metavar="PLAN",
        nargs="?",
        const="",
        help="do it; with PLAN, only what that file shows",
    )
    parser.add_argument(
        "--destroy",
        action="store_true",
        help="delete the resources that this command made, in reverse; with --plan, only show them",
    )
    parser.add_argument(
        "--output", dest="save", metavar="FILE", type=Path, help="write the plan into FILE as well"
    )
    parser.add_argument(
        "--print",
        dest="printing",
        choices=("gcloud", "terraform"),
        help="the plan as gcloud commands for a shell, or the wanted resources as Terraform's JSON",
    )
    parser.add_argument(
        "--with-contents",
        action="store_true",
        help="with --destroy: delete full buckets and repositories too, and a key's versions, for ever",
    )
    parser.add_argument("--yes", action="store_true", help="with --destroy: do not ask")


def is_wrong(arguments: argparse.Namespace) -> bool:
    """Whether two things were asked for at once; then that and the usage have been shown."""
    says = _contradiction(arguments)
    if says:
        refuse_usage(arguments, says)
    return bool(says)


def _contradiction(arguments: argparse.Namespace) -> str:
    """What was asked for that cannot be had together; "" where all can be."""
    applies, destroys = arguments.apply is not None, arguments.destroy
    acts = applies or (destroys and not arguments.plan)
    if applies and destroys:
        return "--apply makes and --destroy deletes: say one of them"
    if applies and arguments.plan:
        return "--plan shows and --apply does: say one of them"
    if acts and arguments.save:
        return "--output writes a plan down, which is then applied: leave out what does it now"
    if applies and arguments.printing:
        return "--print shows the plan and --apply does it: say one of them"
    if not destroys and arguments.with_contents:
        return "--with-contents belongs to --destroy"
    if not destroys and arguments.yes:
        return "--yes belongs to --destroy: nothing else asks"
    if destroys and arguments.printing == "terraform":
        return "Terraform's JSON says what is wanted, not what is deleted: --print gcloud does"
    return ""


def choice_of(arguments: argparse.Namespace) -> Choice:
    """What was asked for."""
    from .provisioning import Choice

    return Choice(
        mode="destroy" if arguments.destroy else "plan" if arguments.apply is None else "apply",
        only_show=arguments.plan,
        plan_file=arguments.apply or None,
        save=arguments.save,
        printing=arguments.printing,
        with_contents=arguments.with_contents,
        yes=arguments.yes,
        output=getattr(arguments, "output", "human"),
    )
