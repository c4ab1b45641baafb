from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from benchmarks.work import ModelFacts, Work, parse_work, terms_of
from contract.terms import parse_terms, render_terms

WORK = Work(model=ModelFacts(folder="/models/lite0", pixels=224), folder="/photos", stream="connections = 7")


def test_a_contestant_is_told_everything() -> None:
    assert parse_work(WORK.render()) == WORK


def test_terms_say_what_the_work_says() -> None:
    asked = replace(WORK, runtime="openvino", precision="bf16", decode="scaled")
    terms = parse_terms(render_terms(terms_of(asked)))
    assert (terms.runtime.name, terms.runtime.precision, terms.input.decode) == ("openvino", "bf16", "scaled")
    assert (terms.input.height, terms.input.width, terms.input.mean) == (224, 224, (127.0, 127.0, 127.0))
    assert terms.stream.connections == 7


def test_photos_are_taken_in_the_order_of_a_listing(tmp_path: Path) -> None:
    for name in ("b.jpg", "a.jpg", "B.jpg"):
        (tmp_path / name).touch()
    assert replace(WORK, folder=str(tmp_path)).photos == ["B.jpg", "a.jpg", "b.jpg"]
