"""The version of its format that every document of ours states, so that no reader has to guess.

A program reads the version that it knows and refuses every other one. A document without a version is refused
as well: none was ever released, and a guess would outlive its reason. Three things carry none:
the operator's environment, which the image's labels fix; the object `result`, whose shape is the codelab's;
and a `gs://` name.
"""

from __future__ import annotations

from attestation.errors import EvidenceRejected, Misconfigured, quoted
from attestation.strict_json import parse_json_object

OF_ONE_VERSION = "the owner's command and the broker have to be of one version of this program"


def check_format(
    found: object, *, known: int, what: str, hint: str, error: type[Misconfigured] = Misconfigured
) -> None:
    """`found`, which `what` states as its `format`, is the one that this program knows.

    >>> check_format(1, known=1, what="the terms", hint="")

    Raises:
        error: nothing is stated (`found` is None), or anything else.
    """
    if found is None:
        raise error(f"`format` is missing in {what}; this program reads {known} alone", hint=hint)
    # INVARIANT: `True == 1 == 1.0`, and neither of the others is a version.
    if type(found) is not int or found != known:
        raise error(
            f"`format` in {what} is {quoted(str(found))}; this program reads {known} alone", hint=hint
        )


def read_document(
    data: bytes,
    what: str,
    *,
    known: int,
    malformed: type[EvidenceRejected],
    unknown: type[Misconfigured],
    hint: str,
    most_bytes: int | None = None,
    repair: str = "",
) -> dict[str, object]:
    """The members of a document in JSON that states the format `known`; what they are is not looked at.

    `hint` is for whoever has one of another format, `repair` for whoever has one that cannot be read.

    Raises:
        malformed: it is larger than `most_bytes`, or no object of JSON.
        unknown: it is of another format.
    """
    if most_bytes is not None and len(data) > most_bytes:
        raise malformed(f"the {what} is larger than {most_bytes} bytes", hint=repair)
    try:
        document = parse_json_object(data, what=what)
    except EvidenceRejected as rejection:
        raise malformed(rejection.message, hint=repair) from None
    check_format(document.get("format"), known=known, what=f"the {what}", hint=hint, error=unknown)
    return document
