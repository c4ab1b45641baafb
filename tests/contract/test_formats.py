"""A document is read by its version, or refused with a sentence."""

from __future__ import annotations

import pytest

from attestation.errors import Misconfigured
from contract.formats import check_format


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
