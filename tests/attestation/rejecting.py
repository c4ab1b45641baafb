"""Tables of what is rejected: a sentence, what is tried, and the class that says why it is rejected."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias, TypeVar

import pytest

from attestation.errors import EvidenceRejected

T = TypeVar("T")
Rejected: TypeAlias = Sequence[tuple[str, T, type[EvidenceRejected]]]


def each_of(table: Rejected[T]) -> pytest.MarkDecorator:
    """A test is run with each row's `attempt` and `rejection`, and is called by its sentence."""
    rows = [pytest.param(attempt, rejection, id=sentence) for sentence, attempt, rejection in table]
    return pytest.mark.parametrize(("attempt", "rejection"), rows)


@contextmanager
def rejected_as(rejection: type[EvidenceRejected]) -> Iterator[None]:
    """What is done within is rejected by this very class, and in one short line."""
    with pytest.raises(EvidenceRejected, match=r"^[^\n]{1,400}$") as caught:
        yield
    assert type(caught.value) is rejection
