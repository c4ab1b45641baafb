"""A log is verified from outside: whole, signed, and the one that it was; every other one is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.logs import AT, IDENTITY, KEY, STRANGER, WITNESS, Log, leaf, log_of
from tests.symbolon.conftest import Answered, Ask

SIZE = 300
Verify = Callable[..., Answered]


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return log_of(SIZE, witnessed=True).write(tmp_path_factory.mktemp("honest"))


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """What was seen when the log had 200 entries."""
    file = tmp_path / "kept"
    file.write_text(log_of(200).checkpoint, "utf-8")
    return file


@pytest.fixture
def verify(ask: Ask) -> Verify:
    def verified(log: Path | str, *more: str | Path, key: str | None = KEY) -> Answered:
        return ask("auditor", "log", "verify", log, *(("--key", key) if key else ()), *more)

    return verified


def test_a_log_that_extends_what_was_kept_is_verified_and_kept(
    verify: Verify, honest: Path, kept: Path
) -> None:
    answered = verify(honest, "--checkpoint", kept)
    assert answered.code == 0, answered.out
    assert answered.out.startswith("VERIFIED  300 entries, all there, and nothing was taken back\n")
    assert "it begins with the 200 entries that were kept" in answered.out
    assert kept.read_text("utf-8") == (honest / "checkpoint").read_text("utf-8")
    assert verify(honest, "--checkpoint", kept).code == 0


def test_a_log_that_a_witness_has_seen_is_verified(verify: Verify, honest: Path) -> None:
    answered = verify(honest, "--witness", WITNESS, "--format", "json")
    assert answered.code == 0
    assert answered.json["witnessed_at"] == AT + 60
    assert answered.json["counted"] == {"release": SIZE}
    assert (answered.json["first_at"], answered.json["last_at"]) == (AT, AT + SIZE - 1)


def test_what_a_log_records_is_counted_by_its_kind(verify: Verify, tmp_path: Path) -> None:
    leaves = [leaf(0), leaf(1, "renew"), leaf(2, "return"), leaf(3, "order"), leaf(4)]
    answered = verify(Log(leaves=leaves).write(tmp_path))
    assert "entries  2 released, 1 renewed, 1 returned, 1 ordered" in answered.out


def test_without_anything_kept_it_says_that_a_rollback_would_not_be_noticed(
    verify: Verify, honest: Path
) -> None:
    answered = verify(honest)
    assert answered.code == 6
    assert answered.out.startswith(
        "OPEN  in order, but whether anything was taken back before now is not known"
    )


def test_the_first_time_the_checkpoint_is_kept_and_the_past_is_open(
    verify: Verify, honest: Path, tmp_path: Path
) -> None:
    first = verify(honest, "--checkpoint", tmp_path / "new")
    assert first.code == 6 and f"kept in {tmp_path / 'new'}" in first.out
    assert verify(honest, "--checkpoint", tmp_path / "new").code == 0


def test_without_a_key_nothing_is_verified_or_kept(verify: Verify, honest: Path, tmp_path: Path) -> None:
    answered = verify(honest, "--checkpoint", tmp_path / "new", key=None)
    assert answered.code == 6
    assert "nobody said whose log it has to be" in answered.out
    assert not (tmp_path / "new").exists()


def test_a_log_without_an_entry_is_a_log(verify: Verify, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    empty = Log(leaves=[]).write(tmp_path / "empty")
    assert verify(empty, "--checkpoint", kept).code == 6
    assert verify(empty, "--checkpoint", kept).code == 0
    assert verify(log_of(3).write(tmp_path / "grown"), "--checkpoint", kept).code == 0


HONEST = log_of(SIZE)
LEAVES = list(HONEST.leaves)
ANOTHER = leaf(9_999)
FORKED = {
    "an entry was dropped": [*LEAVES[:100], *LEAVES[101:]],
    "two entries were exchanged": [*LEAVES[:100], LEAVES[101], LEAVES[100], *LEAVES[102:]],
    "an entry was replaced": [*LEAVES[:100], ANOTHER, *LEAVES[101:]],
    "an entry was put between": [*LEAVES[:100], ANOTHER, *LEAVES[100:]],
    "it forked at the last entry that was seen": [*LEAVES[:199], ANOTHER, *LEAVES[200:]],
    "it forked, and is as long as it was": [*LEAVES[:150], *(leaf(n) for n in range(1000, 1050))],
}


@pytest.mark.parametrize("leaves", FORKED.values(), ids=FORKED)
def test_a_log_that_was_rewritten_and_signed_again_is_refused(
    verify: Verify, tmp_path: Path, kept: Path, leaves: list[bytes]
) -> None:
    before = kept.read_text("utf-8")
    answered = verify(Log(leaves=leaves).write(tmp_path / "log"), "--checkpoint", kept)
    assert answered.code == 4
    assert answered.out.startswith("REJECTED  log-forked: the log's first 200 entries are not those")
    assert kept.read_text("utf-8") == before
    assert kept.with_name("kept.refused").read_text("utf-8") == Log(leaves=leaves).checkpoint


@pytest.mark.parametrize("size", [0, 1, 150, 199])
def test_a_log_whose_end_was_cut_is_refused(verify: Verify, tmp_path: Path, kept: Path, size: int) -> None:
    before = kept.read_text("utf-8")
    answered = verify(log_of(size).write(tmp_path / "log"), "--checkpoint", kept)
    assert answered.code == 4
    assert answered.out.startswith(f"REJECTED  log-cut: the log has {size} entries, and 200 were seen before")
    assert kept.read_text("utf-8") == before


SHOWN = {
    "an entry is not among them": [*LEAVES[:100], *LEAVES[101:], ANOTHER],
    "two are exchanged": [*LEAVES[:100], LEAVES[101], LEAVES[100], *LEAVES[102:]],
    "one is replaced": [*LEAVES[:-1], ANOTHER],
    "one is altered": [LEAVES[0].replace(b'"at":"18', b'"at":"19'), *LEAVES[1:]],
}


@pytest.mark.parametrize("shown", SHOWN.values(), ids=SHOWN)
def test_entries_that_are_not_those_that_were_signed_are_refused(
    verify: Verify, tmp_path: Path, shown: list[bytes]
) -> None:
    answered = verify(replace(HONEST, shown=shown).write(tmp_path / "log"))
    assert answered.code == 4
    assert answered.out.startswith("REJECTED  log-differs: ")


def test_tiles_that_are_not_made_of_the_entries_are_refused(verify: Verify, tmp_path: Path) -> None:
    log = replace(HONEST, digests_shown=lambda digest: digest[::-1])
    answered = verify(log.write(tmp_path / "log"))
    assert answered.out.startswith("REJECTED  log-differs: `tile/0/000` of the log is not made of")


@pytest.mark.parametrize("missing", ["tile/entries/000", "tile/entries/001.p/44", "tile/1/000.p/1"])
def test_what_is_not_shown_is_said_to_be_missing(verify: Verify, tmp_path: Path, missing: str) -> None:
    log = HONEST.write(tmp_path / "log")
    (log / missing).unlink()
    answered = verify(log)
    assert answered.code == 4 and answered.out.startswith("REJECTED  log-incomplete: ")


def test_a_tile_that_is_full_by_now_serves_an_older_checkpoint(verify: Verify, tmp_path: Path) -> None:
    log = log_of(520).write(tmp_path / "log")
    (log / "checkpoint").write_text(HONEST.checkpoint, "utf-8")
    for path in ("tile/entries/001.p/44", "tile/0/001.p/44"):
        assert not (log / path).exists()
    (log / "tile" / "1" / "000.p" / "1").write_bytes((log / "tile" / "1" / "000.p" / "2").read_bytes()[:32])
    assert verify(log).code == 6


def test_a_cut_bundle_is_refused(verify: Verify, tmp_path: Path) -> None:
    log = HONEST.write(tmp_path / "log")
    bundle = log / "tile" / "entries" / "000"
    bundle.write_bytes(bundle.read_bytes()[:-1])
    assert verify(log).out.startswith("REJECTED  log-bundle-malformed: ")


OTHERS = {
    "signed by a stranger": (replace(HONEST, key=STRANGER), "note-signed-by-another"),
    "of another broker": (replace(HONEST, key=STRANGER, broker=STRANGER), "note-signed-by-another"),
}


@pytest.mark.parametrize(("log", "code"), OTHERS.values(), ids=OTHERS)
def test_another_s_log_is_refused(verify: Verify, tmp_path: Path, log: Log, code: str) -> None:
    answered = verify(log.write(tmp_path / "log"))
    assert answered.code == 4 and answered.out.startswith(f"REJECTED  {code}: ")


def test_a_log_that_the_witness_has_not_cosigned_is_refused(verify: Verify, tmp_path: Path) -> None:
    answered = verify(HONEST.write(tmp_path / "log"), "--witness", WITNESS)
    assert answered.code == 4
    assert answered.out.startswith("REJECTED  note-signed-by-another: the checkpoint is not cosigned by")


def test_a_log_of_a_later_epoch_says_so_and_is_not_taken_for_the_same(
    verify: Verify, tmp_path: Path, kept: Path
) -> None:
    later = replace(HONEST, epoch=1).write(tmp_path / "later")
    answered = verify(later, "--checkpoint", kept)
    assert answered.code == 4
    assert answered.out.startswith("REJECTED  log-epoch-began: the log is of epoch 1")
    kept.write_text(replace(log_of(200), epoch=1).checkpoint, "utf-8")
    assert verify(later, "--checkpoint", kept).code == 0
    earlier = verify(HONEST.write(tmp_path / "earlier"), "--checkpoint", kept)
    assert earlier.out.startswith("REJECTED  log-of-another: ")


def test_a_kept_file_that_is_no_checkpoint_of_this_broker_is_refused(
    verify: Verify, honest: Path, kept: Path
) -> None:
    kept.write_text(replace(log_of(200), key=STRANGER).checkpoint, "utf-8")
    assert verify(honest, "--checkpoint", kept).code == 4
    kept.write_text("something else", "utf-8")
    assert verify(honest, "--checkpoint", kept).out.startswith("REJECTED  note-malformed: ")
    kept.write_bytes(b"\xff")
    assert verify(honest, "--checkpoint", kept).code == 4


def test_what_is_no_log_is_the_caller_s_mistake(verify: Verify, tmp_path: Path) -> None:
    assert verify(tmp_path / "nowhere").code == 7
    assert verify(tmp_path).out.startswith("REJECTED  log-incomplete: the log shows no checkpoint")
    assert verify(tmp_path, "--checkpoint", tmp_path).code == 7
    answered = verify("https://127.0.0.1:9")
    assert answered.code == 7 and "pinned key" in answered.err


def test_every_flipped_bit_of_what_is_signed_or_shown_is_refused(verify: Verify, tmp_path: Path) -> None:
    log = log_of(3).write(tmp_path / "log")
    for name in ("checkpoint", "tile/entries/000.p/3", "tile/0/000.p/3"):
        data = (log / name).read_bytes()
        for place in range(0, len(data), 13):
            flipped = bytearray(data)
            flipped[place] ^= 1 << place % 8
            (log / name).write_bytes(flipped)
            assert verify(log).code in (4, 7), (name, place)
        (log / name).write_bytes(data)
    assert verify(log).code == 6


def test_a_key_that_is_none_is_wrong_usage(verify: Verify, honest: Path) -> None:
    assert verify(honest, key="not a key").code == 2
    assert verify(honest, "--pin", "zz").code == 2
    assert verify(honest, "--witness", KEY).code == 2
    assert IDENTITY is not STRANGER
