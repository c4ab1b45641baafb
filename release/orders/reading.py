"""What an order's body is read as, and refused as a call that cannot be read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from attestation.errors import SymbolonError
from contract.release_refusals import REFUSALS, BrokerRefused

T = TypeVar("T")


def read_body(read: Callable[[bytes], T], body: bytes) -> T:
    """What `read` makes of the body.

    Raises:
        BrokerRefused: `request-malformed`, in its words.
    """
    try:
        return read(body)
    except BrokerRefused:
        raise
    except SymbolonError as malformed:
        raise REFUSALS["request-malformed"].error(malformed.message, malformed.hint) from None
