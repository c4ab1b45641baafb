"""`claim.json`: which start of which instance writes into a job's folder now.

    {"format": 1, "instance_id": "7845806077543069124", "start_id": "…", "renewals": "12"}

It is changed by preconditions on its generation alone, so two starts never both hold it. Each renewal is
another content, by its counter: whoever finds the one it tried to write has written it, though the answer
was lost.
"""

from __future__ import annotations

from dataclasses import dataclass

from attestation.errors import EvidenceRejected, Misconfigured
from attestation.strict_json import parse_json_object

from .canonical import decimal, parse_decimal, render_canonical
from .formats import check_format

FORMAT = 1
NAME = "claim.json"
RENEWED_EVERY_S = 30.0
ABANDONED_AFTER_S = 120.0
"""Another instance takes over what was not renewed for so long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """`instance_id` is the VM's, `start_id` random for each start of the program."""

    instance_id: str
    start_id: str
    renewals: int = 0


def render_claim(claim: Claim) -> bytes:
    """The content of `claim.json`."""
    said = {
        "format": FORMAT,
        "instance_id": claim.instance_id,
        "start_id": claim.start_id,
        "renewals": decimal(claim.renewals),
    }
    return render_canonical(said) + b"\n"


def parse_claim(data: bytes, *, hint: str) -> Claim:
    """What `render_claim` wrote; `hint` says what to do about anything else.

    Raises:
        Misconfigured: its format is not known, or it is no such document.
    """
    try:
        document = parse_json_object(data, what=NAME)
        check_format(document.get("format"), known=FORMAT, what=f"`{NAME}`", hint=hint)
        instance_id, start_id = document["instance_id"], document["start_id"]
        if not isinstance(instance_id, str) or not isinstance(start_id, str):
            raise TypeError
        return Claim(instance_id=instance_id, start_id=start_id, renewals=parse_decimal(document["renewals"]))
    except (EvidenceRejected, LookupError, TypeError, ValueError):
        raise Misconfigured(f"`{NAME}` is not as this program writes it", hint=hint) from None
