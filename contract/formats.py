"""The version of its format that every document of ours states, so that no reader has to guess.

A program reads the version that it knows and refuses every other one. A document without a version is refused
as well: none was ever released, and a guess would outlive its reason. Three things carry none:
the operator's environment, which the image's labels fix; the object `result`, whose shape is the codelab's;
and a `gs://` name.
"""

from __future__ import annotations

from attestation.errors import Misconfigured, quoted


def check_format(found: object, *, known: int, what: str, hint: str) -> None:
    """`found`, which `what` states as its `format`, is the one that this program knows.

    >>> check_format(1, known=1, what="the terms", hint="")

    Raises:
        Misconfigured: nothing is stated (`found` is None), or anything else.
    """
    if found is None:
        raise Misconfigured(f"`format` is missing in {what}; this program reads {known} alone", hint=hint)
    # INVARIANT: `True == 1 == 1.0`, and neither of the others is a version.
    if type(found) is not int or found != known:
        raise Misconfigured(
            f"`format` in {what} is {quoted(str(found))}; this program reads {known} alone", hint=hint
        )
