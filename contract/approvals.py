"""Whose signatures an order needs: an owner's keys, and how many of them. The body of an `approvals` order.

    {"format": 1, "keys": [base64 of a public key, …], "threshold": 2}

The keys are sorted, each stands once, and the threshold is between one and their number. It has one text,
RFC 8785's.
"""

from __future__ import annotations

from dataclasses import dataclass

from attestation.errors import EvidenceRejected, Misconfigured

from . import members
from .canonical import render_canonical
from .cosigned import MOST_SIGNATURES
from .dsse import PublicKey, parse_public_key
from .formats import OF_ONE_VERSION, read_document

FORMAT = 1


class ApprovalsMalformed(EvidenceRejected):
    """It is no list of an owner's keys as this program writes one."""

    code = "approvals-malformed"


class ApprovalsFormatUnknown(Misconfigured):
    """It is such a list of another format."""

    code = "approvals-format-unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approvals:
    """The keys of an owner that may sign orders, and how many have to sign those that need more than one."""

    keys: tuple[PublicKey, ...]
    threshold: int


def make_approvals(keys: tuple[PublicKey, ...], threshold: int) -> Approvals:
    """The list, in its one order.

    Raises:
        Misconfigured: a key stands twice, there are none or too many, or no order could have so many.
    """
    texts = [each.text for each in keys]
    if len(set(texts)) < len(texts):
        raise Misconfigured("a key stands twice in the list", hint="name each key once")
    if not 0 < len(keys) <= MOST_SIGNATURES:
        raise Misconfigured(
            f"{len(keys)} keys are to approve, of 1 to {MOST_SIGNATURES}", hint="name so many keys"
        )
    if not 0 < threshold <= len(keys):
        raise Misconfigured(
            f"{threshold} of {len(keys)} keys are to sign", hint="take a threshold from 1 to their number"
        )
    return Approvals(keys=tuple(sorted(keys, key=lambda each: each.text)), threshold=threshold)


def render_approvals(approvals: Approvals) -> bytes:
    """The list's one text."""
    keys = sorted(each.text for each in approvals.keys)
    return render_canonical({"format": FORMAT, "keys": keys, "threshold": approvals.threshold})


def parse_approvals(body: bytes) -> Approvals:
    """What `render_approvals` wrote.

    Raises:
        ApprovalsFormatUnknown: it is of another format.
        ApprovalsMalformed: it is anything else.
    """
    document = read_document(
        body,
        "list of keys",
        known=FORMAT,
        malformed=ApprovalsMalformed,
        unknown=ApprovalsFormatUnknown,
        hint=OF_ONE_VERSION,
    )
    try:
        listed, threshold = document["keys"], document["threshold"]
        if not isinstance(listed, list) or type(threshold) is not int:
            raise TypeError
        keys = tuple(parse_public_key(members.text(each), where="a key of the list") for each in listed)
        approvals = make_approvals(keys, threshold)
    except (LookupError, TypeError, Misconfigured):
        raise _malformed() from None
    if render_approvals(approvals) != body:
        raise _malformed()
    return approvals


def _malformed() -> ApprovalsMalformed:
    return ApprovalsMalformed(
        "the list of keys is not as this program writes it", hint="make it: `symbolon owner order approvals`"
    )
