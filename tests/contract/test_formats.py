"""A document is read by its version, or refused with a sentence."""

from __future__ import annotations

import pytest

from attestation.errors import EvidenceRejected, Misconfigured
from contract.formats import check_format, read_document


def test_the_version_that_is_known_is_taken() -> None:
    check_format(2, known=2, what="the terms", hint="")


@pytest.mark.parametrize(
    ("found", "message"),
    [
        pytest.param(None, "`format` is missing in the terms; this program reads 1 alone", id="none"),
        pytest.param(2, "`format` in the terms is `2`; this program reads 1 alone", id="a later one"),
        pytest.param(0, "`format` in the terms is `0`; this program reads 1 alone", id="zero"),
        pytest.param(True, "`format` in the terms is `True`; this program reads 1 alone", id="true"),
        pytest.param(1.0, "`format` in the terms is `1.0`; this program reads 1 alone", id="a double"),
        pytest.param("1", "`format` in the terms is `1`; this program reads 1 alone", id="a text"),
    ],
)
def test_what_is_not_that_version_is_refused(found: object, message: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        check_format(found, known=1, what="the terms", hint="write `format = 1`")
    assert (refused.value.message, refused.value.hint) == (message, "write `format = 1`")


class PaperMalformed(EvidenceRejected):
    code = "paper-malformed"


class PaperUnknown(Misconfigured):
    code = "paper-unknown"


def read(data: bytes, most_bytes: int | None = 20) -> dict[str, object]:
    return read_document(
        data,
        "paper",
        known=2,
        malformed=PaperMalformed,
        unknown=PaperUnknown,
        hint="take the other program",
        most_bytes=most_bytes,
        repair="write it again",
    )


def test_a_document_of_the_version_that_is_known_is_read_whatever_it_holds() -> None:
    assert read(b'{"format":2,"a":true}', 21) == {"format": 2, "a": True}
    assert read(b'{"format":2,"a":true}', None) == {"format": 2, "a": True}


@pytest.mark.parametrize(
    ("data", "code", "message", "hint"),
    [
        (b'{"format":2,"a":true}', "paper-malformed", "the paper is larger than 20 bytes", "write it again"),
        (b"{", "paper-malformed", "the paper is not JSON", "write it again"),
        (
            b'{"format":1}',
            "paper-unknown",
            "`format` in the paper is `1`; this program reads 2 alone",
            "take the other program",
        ),
        (
            b"{}",
            "paper-unknown",
            "`format` is missing in the paper; this program reads 2 alone",
            "take the other program",
        ),
    ],
)
def test_any_other_document_is_refused_in_the_words_of_its_kind(
    data: bytes, code: str, message: str, hint: str
) -> None:
    with pytest.raises((PaperMalformed, PaperUnknown)) as refused:
        read(data)
    assert (refused.value.code, refused.value.message, refused.value.hint) == (code, message, hint)


def test_where_nothing_is_to_be_repaired_nothing_is_advised() -> None:
    with pytest.raises(PaperMalformed) as refused:
        read_document(b"{", "paper", known=2, malformed=PaperMalformed, unknown=PaperUnknown, hint="x")
    assert refused.value.hint == ""
