"""A sealed archive as a client of storage reads it, and the line that it leaves in the terms."""

from __future__ import annotations

import pytest

from attestation.digests import digest_of
from contract.release_terms import ReleaseTerms
from symbolon.owner import workplace
from symbolon.owner.packing import measure, packing_of
from symbolon.owner.sealing import SealedArchive, new_seal
from tests.symbolon.owner.to_be_sealed import There


def test_a_sealed_archive_can_be_read_from_any_place_twice(there: There) -> None:
    packing = packing_of(there.mine.parent / "model", None)
    measured = measure(packing)
    seal = new_seal(packing, measured, model_id="it", version=1)
    with SealedArchive(packing, seal) as archive:
        whole = archive.read()
        archive.check_same(measured)
        for start in (0, 1, 40, 41, 1 << 20, (1 << 20) + 5, seal.size - 1, seal.size):
            archive.seek(start)
            assert archive.read(100) == whole[start : start + 100]
            assert archive.tell() == min(start + 100, seal.size)
        archive.check_same(measured)
    assert len(whole) == seal.size
    assert seal.key.hex() not in repr(seal)
    with SealedArchive(packing, seal) as archive, pytest.raises(Exception, match="changed while"):
        archive.read(100)
        archive.check_same(measured)


def test_terms_keep_every_other_letter_when_release_comes_and_goes(there: There) -> None:
    text = (there.mine / "terms.toml").read_text() + "\n# a last word\n"
    release = ReleaseTerms(manifest=digest_of(b"m"), kms=there.kms)
    with_it = workplace.released(text, release)
    assert with_it.startswith(text.rstrip())
    assert workplace.released(with_it, None).rstrip() == text.rstrip()
