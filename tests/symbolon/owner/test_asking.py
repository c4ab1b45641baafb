"""What no file can know: said, asked, or missing by name."""

from __future__ import annotations

import io

import pytest

from attestation.errors import Misconfigured
from symbolon.owner.asking import Asker, matching, one_of, whole


def answering(monkeypatch: pytest.MonkeyPatch, *lines: str) -> Asker:
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
    return Asker(is_person=True)


def test_what_is_said_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asker = answering(monkeypatch)
    assert asker.take(3, question="how many?", flag="--n", parse=whole(1, 9)) == 3


def test_a_person_is_asked_until_the_answer_will_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asker = answering(monkeypatch, "many", "10", "7")
    assert asker.take(None, question="how many?", flag="--n", parse=whole(1, 9)) == 7
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("how many?: ") == 3
    assert "`10` will not do: a whole number from 1 to 9" in said.err


def test_a_person_who_says_nothing_takes_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert answering(monkeypatch, "").take(None, question="q", flag="-f", parse=whole(1, 9), default=5) == 5


def test_a_person_who_has_left_is_told_by_which_flag_to_say_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Misconfigured, match="standard input has ended") as left:
        answering(monkeypatch).take(None, question="q", flag="--scores", parse=one_of("a"))
    assert left.value.hint == "say it: --scores"


def test_where_nobody_answers_everything_that_is_missing_is_named_at_once() -> None:
    asker = Asker(is_person=False)
    assert asker.take(None, question="q", flag="--a", parse=one_of("x")) is None
    assert asker.take(None, question="q", flag="--b", parse=one_of("x"), default="x") == "x"
    assert asker.take(None, question="q", flag="--c", parse=matching("x", "x")) is None
    with pytest.raises(Misconfigured) as missing:
        asker.finish()
    assert missing.value.hint == "say it: --a, --c"


@pytest.mark.parametrize(
    ("parse", "good", "bad"),
    [(one_of("a", "b"), "b", "c"), (whole(0, 9), "9", "-1"), (matching("[0-9]+", "digits"), "12", "1x")],
)
def test_an_answer_is_read_or_refused_with_what_would_do(parse: object, good: str, bad: str) -> None:
    assert callable(parse)
    assert str(parse(good)) == good
    with pytest.raises(ValueError, match=r"one of|whole number|digits"):
        parse(bad)
