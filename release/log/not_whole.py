"""The refusal of a broker whose database does not have the whole log."""

from __future__ import annotations

from contract.release_refusals import REFUSALS, BrokerRefused


def log_not_whole() -> BrokerRefused:
    """Something of the log is missing: nothing is released by such a database."""
    return REFUSALS["broker-not-ready"].error(
        "the log in the broker's database is not whole", "restore the database from its backup"
    )
