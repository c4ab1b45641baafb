"""`master.key` opens by its passphrase, and by nothing else; every byte of it counts."""

from __future__ import annotations

import json

import pytest

from attestation.errors import Misconfigured, SymbolonError
from contract.canonical import render_canonical
from release.master_key.sealed_file import (
    Cost,
    MasterKeyFormatUnknown,
    MasterKeyMalformed,
    PassphraseWrong,
    lock_by,
    new_ring,
    open_by_lock,
    open_by_passphrase,
    seal,
)

PASSPHRASE = "a sentence for tests"
CHEAP = Cost(n=2, r=8, p=1)
LOCK = lock_by(PASSPHRASE, cost=CHEAP)
RING = new_ring().with_next()
SEALED = seal(RING, LOCK)


def changed(**members: object) -> bytes:
    return render_canonical({**json.loads(SEALED), **members})


def test_what_was_sealed_opens_by_its_passphrase() -> None:
    ring, lock = open_by_passphrase(SEALED, PASSPHRASE)
    assert (ring, lock) == (RING, LOCK)
    assert open_by_lock(seal(ring.with_turn(), lock), LOCK) == RING.with_turn()


def test_the_file_states_what_a_guess_costs() -> None:
    stated = json.loads(seal(RING, lock_by(PASSPHRASE)))
    assert (stated["format"], stated["kdf"], stated["n"], stated["r"], stated["p"]) == (
        1,
        "scrypt",
        1 << 17,
        8,
        1,
    )


def test_two_files_of_one_key_and_passphrase_have_nothing_in_common() -> None:
    first, second = (json.loads(seal(RING, lock_by(PASSPHRASE, cost=CHEAP))) for _ in range(2))
    assert all(first[name] != second[name] for name in ("salt", "nonce", "sealed"))


def test_a_wrong_passphrase_is_said_in_one_line() -> None:
    with pytest.raises(PassphraseWrong) as refused:
        open_by_passphrase(SEALED, PASSPHRASE + ".")
    assert refused.value.message == "the passphrase does not open the master key"
    assert PASSPHRASE not in refused.value.message + refused.value.hint


def test_the_lock_of_another_passphrase_is_told_from_an_altered_file() -> None:
    with pytest.raises(PassphraseWrong, match="another passphrase than when"):
        open_by_lock(SEALED, lock_by(PASSPHRASE, cost=CHEAP))


def test_each_altered_byte_is_refused() -> None:
    for at in range(len(SEALED)):
        altered = SEALED[:at] + bytes((SEALED[at] ^ 1,)) + SEALED[at + 1 :]
        with pytest.raises(SymbolonError):
            open_by_passphrase(altered, PASSPHRASE)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        pytest.param(b"", MasterKeyMalformed, id="nothing"),
        pytest.param(SEALED + b"\n", MasterKeyMalformed, id="a line end behind it"),
        pytest.param(SEALED + b" " * (1 << 20), MasterKeyMalformed, id="too large"),
        pytest.param(changed(format=2), MasterKeyFormatUnknown, id="another format"),
        pytest.param(changed(format=True), MasterKeyFormatUnknown, id="a truth for a format"),
        pytest.param(changed(kdf="pbkdf2"), MasterKeyMalformed, id="another derivation"),
        pytest.param(changed(more=1), MasterKeyMalformed, id="a member more"),
        pytest.param(changed(n=3), MasterKeyMalformed, id="an N that is no power of two"),
        pytest.param(changed(n=1), MasterKeyMalformed, id="an N of one"),
        pytest.param(changed(n=1 << 40), MasterKeyMalformed, id="more memory than any machine has"),
        pytest.param(changed(p=1 << 20), MasterKeyMalformed, id="rounds without end"),
        pytest.param(changed(p=0), MasterKeyMalformed, id="no round"),
        pytest.param(changed(r="8"), MasterKeyMalformed, id="a number in quotes"),
        pytest.param(changed(salt="00"), MasterKeyMalformed, id="a short salt"),
        pytest.param(changed(nonce="zz" * 12), MasterKeyMalformed, id="a nonce that is no hex"),
        pytest.param(changed(sealed="?"), MasterKeyMalformed, id="no base64"),
        pytest.param(changed(n=4), PassphraseWrong, id="a guess that costs otherwise"),
    ],
)
def test_any_other_file_is_refused(data: bytes, error: type[SymbolonError]) -> None:
    with pytest.raises(error):
        open_by_passphrase(data, PASSPHRASE)


def test_a_short_passphrase_is_refused_before_anything_is_sealed() -> None:
    with pytest.raises(Misconfigured, match="fewer than 12 characters"):
        lock_by("short")


def test_neither_key_nor_lock_shows_itself() -> None:
    shown = repr(RING) + repr(LOCK)
    assert LOCK.key.hex() not in shown and repr(LOCK.key) not in shown
    assert not any(key.hex() in shown or repr(key) in shown for key in RING.keys.values())
