"""Each cause of a rejection has a name that reports and programs know it by."""

from __future__ import annotations

import re

import pytest

from attestation import rejections
from attestation.errors import EvidenceRejected, ExitCode

CLASSES = [
    each
    for each in vars(rejections).values()
    if isinstance(each, type) and issubclass(each, EvidenceRejected) and each is not EvidenceRejected
]


@pytest.mark.parametrize("rejection", CLASSES)
def test_a_code_is_the_name_of_its_class_in_small_letters(
    rejection: type[EvidenceRejected],
) -> None:
    assert rejection.code == re.sub(r"(?<=.)(?=[A-Z])", "-", rejection.__name__).lower()
    assert rejection.exit_code is ExitCode.REFUSED


def test_no_two_causes_have_one_code() -> None:
    assert len({each.code for each in CLASSES}) == len(CLASSES)
