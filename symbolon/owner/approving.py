"""What `symbolon owner approve` and `owner order …` do: what would change is shown, and signed.

owner order …        made for what stands now, signed by one key  →  order-TYPE-N.json
owner approve FILE   shown against what stands now, signed by the next key
--send               and done, once as many have signed as it needs
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from attestation.digests import Digest
from attestation.errors import ExitCode, Misconfigured
from contract.cosigned import signers
from contract.dsse import public_key_of
from contract.orders import OrderDocument, Type, parse_epoch, sign_document

from ..inputs import WrongUsage
from ..rendering import Styled, console, print_json
from .changes import changes, changes_document
from .desk import Desk, State
from .ordering import Outcome, check_for, needed_for, read_order, send_or_keep, tell

MakeBody = Callable[[State], bytes]


def approve(desk: Desk, file: Path, *, send: bool, plan: bool, yes: bool, output: str) -> ExitCode:
    """The order in the file has the desk's signature too; where it is `send`, and has enough, it is done.

    Raises:
        OrderMalformed, OrderFormatUnknown: the file has none.
        Misconfigured: it is for another broker, or not for what stands now.
        WrongUsage: nobody is at a terminal, and it is not `yes`.
        BrokerRefused, BrokerUnreachable: see there.
    """
    document = read_order(file)
    check_for(document, desk)
    state = desk.state()
    order = document.order
    if send and order.sequence < state.following[order.type] and not plan:
        said = desk.send(document)  # which was done already, or is refused
        outcome = Outcome(order=document, signed=len(document.signed.signatures), needed=0, said=said)
        return tell(outcome, _rows(document), output=output, **changes_document(document))
    _check_stands(document, state)
    return _sign(desk, document, state, file=file, send=send, plan=plan, yes=yes, output=output)


def make_order(
    desk: Desk,
    type_: Type,
    make: MakeBody,
    *,
    file: Path | None,
    send: bool,
    plan: bool,
    yes: bool,
    output: str,
) -> ExitCode:
    """An order of that type, for what stands now, is in its file, signed by the desk's key, or is done.

    Raises:
        Misconfigured: the body cannot be made.
        WrongUsage: nobody is at a terminal, and it is not `yes`.
        BrokerRefused, BrokerUnreachable: see there.
    """
    state = desk.state()
    body = make(state)
    if state.documents.get(type_) == body:
        if output == "json":
            print_json({"order": None, "done": True})
        else:
            console().print("nothing to do: that is what stands")
        return ExitCode.YES
    document = desk.make(type_, body, state=state, old=state.digest(type_))
    return _sign(desk, document, state, file=file, send=send, plan=plan, yes=yes, output=output)


def _sign(
    desk: Desk,
    document: OrderDocument,
    state: State,
    *,
    file: Path | None,
    send: bool,
    plan: bool,
    yes: bool,
    output: str,
) -> ExitCode:
    signers(document.signed, state.approvals.keys)  # nobody signs beside a stranger
    lines = changes(document, state, desk)
    if output == "human":
        _show(document, lines, own=public_key_of(desk.key).key_id)
    needed = needed_for(document, state, now=desk.at)
    if plan:
        if output == "human":
            console().print("nothing was signed: this is the plan")
            return ExitCode.YES
        outcome = Outcome(order=document, signed=0, needed=needed)
        return tell(outcome, (), output=output, **changes_document(document))
    if not yes and not _agreed(is_shown=output == "human"):
        console().print("nothing was signed")
        return ExitCode.ANSWERED_NO
    signed = sign_document(document, desk.key)
    outcome = send_or_keep(desk, signed, state, sends=send, file=file)
    return tell(outcome, (), output=output, **changes_document(document))


def _check_stands(document: OrderDocument, state: State) -> None:
    order = document.order
    stands = (state.epoch, state.following[order.type])
    is_document = order.type not in ("licence", "revoke", "model")
    if (order.epoch, order.sequence) != stands or (is_document and order.old != state.digest(order.type)):
        raise Misconfigured(
            f"the order is number {order.sequence} of its type in epoch {order.epoch}, and what stands is"
            f" another: the next is {stands[1]} in epoch {stands[0]}",
            hint="another order came before it: make it anew, and have it signed anew",
        )
    if order.type == "epoch" and parse_epoch(document.body).restored != state.restored:
        raise Misconfigured(
            "the epoch was ordered after another restore than the one that the broker waits after",
            hint="make it anew: symbolon owner order epoch",
        )


def _show(document: OrderDocument, lines: list[Styled], *, own: Digest) -> None:
    terminal = console()
    order = document.order
    terminal.print(f"order {order.sequence} of the type {order.type}, in epoch {order.epoch}")
    for line in lines:
        terminal.print(line)
    terminal.print(f"what is signed has the digest {order.new}")
    for each in document.signed.signatures:
        if each.key_id != own:
            terminal.print(f"signed by {each.key_id}")


def _rows(document: OrderDocument) -> list[tuple[str, str]]:
    order = document.order
    return [("order", f"{order.sequence} of the type {order.type}, in epoch {order.epoch}")]


def _agreed(*, is_shown: bool) -> bool:
    """Whether whoever sits at the terminal says so, of what they were shown.

    Raises:
        WrongUsage: nobody is there to be shown it, or to be asked.
    """
    if not (is_shown and sys.stdin.isatty() and sys.stdout.isatty()):
        raise WrongUsage(
            "nothing was signed: nobody is at a terminal who could be asked",
            hint="look at it with --plan, then sign it with --yes",
        )
    return input("sign this? [y/N] ").strip().lower() in ("y", "yes")
