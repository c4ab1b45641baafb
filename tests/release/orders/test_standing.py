"""What stands is what was put there last, and without a list of keys nobody orders anything."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from attestation.digests import digest_of
from attestation.errors import Misconfigured
from release.orders.standing import (
    approvals_of,
    epoch_of,
    next_sequence,
    replace_standing,
    standing,
    templates_of,
)
from release.store.engine import reading, writing


def test_a_document_replaces_the_one_of_its_kind(engine: Engine) -> None:
    with writing(engine) as connection:
        assert standing(connection, "policy") is None
        for body in (b"one", b"two"):
            replace_standing(connection, "policy", body)
            found = standing(connection, "policy")
            assert found is not None
            assert (found.digest, found.body) == (digest_of(body), body)


def test_a_broker_that_was_never_set_up_has_no_owner(engine: Engine) -> None:
    with reading(engine) as connection:
        assert (epoch_of(connection), templates_of(connection), next_sequence(connection, "model")) == (
            0,
            (),
            1,
        )
        with pytest.raises(Misconfigured, match="no list of the owner's keys"):
            approvals_of(connection)
