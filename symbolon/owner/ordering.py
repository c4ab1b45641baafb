"""An order on its way: sent where it has signatures enough, else left in a file for the next to sign.

symbolon owner approve FILE          whoever signs next
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attestation.errors import ExitCode, Misconfigured, quoted
from contract.cosigned import signers
from contract.licence import unsafe_read_licence
from contract.licence_templates import template_of
from contract.orders import OrderDocument, parse_document, render_document

from .. import whole_files
from ..inputs import read_bytes
from ..rendering import columns, console, print_json, printable_lines
from .desk import Desk, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of an order: `said` is the broker's answer where it was sent; else `file` waits."""

    order: OrderDocument
    signed: int
    needed: int
    said: dict[str, Any] | None = None
    file: Path | None = None


def needed_for(document: OrderDocument, state: State, *, now: int) -> int:
    """How many keys have to sign it, as the broker will find."""
    type_ = document.order.type
    if type_ in ("revoke", "model"):
        return 1
    if type_ == "licence":
        licence = unsafe_read_licence(document.body)
        if template_of(licence, state.templates, now=now) is not None:
            return 1
    return state.approvals.threshold


def order_file(document: OrderDocument) -> Path:
    """What the file of an order that waits is called."""
    order = document.order
    return Path(f"order-{order.type}-{order.sequence}.json")


def send_or_keep(
    desk: Desk, document: OrderDocument, state: State, *, sends: bool = True, file: Path | None = None
) -> Outcome:
    """The order is done, where it `sends` and enough keys sign; else it lies in the file.

    Raises:
        SignatureRejected: a key signs it that is not on the list.
        Misconfigured: the file cannot be written.
        BrokerRefused, BrokerUnreachable: see there.
    """
    needed = needed_for(document, state, now=desk.at)
    signed = len(signers(document.signed, state.approvals.keys))
    if sends and signed >= needed:
        said = desk.send(document)
        return Outcome(order=document, signed=signed, needed=needed, said=said)
    file = file or order_file(document)
    whole_files.write(file.parent, {file.name: render_document(document).decode()})
    return Outcome(order=document, signed=signed, needed=needed, file=file)


def read_order(file: Path) -> OrderDocument:
    """The order in the file.

    Raises:
        Misconfigured: it cannot be read.
        OrderMalformed, OrderFormatUnknown: it is none.
    """
    return parse_document(read_bytes(str(file), what="order"))


def check_for(document: OrderDocument, desk: Desk) -> None:
    """The order is for the desk's broker.

    Raises:
        Misconfigured: it is for another.
    """
    if document.order.broker != desk.broker.key.key_id:
        raise Misconfigured(
            f"the order is for the broker {quoted(document.order.broker)}, and another one is named",
            hint="name the one that it is for: --broker",
        )


def tell(outcome: Outcome, rows: Sequence[tuple[str, str]], *, output: str, **more: object) -> ExitCode:
    """The order and its outcome stand on standard output."""
    order = outcome.order.order
    if output == "json":
        print_json(
            {
                **more,
                "order": {"type": order.type, "sequence": order.sequence, "old": order.old, "new": order.new},
                "signed": outcome.signed,
                "needed": outcome.needed,
                "done": outcome.said is not None,
                "index": None if outcome.said is None else int(outcome.said["index"]),
                "proved": outcome.said is not None and outcome.said.get("logged") is not None,
                "file": None if outcome.file is None else str(outcome.file),
            }
        )
        return ExitCode.YES
    terminal = console()
    if rows:
        terminal.print(printable_lines(columns(rows)))
    if outcome.said is not None:
        proved = ", proved by a signed checkpoint" if outcome.said.get("logged") is not None else ""
        index = outcome.said["index"]
        terminal.print(printable_lines(f"done: entry {index} of the broker's log has it{proved}"))
        return ExitCode.YES
    left = outcome.needed - outcome.signed
    if left > 0:
        terminal.print(
            printable_lines(
                f"{outcome.signed} of {outcome.needed} signatures: {outcome.file} waits for {left} more"
            )
        )
        terminal.print(printable_lines(f"next: symbolon owner approve {outcome.file} --key FILE --send"))
    else:
        terminal.print(printable_lines(f"{outcome.file} has the {outcome.needed} signatures that it needs"))
        terminal.print(printable_lines(f"next: symbolon owner approve {outcome.file} --send"))
    return ExitCode.YES
