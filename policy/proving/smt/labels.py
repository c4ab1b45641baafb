"""How people know the claims that an assumption is about."""

from __future__ import annotations


def label_of(path: str) -> str:
    """How people know a claim: `assertion.` goes without saying.

    >>> label_of("assertion.submods.gce.zone")
    'submods.gce.zone'
    """
    return path.removeprefix("assertion.")


def generic(label: str) -> str:
    """One name for all elements of a list: `x[0]` and `x[1]` are `x[]`."""
    start, bracket, rest = label.partition("[")
    if not bracket:
        return label.split("|", 1)[0] if "|" in label else label
    tail = rest.partition("]")[2].lstrip("[]")
    return f"{start.split('|', 1)[0]}[]{tail}"
