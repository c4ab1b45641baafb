"""The corpus, each input once, and that a reader which fails is found out."""

from __future__ import annotations

import importlib.machinery
import importlib.util
from pathlib import Path

import pytest

from attestation.errors import Misconfigured
from tests.fuzz import readers
from tests.fuzz.readers import READERS

CORPUS = Path(__file__).parent / "corpus"
INPUTS = sorted(CORPUS.glob("*/*"))


@pytest.mark.filterwarnings("ignore")  # Pillow's, about each damaged tag: the program ignores them as well
@pytest.mark.parametrize("path", INPUTS, ids=lambda path: str(path.relative_to(CORPUS)))
def test_a_reader_answers_or_says_why_not(path: Path) -> None:
    READERS[path.parent.name](path.read_bytes())


def test_each_reader_has_a_corpus_that_stays_small() -> None:
    assert {path.parent.name for path in INPUTS} == set(READERS)
    assert sum(path.stat().st_size for path in INPUTS) < 100_000


def test_the_script_knows_each_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(__file__).parents[2] / "scripts" / "fuzz"
    monkeypatch.syspath_prepend(path.parent)  # as it is where a script is started
    loader = importlib.machinery.SourceFileLoader("fuzz", str(path))
    spec = importlib.util.spec_from_loader("fuzz", loader)
    assert spec is not None
    script = importlib.util.module_from_spec(spec)
    loader.exec_module(script)
    assert set(script.NAMES) == set(READERS)


def test_an_archive_that_leaves_its_folder_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    def escape(packed: Path, folder: Path, **_: int) -> None:
        (folder.parent / "escaped").touch()

    monkeypatch.setattr(readers, "unpack", escape)
    with pytest.raises(AssertionError):
        readers.archive(b"")


def test_an_error_of_another_family_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    def misconfigured(_: str) -> None:
        raise Misconfigured("no")

    monkeypatch.setattr(readers, "parse_token", misconfigured)
    with pytest.raises(Misconfigured):
        readers.token(b"")
