"""The owner's folder: what is there stays, and what is pinned is pinned by a line."""

from __future__ import annotations

from pathlib import Path

import pytest

from attestation.digests import Digest
from attestation.errors import Misconfigured
from contract.terms import parse_terms, render_terms
from symbolon.owner.workplace import differences, open_workplace, pinned, render_here
from symbolon.whole_files import write
from tests.workload.samples import TERMS

NEW = Digest("sha256:" + "ab" * 32)


@pytest.mark.parametrize("commented", [True, False])
def test_a_model_is_pinned_and_every_other_letter_stays(commented: bool) -> None:
    text = "# mine\n" + render_terms(TERMS, commented=commented) + "# sha256 = 1\n"
    first = pinned(text, sha256=NEW, generation=7)
    assert (parse_terms(first).model.sha256, parse_terms(first).model.generation) == (NEW, 7)
    assert set(first.splitlines()) - set(text.splitlines()) == {f'sha256 = "{"ab" * 32}"', "generation = 7"}
    again = pinned(first, sha256=NEW, generation=8)
    assert again == first.replace("generation = 7", "generation = 8")
    assert pinned(again, sha256=NEW, generation=8) == again


def test_a_model_that_is_written_otherwise_is_left_to_its_owner() -> None:
    text = render_terms(TERMS)
    model, rest = text.index("[model]"), text.index("[credential]")
    inline = 'model = { uri = "gs://models/m", sha256 = "' + "0" * 64 + '" }\n'
    with pytest.raises(Misconfigured, match="not written as one key a line"):
        pinned(text[:model] + inline + text[rest:], sha256=NEW, generation=1)


def test_differences_are_those_of_what_is_there(tmp_path: Path) -> None:
    write(tmp_path, {"a": "1\n2\n"})
    assert differences(tmp_path, {"a": "1\n2\n", "b": "new\n"}) == ""
    assert differences(tmp_path, {"a": "1\n3\n"}).splitlines()[-2:] == ["-2", "+3"]


def test_a_folder_may_be_moved_with_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "all" / "mine").mkdir(parents=True)
    model = tmp_path / "all" / "model"
    here = render_here(tmp_path / "all" / "mine", model, tmp_path / "all" / "names.txt")
    write(tmp_path / "all" / "mine", {"owner.toml": here, "terms.toml": render_terms(TERMS)})
    (tmp_path / "all").rename(tmp_path / "moved")
    place = open_workplace(tmp_path / "moved" / "mine")
    assert place.model.resolve() == tmp_path / "moved" / "model"
    assert place.labels is not None
    assert place.labels.resolve() == tmp_path / "moved" / "names.txt"
    assert place.terms == TERMS


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, r"no `terms\.toml`"),
        ({"terms.toml": render_terms(TERMS)}, r"no `owner\.toml`"),
        ({"terms.toml": render_terms(TERMS), "owner.toml": "x"}, "is not TOML"),
        ({"terms.toml": render_terms(TERMS), "owner.toml": "format = 2\n"}, "format"),
        ({"terms.toml": render_terms(TERMS), "owner.toml": "format = 1\nmodel = 3\n"}, "where the model is"),
        ({"terms.toml": "format = 1\n"}, "do not say"),
    ],
)
def test_a_folder_that_is_none_of_ours_is_refused(tmp_path: Path, files: dict[str, str], said: str) -> None:
    write(tmp_path, files)
    with pytest.raises(Misconfigured, match=said):
        open_workplace(tmp_path)
