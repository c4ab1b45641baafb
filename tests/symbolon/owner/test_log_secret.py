"""`symbolon owner log-secret`: the owner, and nobody else, gets what opens the broker's own entries."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from attestation.errors import ExitCode
from contract.owner_asks import sign_answer
from contract.release_log import find_opening, parse_entry
from release.store.engine import reading
from release.store.schema import log_entries
from tests.orders import NOW
from tests.symbolon.owner.shops import Shop


def test_it_opens_what_the_owner_ordered_and_not_what_concerns_a_licence(shop: Shop) -> None:
    shop.json("order", "master-key", "key-2", "--send")
    sold = shop.sell()
    assert shop.json("log-secret", "secret") == {"file": "secret"}
    assert stat.S_IMODE(Path("secret").stat().st_mode) == 0o600
    secret = bytes.fromhex(Path("secret").read_text())
    with reading(shop.broker.engine) as connection:
        leaves = connection.execute(log_entries.select().order_by(log_entries.c.position)).all()
    ordered, licensed = (find_opening(parse_entry(row.leaf), secret) for row in leaves)
    assert ordered is not None
    assert (ordered.said["type"], licensed, sold["serial"]) == ("master-key", None, 1)


def test_a_stranger_gets_nothing_and_no_file_is_overwritten(shop: Shop) -> None:
    assert shop.owner("log-secret", "secret", key="stranger").code == ExitCode.REFUSED
    assert not Path("secret").exists()
    Path("secret").write_text("mine")
    assert shop.owner("log-secret", "secret").code == ExitCode.MISCONFIGURED
    assert Path("secret").read_text() == "mine"
    assert shop.owner("log-secret", "nowhere/secret").code == ExitCode.MISCONFIGURED


@pytest.mark.parametrize("secret", [None, "none", "00" * 31])
def test_an_answer_without_one_is_refused(shop: Shop, secret: object) -> None:
    identity = shop.broker.identity
    said = {"log_secret": secret}
    shop.altered = lambda answer: sign_answer(said, to=shop.calls[-1][1], at=NOW, identity=identity)
    assert shop.owner("log-secret", "secret").code == ExitCode.REFUSED
